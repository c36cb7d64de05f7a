package probe_test

import (
	"strings"
	"testing"

	"fieldmq/drivers/modbus"
	"fieldmq/gateway/probe"
)

// some are words that are right.
func some(bus string) probe.Words {
	return probe.Words{Bus: bus, Unit: 3, Table: "holding", First: "0", Count: 1}
}

func TestBusIsWrittenAsItIsSaid(t *testing.T) {
	for _, c := range []struct{ words, driver, place string }{
		{"192.168.1.20", "modbus-tcp", "192.168.1.20"},
		{"plc:1502 timeout=3s in_flight=4", "modbus-tcp", "plc:1502"},
		{"modbus-tcp plc", "modbus-tcp", "plc"},
		{"/dev/ttyUSB0", "modbus-rtu", "/dev/ttyUSB0 9600 8N1"},
		{"usb:A10K3XYZ 19200", "modbus-rtu", "usb:A10K3XYZ 19200 8N1"},
		{"./port 19200 8e1", "modbus-rtu", "./port 19200 8E1"},
		{"modbus-rtu port 7O2 data_bits=8", "modbus-rtu", "port 9600 8O2"},
	} {
		config, err := some(c.words).Site()
		if err != nil {
			t.Errorf("%s: %v", c.words, err)
			continue
		}
		place := ""
		switch s := config.Buses[0].Settings.(type) {
		case *modbus.TCPSettings:
			place = s.Host
		case *modbus.RTUSettings:
			place = s.Settings.String()
		}
		if got := config.Buses[0].Driver; got != c.driver || place != c.place {
			t.Errorf("%s: %s %s, want %s %s", c.words, got, place, c.driver, c.place)
		}
	}
}

func TestNameOfAPortIsNoHost(t *testing.T) {
	for words, want := range map[string]string{"ttyUSB0 9600": "write /dev/ttyUSB0", "COM3": "what Windows calls a port"} {
		if _, err := some(words).Site(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", words, err, want)
		}
	}
}

func TestPointsFollowEachOther(t *testing.T) {
	w := some("plc")
	w.Table, w.First, w.Count, w.Type = "i", "0x10", 3, "float32"
	config, err := w.Site()
	if err != nil {
		t.Fatal(err)
	}
	names, err := w.Places()
	if got := strings.Join(names, " "); err != nil || got != "input-16 input-18 input-20" {
		t.Errorf("%s, %v", got, err)
	}
	if points := config.Buses[0].Devices[0].Points; len(points) != 3 {
		t.Errorf("%d points", len(points))
	}
	w.Type = "string"
	config, err = w.Site()
	if err != nil {
		t.Fatal(err)
	}
	if points := config.Buses[0].Devices[0].Points; len(points) != 1 || points[0].Point.At.(*modbus.Address).Count() != 3 {
		t.Errorf("a string of three registers is %v", points)
	}
}

func TestWrongWordsAreExplained(t *testing.T) {
	for _, c := range []struct {
		change func(*probe.Words)
		want   string
	}{
		{func(w *probe.Words) { w.Bus = "" }, "name a bus"},
		{func(w *probe.Words) { w.Bus = "modbus-tcp" }, "name a bus"},
		{func(w *probe.Words) { w.Bus = "modbus-x y" }, "modbus-rtu, modbus-ascii, modbus-tcp"},
		{func(w *probe.Words) { w.Bus = "plc evn" }, `"evn" is neither`},
		{func(w *probe.Words) { w.Bus = "plc timeot=1s" }, `did you mean "timeout"?`},
		{func(w *probe.Words) { w.Bus = "plc:99999" }, "port from 1 to 65535"},
		{func(w *probe.Words) { w.Table = "register" }, "none of coil, discrete, input, holding"},
		{func(w *probe.Words) { w.Table = "" }, "none of coil, discrete, input, holding"},
		{func(w *probe.Words) { w.First = "65536" }, "not a register"},
		{func(w *probe.Words) { w.First = "010" }, "not a register"},
		{func(w *probe.Words) { w.First = "-1" }, "not a register"},
		{func(w *probe.Words) { w.First, w.Type = "65535", "float32" }, "past the last one"},
		{func(w *probe.Words) { w.Count = 0 }, "not a count from 1 to 1000"},
		{func(w *probe.Words) { w.Count = 1001 }, "not a count from 1 to 1000"},
		{func(w *probe.Words) { w.Type = "float" }, "float32"},
		{func(w *probe.Words) { w.Unit = 300 }, "300"},
		{func(w *probe.Words) { w.Bus, w.Unit = "/dev/x", -1 }, "1 to 247"},
		{func(w *probe.Words) { w.Scale = "much" }, "much"},
	} {
		w := some("plc")
		c.change(&w)
		if _, err := w.Site(); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "command line:") {
			t.Errorf("%+v: %v, want %q", w, err, c.want)
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add("plc:502 timeout=1s", "holding", "0x10", "float32", "CDAB", "0.1", 4)
	f.Add("/dev/ttyUSB0 9600 8E1", "c", "65535", "", "", "", 1)
	f.Fuzz(func(t *testing.T, bus, table, first, typ, order, scale string, count int) {
		w := probe.Words{Bus: bus, Unit: 1, Table: table, First: first, Type: typ, Order: order, Scale: scale, Count: count}
		config, err := w.Site()
		if err != nil {
			return
		}
		names, err := w.Places()
		if err != nil || len(names) != len(config.Buses[0].Devices[0].Points) {
			t.Errorf("%+v: %d names, %v", w, len(names), err)
		}
	})
}
