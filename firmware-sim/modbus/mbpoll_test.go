package modbus_test

import (
	"context"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"fieldmq/firmware-sim/cable"
	"fieldmq/firmware-sim/modbus"
	"fieldmq/firmware-sim/words"
)

// device holds what a client of another make reads and writes.
type device struct{ tables [4][100]uint16 }

func (d *device) Read(t modbus.Table, address uint16, values []uint16) error {
	if address >= 90 {
		return modbus.IllegalDataValue
	}
	return modbus.Copy(values, d.tables[t][:], 0, address)
}

func (d *device) Write(t modbus.Table, address uint16, values []uint16) error {
	if int(address)+len(values) > len(d.tables[t]) {
		return modbus.IllegalDataAddress
	}
	copy(d.tables[t][address:], values)
	return nil
}

func newDevice() *device {
	d := &device{}
	copy(d.tables[modbus.Coils][:], []uint16{1, 0, 1, 1, 0, 0, 1, 0, 0, 1})
	copy(d.tables[modbus.DiscreteInputs][:], []uint16{0, 1, 1, 0, 1, 0, 0, 0, 1, 1})
	copy(d.tables[modbus.HoldingRegisters][:], []uint16{0, 1, 0xFFFE, 0x7FFF})
	copy(d.tables[modbus.InputRegisters][:], []uint16{11, 22, 33})
	copy(d.tables[modbus.HoldingRegisters][20:], words.Float32(230.5))
	copy(d.tables[modbus.InputRegisters][20:], words.Float32(-1.25))
	copy(d.tables[modbus.HoldingRegisters][30:], words.CDAB.Arrange(words.Uint(123456789, 2)))
	copy(d.tables[modbus.InputRegisters][30:], words.Uint(0xFFFFFFFF-41, 2))
	return d
}

// serve runs a server for f on a pseudo terminal and on TCP, as unit 1, and
// hands it mbpoll's arguments for either.
func serve(t *testing.T, f func(t *testing.T, to ...string)) {
	server, err := modbus.NewServer(modbus.Unit{ID: 1, Device: newDevice()})
	if err != nil {
		t.Fatal(err)
	}
	line, err := cable.Open("")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()
	wait.Go(func() {
		if err := server.ServeRTU(ctx, line); err != nil {
			t.Error(err)
		}
	})
	wait.Go(func() {
		if err := server.ServeTCP(ctx, l); err != nil {
			t.Error(err)
		}
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	t.Run("RTU", func(t *testing.T) { f(t, "-m", "rtu", "-b", "19200", line.Port()) })
	t.Run("RTU 115200 8N1", func(t *testing.T) { f(t, "-m", "rtu", "-b", "115200", "-P", "none", line.Port()) })
	t.Run("TCP", func(t *testing.T) { f(t, "-m", "tcp", "-p", port, "127.0.0.1") })
}

var value = regexp.MustCompile(`(?m)^\[\d+\]: \t(\S+)`)

// mbpoll runs Debian's mbpoll. It returns the values it printed and all that it
// printed.
func mbpoll(t *testing.T, to []string, words ...string) (values, all string) {
	t.Helper()
	args := append([]string{"-0", "-1", "-o", "5"}, to...)
	text, err := exec.CommandContext(t.Context(), "mbpoll", append(args, words...)...).CombinedOutput()
	if _, ran := err.(*exec.ExitError); err != nil && !ran {
		t.Fatalf("mbpoll (Debian package mbpoll): %v", err)
	}
	var got []string
	for _, m := range value.FindAllStringSubmatch(string(text), -1) {
		got = append(got, m[1])
	}
	return strings.Join(got, " "), string(text)
}

func TestMbpollReadsAndWritesEveryTableAndType(t *testing.T) {
	serve(t, func(t *testing.T, to ...string) {
		for _, k := range []struct {
			name string
			args string
			want string
		}{
			{"coils", "-t 0 -r 0 -c 10", "1 0 1 1 0 0 1 0 0 1"},
			{"discrete inputs", "-t 1 -r 0 -c 10", "0 1 1 0 1 0 0 0 1 1"},
			{"input registers", "-t 3 -r 0 -c 3", "11 22 33"},
			{"holding registers", "-t 4:hex -r 0 -c 4", "0x0000 0x0001 0xFFFE 0x7FFF"},
			{"holding float32 ABCD", "-t 4:float -B -r 20", "230.5"},
			{"input float32 ABCD", "-t 3:float -B -r 20", "-1.25"},
			{"holding int32 CDAB", "-t 4:int -r 30", "123456789"},
			{"input int32 ABCD", "-t 3:int -B -r 30", "-42"},
		} {
			if got, all := mbpoll(t, to, strings.Fields(k.args)...); got != k.want {
				t.Errorf("%s: %s, want %s\n%s", k.name, got, k.want, all)
			}
		}
		for _, k := range []struct{ name, write, values, read string }{
			{"one coil, function code 5", "-t 0 -r 50", "1", "-t 0 -r 50"},
			{"coils, function code 15", "-t 0 -r 60", "1 0 0 1 1 0 1 0 1 1", "-t 0 -r 60 -c 10"},
			{"one register, function code 6", "-t 4 -r 50", "4711", "-t 4 -r 50"},
			{"registers, function code 16", "-t 4 -r 60", "1 22 333 4444", "-t 4 -r 60 -c 4"},
			{"a float32", "-t 4:float -B -r 70", "21.75", "-t 4:float -B -r 70"},
			{"an int32", "-t 4:int -r 72", "987654321", "-t 4:int -r 72"},
		} {
			args := append(strings.Fields(k.write), to...)
			_, said := mbpoll(t, args, strings.Fields(k.values)...)
			if got, all := mbpoll(t, to, strings.Fields(k.read)...); got != k.values {
				t.Errorf("%s: %s, want %s\n%s\n%s", k.name, got, k.values, said, all)
			}
		}
	})
}

func TestMbpollUnderstandsTheExceptions(t *testing.T) {
	serve(t, func(t *testing.T, to ...string) {
		for _, k := range []struct{ name, args, want string }{
			{"beyond the device", "-t 4 -r 80 -c 30", "Illegal data address"},
			{"refused by the device", "-t 3 -r 95", "Illegal data value"},
		} {
			if _, all := mbpoll(t, to, strings.Fields(k.args)...); !strings.Contains(all, k.want) {
				t.Errorf("%s: %s", k.name, all)
			}
		}
		args := append([]string{"-t", "4", "-r", "100"}, to...)
		if _, all := mbpoll(t, args, "1"); !strings.Contains(all, "Illegal data address") {
			t.Errorf("write beyond the device: %s", all)
		}
	})
}
