package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"fieldmq/drivers/line"
	"fieldmq/drivers/modbus"
)

// openAdvice is what to do about a bus that cannot be opened.
func openAdvice(err error) string {
	var name *net.DNSError
	var failed *line.OpenError
	switch {
	case errors.As(err, &failed):
		return failed.Hint
	case errors.As(err, &name):
		return "the name is wrong, or DNS is: write the address in numbers"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the host is there, and nothing listens at this port: is Modbus TCP switched on in the device, and the port right (502)? Some devices take one connection only"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no way leads there: is the box in the same network, the address and the netmask right, the cable plugged?"
	case strings.HasPrefix(err.Error(), "TLS with"):
		return secureAdvice(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), strings.Contains(err.Error(), "timeout"):
		return "nobody is at that address, or a firewall drops what is sent: `ping` it"
	}
	return ""
}

// secureAdvice is what to do about a handshake that failed.
func secureAdvice(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "name the certificate that has signed the device's, or its own, as ca"
	case errors.As(err, &name):
		return "write the name that stands in the device's certificate as server_name, or verify: ca if it names none"
	case errors.As(err, &invalid):
		return "the device's certificate has expired or is not for this, or the clock here is wrong (`fieldmq doctor --part clock`)"
	case errors.As(err, &noTLS), errors.Is(err, context.DeadlineExceeded):
		return "the port is open, and nobody speaks TLS there: is it Modbus TCP in the clear, driver: modbus-tcp, or another port (802)?"
	}
	return "look at what the device demands of certificates"
}

// answerAdvice is what to do about a unit on a network that does not answer.
func answerAdvice(err error, driver string) string {
	var other modbus.OtherUnit
	var refusal *net.OpError
	switch {
	case errors.As(err, &other):
		return fmt.Sprintf("if that is the device, write unit: %d", byte(other))
	case errors.Is(err, modbus.ErrClosed):
		return "it may have no room for one more: end other programs that are connected to it; else look at its unit ids, and whom it lets in"
	case errors.Is(err, modbus.ErrFraming):
		return "it may hand bytes on as they are, to a serial line: driver modbus-rtu-tcp speaks to such boxes"
	case errors.As(err, &refusal) && refusal.Op == "remote error":
		return "the device does not take our certificate: name cert and key, with the role that it wants"
	case driver == modbus.TCP.Name:
		return "check the unit id, and the device behind the box; a box that hands bytes on as they are takes driver modbus-rtu-tcp"
	}
	return "check the unit id, and the device behind the box; on a line also its speed and parity, which the box has"
}

// refusalAdvice is what to do about a unit that does not have a register.
func refusalAdvice(p place) string {
	if n, ok := p.table.Meant(p.first); ok {
		return fmt.Sprintf("if %d is the number of a manual, write %v: %d, for registers count from 0 here", p.first, p.table, n)
	}
	return "compare the points with the device's manual (`fieldmq explain`); some manuals count registers from 1"
}
