package modbus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// order is a command to a new point of a device.
func order(d *Device, v drivers.Value, set func(*Address)) drivers.Command {
	p := point(d, "p", set)
	at(p).AllowWrite()
	return drivers.Command{Point: p, Value: v}
}

func verified(n int, t Type, v Verify) func(*Address) {
	return func(a *Address) {
		holding(n, t)(a)
		if v.Within == 0 {
			v.Within = configs.Duration(time.Second)
		}
		v.On = true
		a.Verify = v
	}
}

func TestWritesGoOutAsTold(t *testing.T) {
	bits := func(n int, r Range) func(*Address) {
		return func(a *Address) { holding(n, Unset)(a); a.Bits = &r }
	}
	tests := map[string]struct {
		device   func(*Device)
		commands func(*Device) []drivers.Command
		refuse   func(*pdu) Exception
		asked    string
		want     map[int]uint16 // of 100 to 105, which were 0xAAAA
	}{
		"writes one register with 6": {
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Int(7), holding(100, Uint16))}
			},
			asked: "6:100+7", want: map[int]uint16{100: 7},
		},
		"joins what touches in one 16, whatever comes first": {
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{
					order(d, drivers.Int(2), holding(101, Uint16)), order(d, drivers.Int(1), holding(100, Uint16)),
					order(d, drivers.Int(0x30004), holding(102, Uint32)),
				}
			},
			asked: "16:100+4", want: map[int]uint16{100: 1, 101: 2, 102: 3, 103: 4},
		},
		"keeps apart what does not touch": {
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Int(1), holding(100, Uint16)), order(d, drivers.Int(2), holding(102, Uint16))}
			},
			asked: "6:100+1 6:102+2", want: map[int]uint16{100: 1, 102: 2},
		},
		"reads the rest of a register that it changes a part of": {
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Int(5), bits(100, Range{4, 7}))}
			},
			asked: "3:100+1 6:100+43610", want: map[int]uint16{100: 0xAA5A},
		},
		"changes several parts of a register at once": {
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Int(5), bits(100, Range{4, 7})), order(d, drivers.Int(1), bits(100, Range{0, 1}))}
			},
			asked: "3:100+1 6:100+43609", want: map[int]uint16{100: 0xAA59},
		},
		"masks where the device knows how": {
			device: func(d *Device) { d.MaskWrite = true },
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Int(5), bits(100, Range{4, 7}))}
			},
			asked: "22:100+65295", want: map[int]uint16{100: 0xAA5A},
		},
		"masks with the bytes swapped": {
			device: func(d *Device) { d.MaskWrite = true },
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Int(5), func(a *Address) { bits(100, Range{4, 7})(a); a.Order = BADC })}
			},
			asked: "22:100+4095", want: map[int]uint16{100: 0x5AAA},
		},
		"falls back where it does not, and remembers": {
			device: func(d *Device) { d.MaskWrite = true },
			refuse: func(r *pdu) Exception {
				if r.FunctionCode == 22 {
					return illegalFunction
				}
				return 0
			},
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Int(5), bits(100, Range{4, 7})), order(d, drivers.Int(1), bits(101, Range{0, 0}))}
			},
			asked: "22:100+65295 3:100+1 6:100+43610 3:101+1 6:101+43691", want: map[int]uint16{100: 0xAA5A, 101: 0xAAAB},
		},
		"changes a bit beyond the first register": {
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Bool(true), func(a *Address) { holding(100, Uint32)(a); a.Bit = ptr(16) })}
			},
			asked: "3:100+2 16:100+2", want: map[int]uint16{100: 0xAAAB},
		},
		"writes elsewhere than it reads": {
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Int(-2), func(a *Address) { input(7, Int16, ABCD)(a); a.WriteHolding = at0(100) })}
			},
			asked: "6:100+65534", want: map[int]uint16{100: 0xFFFE},
		},
		"switches a coil for a discrete input": {
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Bool(true), func(a *Address) { discrete(7)(a); a.WriteCoil = at0(100) })}
			},
			asked: "5:100+65280", want: map[int]uint16{100: 1},
		},
		"reads back": {
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Int(7), verified(100, Uint16, Verify{}))}
			},
			asked: "6:100+7 3:100+1", want: map[int]uint16{100: 7},
		},
		"reads several back at once": {
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{
					order(d, drivers.Float(0.1), verified(100, Float32, Verify{})),
					order(d, drivers.Int(7), verified(102, Uint16, Verify{})),
				}
			},
			asked: "16:100+3 3:100+3", want: map[int]uint16{100: 0x3DCC, 101: 0xCCCD, 102: 7},
		},
		"reads back in one exchange": {
			device: func(d *Device) { d.ReadWrite = true },
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Int(7), verified(100, Uint16, Verify{}))}
			},
			asked: "23:100+1", want: map[int]uint16{100: 7},
		},
		"reads back in two where the device declines": {
			device: func(d *Device) { d.ReadWrite = true },
			refuse: func(r *pdu) Exception {
				if r.FunctionCode == 23 {
					return illegalFunction
				}
				return 0
			},
			commands: func(d *Device) []drivers.Command {
				return []drivers.Command{order(d, drivers.Int(7), verified(100, Uint16, Verify{})), order(d, drivers.Int(8), verified(102, Uint16, Verify{}))}
			},
			asked: "23:100+1 6:100+7 3:100+1 6:102+8 3:102+1", want: map[int]uint16{100: 7, 102: 8},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bus, m := onMemory(tt.refuse)
			for n := 100; n < 106; n++ {
				m.registers[n] = 0xAAAA
			}
			d := unitOf(newTCPSettings(), 1)
			if tt.device != nil {
				tt.device(d)
			}
			if err := bus.Write(t.Context(), tt.commands(d)); err != nil {
				t.Error(err)
			}
			if got := m.takeAsked(); got != tt.asked {
				t.Errorf("asked %s, want %s", got, tt.asked)
			}
			for n := 100; n < 106; n++ {
				want, changed := tt.want[n]
				if !changed {
					want = 0xAAAA
				}
				if m.registers[n] != want {
					t.Errorf("register %d is %04X, want %04X", n, m.registers[n], want)
				}
			}
		})
	}
}

// stubborn is a memory that takes writes in another way than it says.
func TestWritesThatDoNotShowAreFaults(t *testing.T) {
	const wrote, shown = 100, 40
	tests := map[string]struct {
		after time.Duration // until the device shows it; 0: never
		want  string
	}{
		"waits for the device":  {700 * time.Millisecond, ""},
		"does not wait forever": {0, "write d/p: refused: the device agreed, but p reads back as 1, not 7 (in its own numbers)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus, m := onMemory(nil)
				m.registers[shown] = 1
				if tt.after > 0 {
					began := time.Now()
					m.refuse = func(r *pdu) Exception {
						if time.Since(began) >= tt.after {
							m.registers[shown] = m.registers[wrote]
						}
						return 0
					}
				}
				d := unitOf(newTCPSettings(), 1)
				err := bus.Write(t.Context(), []drivers.Command{order(d, drivers.Int(7), verified(wrote, Uint16, Verify{ReadBack: ReadBack{Input: at0(shown)}}))})
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasSuffix(err.Error(), strings.TrimPrefix(tt.want, "write d/p: refused: "))) {
					t.Errorf("got %v", err)
				}
				if err != nil && !errors.Is(err, drivers.ErrRefused) {
					t.Errorf("%v is no refusal", err)
				}
			})
		})
	}
}

func TestLostAnswerIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		writes := 0
		bus, _ := onWire(t, s, func(_ int, request []byte) []burst {
			if request[1] == 6 {
				writes++
				return nil
			}
			return []burst{{turnaround, simulated(request)}}
		})
		d := unitOf(s, 1)
		readOne(t, bus, point(d, "first", holding(3, Uint16))) // the echo is known now
		err := bus.Write(t.Context(), []drivers.Command{order(d, drivers.Int(7), holding(100, Uint16))})
		if !errors.Is(err, drivers.ErrUnsure) || !errors.Is(err, drivers.ErrOffline) || writes != 1 {
			t.Errorf("%d writes, %v", writes, err)
		}
	})
}

func TestLostAnswerIsFoundOutByReadingBack(t *testing.T) {
	for name, obeyed := range map[string]bool{"finds it done": true, "finds it undone": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus, m := onMemory(nil)
				m.registers[100] = 1
				m.lose = func(r *pdu) bool {
					if r.FunctionCode == 6 && obeyed {
						m.registers[100] = 7
					}
					return r.FunctionCode == 6
				}
				d := unitOf(newTCPSettings(), 1)
				err := bus.Write(t.Context(), []drivers.Command{order(d, drivers.Int(7), verified(100, Uint16, Verify{}))})
				if (err == nil) != obeyed {
					t.Errorf("got %v", err)
				}
				if !obeyed && !strings.Contains(err.Error(), "still reads 1, not 7") {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestCallsAreMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		var sent []string
		bus, _ := onWire(t, s, func(_ int, request []byte) []burst {
			body := request[1 : len(request)-2]
			sent = append(sent, strings.TrimSpace(string(hexed(body))))
			switch {
			case body[0] == 0x42:
				return []burst{{turnaround, sealed([]byte{1, 0x42})}}
			case body[0] == 0x41:
				return []burst{{turnaround, sealed([]byte{1, 0x41, 0xFF, 0xFF, 0x12, 0x34, 0x00})}}
			case body[0] == 0x46:
				return []burst{{turnaround, exception(request, 3)}}
			}
			return []burst{{turnaround, sealed(append([]byte{1}, body...))}}
		})
		d := unitOf(s, 1)
		call := func(function int, data, answer string, at int) func(*Address) {
			return func(a *Address) {
				a.Call = &Call{Function: function, At: at}
				if err := a.Call.Data.UnmarshalText([]byte(data)); err != nil {
					t.Fatal(err)
				}
				if answer == "" {
					return
				}
				if err := a.Call.Answer.UnmarshalText([]byte(answer)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := readOne(t, bus, point(d, "p", call(0x41, "01", "5", 2))); got.Err != nil || got.Value != drivers.Int(0x1234) {
			t.Errorf("read %v, %v", got.Value, got.Err)
		}
		for _, c := range []drivers.Command{
			order(d, drivers.Bool(true), call(0x42, "", "", 0)),                                                              // PZEM: reset the energy
			order(d, drivers.Bool(true), call(5, "00 02 55 00", "", 0)),                                                      // Waveshare: toggle
			order(d, drivers.Int(0x0708), func(a *Address) { call(0x45, "00 10 {value} FF", "echo", 0)(a); a.Type = Int16 }), // a value in the middle
		} {
			if err := bus.Write(t.Context(), []drivers.Command{c}); err != nil {
				t.Error(err)
			}
		}
		refused := bus.Write(t.Context(), []drivers.Command{order(d, drivers.Bool(true), call(0x46, "", "", 0))})
		if !errors.Is(refused, drivers.ErrRefused) || errors.Is(refused, drivers.ErrUnsure) {
			t.Errorf("got %v", refused)
		}
		if err := bus.Write(t.Context(), []drivers.Command{order(d, drivers.Bool(false), call(0x42, "", "", 0))}); err == nil {
			t.Error("false makes the call")
		}
		if got, want := strings.Join(sent, ", "), "41 01, 42, 05 00 02 55 00, 45 00 10 07 08 FF, 46"; got != want {
			t.Errorf("sent %s, want %s", got, want)
		}
	})
}

func TestCallsAreNeverMadeByReading(t *testing.T) {
	bus, m := onMemory(nil)
	d := unitOf(newTCPSettings(), 1)
	m.registers[5] = 7
	reset := order(d, drivers.Bool(true), func(a *Address) { a.Call = &Call{Function: 0x42} }).Point
	plain := point(d, "plain", holding(5, Uint16))
	if got := readAll(t, bus, reset, plain, reset); got != "refused: the point is only written, never read, 7, refused: the point is only written, never read" {
		t.Errorf("got %s", got)
	}
	if got := readAll(t, bus, reset); got != "refused: the point is only written, never read" {
		t.Errorf("got %s", got)
	}
	if _, _, err := bus.Inspect(t.Context(), []*drivers.Point{reset}); err != nil {
		t.Error(err)
	}
	if got := m.takeAsked(); got != "3:5+1" {
		t.Errorf("asked %s", got)
	}
}

func TestBroadcastsAreSentAndNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		bus, w := onWire(t, s, func(int, []byte) []burst { return nil })
		d := unitOf(s, 0)
		d.MaskWrite = true
		for _, c := range []drivers.Command{
			order(d, drivers.Int(7), holding(0x4000, Uint16)),
			order(d, drivers.Bool(true), coil(3)),
			order(d, drivers.Int(1), func(a *Address) { holding(5, Unset)(a); a.Bits = &Range{0, 3} }),
		} {
			if err := bus.Write(t.Context(), []drivers.Command{c}); err != nil {
				t.Error(err)
			}
		}
		d.MaskWrite = false
		err := bus.Write(t.Context(), []drivers.Command{order(d, drivers.Int(1), func(a *Address) { holding(5, Unset)(a); a.Bits = &Range{0, 3} })})
		if !errors.Is(err, drivers.ErrRefused) || len(w.sent) != 3 {
			t.Errorf("%d frames sent, %v", len(w.sent), err)
		}
	})
}

func TestExceptionsNoStandardKnowsAreRefusals(t *testing.T) {
	for _, code := range []Exception{0, 7, 9, 99, 255} { // Growatt answers 0
		bus, _ := onMemory(func(*pdu) Exception { return code })
		if code == 0 {
			bus, _ = onMemory(nil)
			bus.link.(*memory).zero = true
		}
		err := bus.Write(t.Context(), []drivers.Command{order(unitOf(newTCPSettings(), 1), drivers.Int(7), holding(100, Uint16))})
		if !errors.Is(err, drivers.ErrRefused) || errors.Is(err, drivers.ErrUnsure) {
			t.Errorf("%d: got %v", code, err)
		}
	}
}

func hexed(b []byte) []byte { return fmt.Appendf(nil, "% X", b) }

func TestCalledOffWhileALateAnswerMayComeIsNoCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at9600()
		bus, _ := onWire(t, s, func(n int, request []byte) []burst {
			if n == 0 {
				return []burst{{turnaround, simulated(request)}}
			}
			return nil
		})
		p := point(unitOf(s, 1), "p", holding(3, Uint16))
		readOne(t, bus, p)
		readOne(t, bus, p) // silence: its answer may still come
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := bus.Read(ctx, []*drivers.Point{p}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
