package modbus

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// raw turns "01 02" into bytes.
func raw(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The requests and answers are the examples of MAP section 6, with the values
// of those examples in the device.
func TestAnswersAreThoseOfTheSpecification(t *testing.T) {
	m := &memory{}
	for i, b := range []byte{0xCD, 0x6B, 0x05} {
		for bit := range 8 {
			m.tables[Coils][19+8*i+bit] = uint16(b>>bit) & 1
		}
	}
	for i, b := range []byte{0xAC, 0xDB, 0x35} {
		for bit := range 8 {
			m.tables[DiscreteInputs][196+8*i+bit] = uint16(b>>bit) & 1
		}
	}
	copy(m.tables[HoldingRegisters][107:], []uint16{0x022B, 0x0000, 0x0064})
	m.tables[InputRegisters][8] = 0x000A
	for _, k := range []struct{ name, request, answer string }{
		{"read coils 20-38", "01 0013 0013", "01 03 CD6B05"},
		{"read discrete inputs 197-218", "02 00C4 0016", "02 03 ACDB35"},
		{"read holding registers 108-110", "03 006B 0003", "03 06 022B 0000 0064"},
		{"read input register 9", "04 0008 0001", "04 02 000A"},
		{"write coil 173 on", "05 00AC FF00", "05 00AC FF00"},
		{"write register 2", "06 0001 0003", "06 0001 0003"},
		{"write coils 20-29", "0F 0013 000A 02 CD01", "0F 0013 000A"},
		{"see the coils", "01 0013 000A", "01 02 CD01"},
		{"write registers 2-3", "10 0001 0002 04 000A 0102", "10 0001 0002"},
		{"see the registers", "03 0001 0002", "03 04 000A 0102"},
		{"prepare register 5", "06 0004 0012", "06 0004 0012"},
		{"mask register 5", "16 0004 00F2 0025", "16 0004 00F2 0025"},
		{"see the masked register", "03 0004 0001", "03 02 0017"},
		{"write and read", "17 0003 0006 000E 0003 06 00FF 00FF 00FF", "17 0C 0000 0017 0000 0000 0000 0000"},
		{"see what that wrote", "03 000E 0003", "03 06 00FF 00FF 00FF"},
		{"write coil 173 off", "05 00AC 0000", "05 00AC 0000"},
		{"identification", "2B 0E 01 00", "2B 0E 01 81 00 00 03 00 07 6669656C646D71 01 04 464D2D31 02 03 322E30"},
		{"one object", "2B 0E 04 01", "2B 0E 04 81 00 00 01 01 04 464D2D31"},
	} {
		if got := perform(m, raw(t, k.request)); !bytes.Equal(got, raw(t, k.answer)) {
			t.Errorf("%s: %x, want %s", k.name, got, k.answer)
		}
	}
}

func TestWrongRequestsGetTheRightException(t *testing.T) {
	for _, k := range []struct{ name, request, answer string }{
		{"unknown function", "63 0000", "E3 01"},
		{"no quantity", "03 0000 0000", "83 03"},
		{"a register too many", "03 0000 007E", "83 03"},
		{"a bit too many", "01 0000 07D1", "81 03"},
		{"quantity is looked at before the address", "04 FFFF 007E", "84 03"},
		{"beyond the device", "03 03E7 0002", "83 02"},
		{"beyond 65535", "03 FFFF 0002", "83 02"},
		{"request too short", "03 0000 00", "83 03"},
		{"request too long", "03 0000 0001 00", "83 03"},
		{"a coil half on", "05 0000 0001", "85 03"},
		{"coil beyond the device", "05 03E8 FF00", "85 02"},
		{"register beyond the device", "06 03E8 0001", "86 02"},
		{"byte count of coils wrong", "0F 0000 000A 01 FF", "8F 03"},
		{"coils short", "0F 0000 000A 02 FF", "8F 03"},
		{"no coils", "0F 0000 0000 00", "8F 03"},
		{"too many coils", "0F 0000 07B1 F7", "8F 03"},
		{"byte count of registers wrong", "10 0000 0002 03 000000", "90 03"},
		{"too many registers", "10 0000 007C F8", "90 03"},
		{"registers beyond the device", "10 03E7 0002 04 0000 0000", "90 02"},
		{"mask too short", "16 0000 0000", "96 03"},
		{"mask beyond the device", "16 03E8 0000 0000", "96 02"},
		{"exchange too short", "17 0000 0001", "97 03"},
		{"exchange reads too much", "17 0000 007E 0000 0001 02 0000", "97 03"},
		{"exchange writes too much", "17 0000 0001 0000 007A F4", "97 03"},
		{"exchange beyond the device", "17 03E8 0001 0000 0001 02 1234", "97 02"},
		{"another encapsulated interface", "2B 0D 00 00", "AB 01"},
		{"no such access", "2B 0E 05 00", "AB 03"},
		{"no such object", "2B 0E 04 03", "AB 02"},
	} {
		m := filled()
		if got := perform(m, raw(t, k.request)); !bytes.Equal(got, raw(t, k.answer)) {
			t.Errorf("%s: %x, want %s", k.name, got, k.answer)
		}
		if *m != *filled() {
			t.Errorf("%s: something was written", k.name)
		}
	}
}

func TestLimitsThemselvesAreAllowed(t *testing.T) {
	for _, k := range []struct {
		name, request string
		answered      int
	}{
		{"2000 coils", "01 0000 03E8", 2 + 125}, // all that the device has
		{"125 registers", "03 0000 007D", 2 + 250},
		{"123 registers written", "10 0000 007B F6" + strings.Repeat("0001", 123), 5},
		{"800 coils written", "0F 0000 0320 64" + strings.Repeat("FF", 100), 5},
		{"121 registers exchanged", "17 0000 007D 0000 0079 F2" + strings.Repeat("0001", 121), 2 + 250},
	} {
		got := perform(filled(), raw(t, k.request))
		if len(got) != k.answered {
			t.Errorf("%s: %x", k.name, got)
		}
	}
}

func TestErrorOfTheDeviceIsException4(t *testing.T) {
	got := perform(&memory{broken: true}, raw(t, "03 0000 0001"))
	if want := raw(t, "83 04"); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestServerRefusesImpossibleUnits(t *testing.T) {
	for _, units := range [][]Unit{{{ID: 0}}, {{ID: 1}, {ID: 1}}} {
		if _, err := NewServer(units...); err == nil {
			t.Errorf("%v passes", units)
		}
	}
}
