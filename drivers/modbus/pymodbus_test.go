package modbus

import (
	"fmt"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/drivers/driverstest"
)

// TestDriversDoWhatDriversMustWithPymodbus holds the ways that libmodbus does not
// know against a server that others wrote.
func TestDriversDoWhatDriversMustWithPymodbus(t *testing.T) {
	const needs = "python3-pymodbus and python3-serial-asyncio"
	through := func(f framing) func(string) drivers.Settings {
		return func(address string) drivers.Settings {
			s := newStreamSettings(f)
			s.Host = address
			return s
		}
	}
	for kind, settings := range map[string]func(address string) drivers.Settings{
		"rtu-tcp":   through(rtuFraming{}),
		"ascii-tcp": through(asciiFraming{}),
		"udp":       func(a string) drivers.Settings { s := newUDPSettings(); s.Host = a; return s },
		"rtu-udp":   func(a string) drivers.Settings { s := newRTUOverUDPSettings(); s.Host = a; return s },
	} {
		t.Run(kind, func(t *testing.T) {
			port := freePort(t)
			script(t, needs, "testdata/pymodbus_server.py", kind, fmt.Sprint(port))
			address := fmt.Sprintf("127.0.0.1:%d", port)
			if strings.HasSuffix(kind, "udp") {
				untilBound(t, port)
			} else {
				untilOpen(t, address)
			}
			driverstest.Run(t, func(*testing.T) driverstest.Bench {
				return againstPymodbus(func() drivers.Settings { return settings(address) })
			})
		})
	}
	t.Run("ascii", func(t *testing.T) {
		near, far, _ := cable(t)
		script(t, needs, "testdata/pymodbus_server.py", "ascii", far)
		driverstest.Run(t, func(*testing.T) driverstest.Bench {
			return againstPymodbus(func() drivers.Settings {
				s := newASCIISettings()
				s.Port, s.Baud = near, 115200
				return s
			})
		})
	})
	t.Run("tls", func(t *testing.T) {
		p := newPKI(t)
		p.issue("device", nil)
		port := freePort(t)
		script(t, needs, "testdata/pymodbus_server.py", "tls", fmt.Sprint(port), p.dir+"/device.crt", p.dir+"/device.key")
		address := fmt.Sprintf("127.0.0.1:%d", port)
		untilOpen(t, address)
		driverstest.Run(t, func(*testing.T) driverstest.Bench {
			return againstPymodbus(func() drivers.Settings {
				s := newTLSSettings()
				s.Host, s.CA = address, p.dir+"/ca.crt"
				return s
			})
		})
	})
}

// untilBound waits until someone has a port of UDP.
func untilBound(t *testing.T, port int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		table, err := os.ReadFile("/proc/net/udp")
		if err == nil && strings.Contains(string(table), fmt.Sprintf(":%04X ", port)) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody has the port", err)
		}
	}
}

// untilOpen waits until someone listens.
func untilOpen(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// againstPymodbus is against for a server that refuses what it does not have and
// leaves units alone that it does not know.
func againstPymodbus(settings func() drivers.Settings) driverstest.Bench {
	with := func(timeout time.Duration) drivers.Settings {
		s := settings()
		reflect.ValueOf(s).Elem().FieldByName("Timeout").Set(reflect.ValueOf(configs.Duration(timeout)))
		return s
	}
	b := against(with)
	known := at(b.Points[0]).device
	b.Refused = point(known, "beyond", holding(400, Uint16))
	stranger := func(timeout time.Duration) []*drivers.Point {
		d := with(timeout).Device().(*Device)
		d.Unit = 9
		return []*drivers.Point{point(d, "a", holding(1, Uint16)), point(d, "b", holding(90, Uint16))}
	}
	b.Silent, b.Waiting = stranger(300*time.Millisecond), stranger(time.Minute)
	return b
}
