package modbus

import (
	"bytes"
	"testing"
)

// ascii packs a PDU of unit 17.
func ascii(t *testing.T, function byte, data ...byte) []byte {
	t.Helper()
	adu, err := (asciiFraming{}).packer(17).Encode(&body{FunctionCode: function, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return adu
}

func TestASCIIAnswersAreFound(t *testing.T) {
	request := readRequest(Holding, 0x6B, 1)
	good := ":1103020007E3\r\n" // 11+03+02+00+07 = 1D
	other := string(ascii(t, 3, 0, 0x6C, 0, 1)) + ":1103020009E1\r\n"
	own := string(ascii(t, 3, request.Data...))
	tests := map[string]struct {
		received string
		want     bool
		begun    bool
	}{
		"finds one":                         {good, true, true},
		"finds one in small letters":        {":1103020007e3\r\n", true, true},
		"finds one behind noise":            {"x\r\n:99" + good, true, true},
		"finds one behind its own echo":     {own + good, true, true},
		"finds one behind another master's": {other + good, true, true},
		"finds none in another master's":    {other, false, false},
		"finds none of another unit":        {":1203020007E2\r\n", false, false},
		"finds none with a wrong sum":       {":1103020007E4\r\n", false, true},
		"finds none without its end":        {":1103020007E3", false, true},
		"finds none of half a byte":         {":110302000E3\r\n", false, true},
		"finds none of no digits":           {":11030200G7E3\r\n", false, true},
		"finds none of another length":      {":110304000700080D\r\n:11030400070008D9\r\n", false, true},
		"finds none in nothing":             {":\r\n", false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := (asciiFraming{}).find([]byte(tt.received), 17, request, asciiFraming{}.packer(17))
			if f.ok != tt.want || f.begun != tt.begun {
				t.Fatalf("found %v, begun %v", f.ok, f.begun)
			}
			if f.ok && !bytes.Equal(f.answer.Data, []byte{2, 0, 7}) {
				t.Errorf("found % X", f.answer.Data)
			}
		})
	}
}

// FuzzASCII looks for characters that make the search panic, or find what is no
// answer.
func FuzzASCII(f *testing.F) {
	f.Add([]byte(":1103020007E3\r\n"), byte(17))
	f.Add([]byte(":1103006B000181\r\n:1183026A\r\n"), byte(17))
	f.Fuzz(func(t *testing.T, received []byte, unit byte) {
		request := readRequest(Holding, 0x6B, 1)
		got := (asciiFraming{}).find(received, unit, request, asciiFraming{}.packer(unit))
		if !got.ok {
			return
		}
		frame := received[got.start:got.end]
		if frame[0] != ':' || !bytes.HasSuffix(frame, asciiEnd) || !mine(frame, unit) {
			t.Errorf("%q is no frame", frame)
		}
		if !isException(request, got.answer) && len(got.answer.Data) != 3 {
			t.Errorf("% X does not answer one register", got.answer.Data)
		}
	})
}

func TestAnotherMastersAnswerIsNotOurs(t *testing.T) {
	ask := func(first byte) []byte { return sealed([]byte{17, 3, 0, first, 0, 1}) }
	say := func(value byte) []byte { return sealed([]byte{17, 3, 2, 0, value}) }
	request := readRequest(Holding, 7, 1)
	for name, c := range map[string]struct {
		received []byte
		value    byte // zero: nothing
	}{
		"is skipped":                    {append(ask(8), say(8)...), 0},
		"is skipped before ours":        {append(append(ask(8), say(8)...), say(7)...), 7},
		"is ours when we are the asker": {append(ask(7), say(7)...), 7},
	} {
		t.Run(name, func(t *testing.T) {
			f := find(c.received, 17, request, packagerOf(17))
			if f.ok != (c.value > 0) || f.ok && f.answer.Data[2] != c.value {
				t.Errorf("found %v %v", f.ok, f.answer)
			}
		})
	}
}
