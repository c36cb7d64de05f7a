package modbus

import (
	"bytes"
	"slices"
	"testing"

	"github.com/goburrow/modbus"
)

func packagerOf(unit byte) modbus.Packager {
	return rtuFraming{}.packer(unit)
}

// What was on real lines: an SDM630, the example of MSL's text, a relay board.
func TestRecordedAnswersAreFound(t *testing.T) {
	tests := map[string]struct {
		request  *pdu
		unit     byte
		received string
		want     string // the PDU's data, "-" for none
	}{
		"finds volts":                  {readRequest(Input, 0, 2), 1, "01 04 04 43 66 33 34 1B 38", "04 43 66 33 34"},
		"finds registers":              {readRequest(Holding, 0x6B, 3), 17, "11 03 06 AE 41 56 52 43 40 49 AD", "06 AE 41 56 52 43 40"},
		"finds it before a zero":       {readRequest(Holding, 60, 1), 1, "01 03 02 00 B5 79 F3 00", "02 00 B5"},
		"finds an exception":           {readRequest(Coil, 0, 1), 10, "0A 81 02 B0 53", "02"},
		"finds a switched coil":        {writeCoils(0xAC, []bool{true}, false), 17, "11 05 00 AC FF 00 4E 8B", "00 AC FF 00"},
		"finds none in another's":      {readRequest(Input, 0, 2), 2, "01 04 04 43 66 33 34 1B 38", "-"},
		"finds none without the end":   {readRequest(Input, 0, 2), 1, "01 04 04 43 66 33 34 1B", "-"},
		"finds none in another place":  {writeCoils(0xAD, []bool{true}, false), 17, "11 05 00 AC FF 00 4E 8B", "-"},
		"finds none in what was asked": {readRequest(Input, 0, 2), 1, "01 04 00 00 00 02 71 CB", "-"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := find(unhex(t, tt.received), tt.unit, tt.request, packagerOf(tt.unit))
			if !f.ok {
				if tt.want != "-" {
					t.Error("found nothing")
				}
				return
			}
			if tt.want == "-" || !bytes.Equal(f.answer.Data, unhex(t, tt.want)) {
				t.Errorf("found % X", f.answer.Data)
			}
		})
	}
}

func TestBrokenAnswerHasBegun(t *testing.T) {
	request := readRequest(Input, 0, 2)
	for text, want := range map[string]bool{
		"01 04 04":                   true,
		"FF 01 04 04 43":             true,
		"01 04 04 43 66 33 34 00 00": true,
		"02 04 04 43 66 33 34 1B 38": false,
		"01 03 04 43 66":             false,
		"01 04 FF 00":                false,
		"FF FF":                      false,
	} {
		if f := find(unhex(t, text), 1, request, packagerOf(1)); f.begun != want || f.ok {
			t.Errorf("%s: begun %v, found %v", text, f.begun, f.ok)
		}
	}
}

// FuzzFind looks for bytes that make the search panic, or find what is no
// answer.
func FuzzFind(f *testing.F) {
	f.Add([]byte{1, 4, 4, 0x43, 0x66, 0x33, 0x34, 0x1B, 0x38}, byte(1), byte(4), uint16(0), uint16(2))
	f.Add([]byte{10, 0x81, 2, 0xB0, 0x53}, byte(10), byte(1), uint16(0), uint16(1))
	f.Add([]byte{17, 5, 0, 0xAC, 0xFF, 0, 0x4E, 0x8B}, byte(17), byte(5), uint16(0xAC), uint16(0xFF00))
	f.Fuzz(func(t *testing.T, received []byte, unit, function byte, first, count uint16) {
		request := newPDU(function, words(int(first), int(count)))
		if !wellFormed(request) {
			return
		}
		before := slices.Clone(received)
		got := find(received, unit, request, packagerOf(unit))
		if !bytes.Equal(received, before) {
			t.Error("the bytes were changed")
		}
		if !got.ok {
			return
		}
		frame := received[got.start:got.end]
		if !got.begun || frame[0] != unit || !bytes.Equal(sealed(slices.Clone(frame[:len(frame)-2])), frame) {
			t.Errorf("% X is no frame", frame)
		}
		exceptional := len(frame) == 5 && frame[1] == function|failed
		if !exceptional && (frame[1] != function || len(frame) != answerLen(request)+rtuOverhead) {
			t.Errorf("% X does not answer function %d of %d", frame, function, count)
		}
	})
}

// TestReadOfAnotherMasterIsKnown: its answer is to be expected.
func TestReadOfAnotherMasterIsKnown(t *testing.T) {
	rtu, ascii := rtuFraming{}, asciiFraming{}
	request := sealed([]byte{9, 3, 0, 7, 0, 2})
	for name, tt := range map[string]struct {
		framing  framing
		received []byte
		want     bool
	}{
		"a read":                  {rtu, request, true},
		"a read behind noise":     {rtu, append([]byte{1, 2}, request...), true},
		"its answer":              {rtu, append(request, simulated(request)...), false},
		"the beginning of a read": {rtu, request[:7], false},
		"a damaged read":          {rtu, []byte{9, 3, 0, 7, 0, 2, 1, 1}, false},
		"a write":                 {rtu, sealed([]byte{9, 6, 0, 7, 0, 2}), false},
		"a read in ASCII":         {ascii, []byte("x:090300070002EB\r\n"), true},
		"a damaged one":           {ascii, []byte(":090300070002EC\r\n"), false},
		"an answer in ASCII":      {ascii, []byte(":09030400010002ED\r\n"), false},
		"half a read in ASCII":    {ascii, []byte(":09030007"), false},
	} {
		if got := tt.framing.asked(tt.received, tt.framing.packer(1)); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
