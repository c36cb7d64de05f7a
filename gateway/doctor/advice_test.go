package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway"
)

func TestAdviceFitsWhatIsWrong(t *testing.T) {
	secure := func(err error) string { return openAdvice(fmt.Errorf("TLS with plc:802: %w", err)) }
	answer := func(err error) string { return answerAdvice(err, "modbus-tcp") }
	for name, tt := range map[string]struct{ got, want string }{
		"a name that is not in the certificate": {secure(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "plc"}), "server_name"},
		"an authority that nobody knows":        {secure(x509.UnknownAuthorityError{}), "as ca"},
		"a certificate that has expired":        {secure(x509.CertificateInvalidError{}), "expired"},
		"a port without TLS":                    {secure(context.DeadlineExceeded), "modbus-tcp"},
		"an address without a host":             {openAdvice(context.DeadlineExceeded), "ping"},
		"another unit":                          {answer(fmt.Errorf("read: %w", modbus.OtherUnit(7))), "unit: 7"},
		"a peer that hangs up":                  {answer(modbus.ErrClosed), "room"},
		"a peer that speaks something else":     {answer(fmt.Errorf("%w: %w", drivers.ErrBus, modbus.ErrFraming)), "modbus-rtu-tcp"},
		"a certificate that is not taken":       {answer(&net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}), "cert and key"},
		"the number of a manual":                {refusalAdvice(place{table: modbus.Holding, first: 40101}), "holding: 100"},
		"a register that is not there":          {refusalAdvice(place{table: modbus.Holding, first: 101}), "manual"},
		"silence":                               {answer(drivers.ErrOffline), "unit id"},
	} {
		if !strings.Contains(tt.got, tt.want) {
			t.Errorf("%s: %q says nothing of %q", name, tt.got, tt.want)
		}
	}
}

// TestUnitsAreAskedForWhatTheyHave: nothing is read that is only written, and
// where a SunSpec block stands is not known yet.
func TestUnitsAreAskedForWhatTheyHave(t *testing.T) {
	config, err := gateway.Read("site.yaml", []byte(`
buses: {b: {driver: modbus-tcp, address: plc}}
devices:
  inverter: {bus: b, unit: 1, points: {power: {sunspec: {model: 103, offset: 14}}}}
  relay: {bus: b, unit: 2, points: {reset: {call: {function: 0x42}, write: true}, clear: {holding: 30, read: false, write: true}, level: {holding: 5}}}
  valve: {bus: b, unit: 3, points: {open: {coil: 9}}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range places(config.Buses[0]) {
		got = append(got, fmt.Sprintf("%d %v %d %v", p.unit, p.table, p.first, p.any))
	}
	if want := "1 holding 0 true, 2 holding 5 false, 3 coil 9 false"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}
