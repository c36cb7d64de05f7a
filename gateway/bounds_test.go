package gateway

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"fieldmq/configs"
)

// What the driver would refuse is said before a command comes.
func TestBoundsBeyondWhatThePointHoldsAreFound(t *testing.T) {
	for _, c := range []struct{ point, want string }{
		{"{holding: 1, write: {min: 0, max: 65535}}", ""},
		{"{holding: 1, write: {max: 70000}}", "3:61 devices.d.points.x.write.max: 70000 is not from 0 to 65535, which is what the point holds"},
		{"{holding: 1, write: {min: -1}}", "3:61 devices.d.points.x.write.min: -1 is not from 0 to 65535, which is what the point holds"},
		{"{holding: 1, scale: 0.1, write: {max: 6554}}", "3:73 devices.d.points.x.write.max: 6554 is not from 0 to 6553.5, which is what the point holds"},
		{"{holding: 1, type: int16, scale: -1, offset: 10, write: {min: -32757, max: 32778}}", ""},
		{"{holding: 1, bits: 0-3, write: {max: 16}}", "3:72 devices.d.points.x.write.max: 16 is not from 0 to 15, which is what the point holds"},
		{"{holding: 1, type: float16, write: {max: 70000}}", "3:76 devices.d.points.x.write.max: 70000 cannot be written: 70000 does not fit float16"},
		{"{holding: 1, type: float16, scale: 2, write: {max: 70000}}", ""},
		{"{holding: 1, type: float32, scale: 0.1, write: {max: 1e38}}",
			"3:88 devices.d.points.x.write.max: 1e+38 cannot be written: without scale and offset, 1e+39 does not fit float32"},
		{"{holding: 1, type: int32, write: {max: 70000}}", ""},
		{"{holding: 1, scale_register: 5, write: {max: 70000}}", ""},
		{"{holding: 1, write: true, on_stop: 70000}", "3:70 devices.d.points.x.on_stop: 70000 is not from 0 to 65535, which is what the point holds"},
		{"{coil: 1, write: true, on_stop: off}", ""},
		{"{holding: 1, enum: {0: off, 1: on}, write: true, on_stop: off}", ""},
		{"{holding: 1, type: string, length: 2, write: true, on_stop: hello}", `3:95 devices.d.points.x.on_stop: "hello" is longer than 4 characters`},
	} {
		_, err := Read("site.yaml", []byte("\nbuses: {b: {driver: modbus-tcp, address: 10.0.0.1}}\n"+
			"devices: {d: {bus: b, points: {x: "+c.point+"}}}\n"), nil)
		var faults configs.Faults
		got := ""
		if errors.As(err, &faults) && len(faults) == 1 {
			got = fmt.Sprintf("%d:%d %s: %s", faults[0].Line, faults[0].Column, faults[0].Path, faults[0].Text)
		} else if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.point, got, c.want)
		}
	}
}

// A configuration is kept for as long as the gateway runs; the text and what was parsed
// of it, which take as much memory again, are not.
func TestAConfigurationDoesNotHoldOnToItsDocument(t *testing.T) {
	r := newReader("site.yaml", []byte("buses: {b: {driver: modbus-tcp, address: 10.0.0.1}}\ndevices: {d: {bus: b, points: {x: {holding: 1}}}}\n"), nil)
	freed := make(chan struct{})
	runtime.AddCleanup(r, func(done chan struct{}) { close(done) }, freed)
	config, err := r.read()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		runtime.GC()
		select {
		case <-freed:
			runtime.KeepAlive(config)
			return
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("the reader is still in memory")
		}
	}
}
