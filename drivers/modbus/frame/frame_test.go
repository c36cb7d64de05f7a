package frame_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"fieldmq/drivers/modbus"
	"fieldmq/drivers/modbus/frame"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The frames of the standard's examples, with checksums worked out by libmodbus.
func TestChecksumIsThatOfTheStandard(t *testing.T) {
	for _, text := range []string{"01 03 00 00 00 0A C5 CD", "11 01 00 13 00 25 0E 84", "04 01 00 0A 00 0D DD 98"} {
		adu := unhex(t, text)
		if !frame.Intact(adu) {
			t.Errorf("%s is damaged", text)
		}
		if got := frame.Append(nil, adu[0], adu[1:len(adu)-2]); !bytes.Equal(got, adu) {
			t.Errorf("% X, want %s", got, text)
		}
		adu[3] ^= 1
		if frame.Intact(adu) {
			t.Errorf("% X is intact", adu)
		}
	}
}

func TestRequestsAreTakenApart(t *testing.T) {
	none := frame.Span{}
	for _, c := range []struct {
		pdu         string
		read, write frame.Span
		want        error
	}{
		{"01 0013 0025", frame.Span{Table: modbus.Coil, First: 0x13, Count: 0x25}, none, nil},
		{"03 006B 0003", frame.Span{Table: modbus.Holding, First: 0x6B, Count: 3}, none, nil},
		{"04 0008 0001", frame.Span{Table: modbus.Input, First: 8, Count: 1}, none, nil},
		{"05 00AC FF00", none, frame.Span{Table: modbus.Coil, First: 0xAC, Count: 1}, nil},
		{"06 0001 0003", none, frame.Span{Table: modbus.Holding, First: 1, Count: 1}, nil},
		{"0F 0013 000A 02 CD01", none, frame.Span{Table: modbus.Coil, First: 0x13, Count: 10}, nil},
		{"10 0001 0002 04 000A0102", none, frame.Span{Table: modbus.Holding, First: 1, Count: 2}, nil},
		{"16 0004 00F2 0025", none, frame.Span{Table: modbus.Holding, First: 4, Count: 1}, nil},
		{"17 0003 0006 000E 0003 06 00FF00FF00FF", frame.Span{Table: modbus.Holding, First: 3, Count: 6}, frame.Span{Table: modbus.Holding, First: 14, Count: 3}, nil},
		{"11", none, none, nil},
		{"2B 0E 01 00", none, none, nil},
		{"03 0000 007E", none, none, frame.IllegalValue},
		{"03 0000 0000", none, none, frame.IllegalValue},
		{"03 FFFF 0002", none, none, frame.IllegalAddress},
		{"03 0000", none, none, frame.IllegalValue},
		{"05 0000 1234", none, none, frame.IllegalValue},
		{"10 0001 0002 03 000A01", none, none, frame.IllegalValue},
		{"17 0003 0006 000E 0003 04 00FF00FF", none, none, frame.IllegalValue},
		{"63 00", none, none, frame.IllegalFunction},
		{"", none, none, frame.IllegalFunction},
	} {
		r, err := frame.Parse(unhex(t, c.pdu))
		if !errors.Is(err, c.want) || err != nil && c.want == nil {
			t.Errorf("%s: %v, want %v", c.pdu, err, c.want)
		}
		if err == nil && (r.Read != c.read || r.Write != c.write) {
			t.Errorf("%s: reads %v, writes %v", c.pdu, r.Read, r.Write)
		}
	}
}

func TestAnswersFitTheirRequests(t *testing.T) {
	for _, c := range []struct {
		request, answer string
		want            bool
	}{
		{"03 006B 0003", "03 06 022B00000064", true},
		{"03 006B 0003", "03 04 022B0000", false},
		{"03 006B 0003", "83 02", true},
		{"03 006B 0003", "84 02", false},
		{"06 0001 0003", "06 0001 0003", true},
		{"06 0001 0003", "06 0002 0003", false},
		{"11", "11 03 0102FF", true},
		{"2B 0E 01 00", "2B 0E 01 01 00 00 01 00 03 414243", true},
		{"2B 0E 01 00", "2B 0E 01 01 00 00 01 00 04 414243", false},
	} {
		r, err := frame.Parse(unhex(t, c.request))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Answers(unhex(t, c.answer)); got != c.want {
			t.Errorf("%s to %s: %v", c.answer, c.request, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"0300000001", "0F0013000A02CD01", "170003000600 0E000306 00FF00FF00FF", "2B0E0100", "11"} {
		f.Add(unhex(f, text))
	}
	f.Fuzz(func(t *testing.T, pdu []byte) {
		if r, err := frame.Parse(pdu); err == nil {
			r.Answers(pdu)
		}
		if len(pdu) > 0 {
			if n := frame.AnswerLen(pdu); n < frame.More || n > 2*frame.Longest {
				t.Errorf("an answer of %d bytes", n)
			}
		}
	})
}
