package line

import (
	"slices"
	"testing"
	"time"

	"fieldmq/configs"
)

func TestSettingsKnowTheTimeOfACharacter(t *testing.T) {
	tests := map[string]struct {
		set  func(*Settings)
		bits int
		char time.Duration
		text string
	}{
		"takes 10 bits as 8N1": {func(*Settings) {}, 10, 1041666, "/dev/ttyUSB0 9600 8N1"},
		"takes 11 bits as 8E1": {func(s *Settings) { s.Parity = Even }, 11, 1145833, "/dev/ttyUSB0 9600 8E1"},
		"takes 11 bits as 8N2": {func(s *Settings) { s.StopBits = 2 }, 11, 1145833, "/dev/ttyUSB0 9600 8N2"},
		"takes 10 bits as 7O1": {func(s *Settings) { s.DataBits, s.Parity, s.Baud = 7, Odd, 1000 }, 10, 10 * time.Millisecond, "/dev/ttyUSB0 1000 7O1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := Defaults()
			s.Port = "/dev/ttyUSB0"
			tt.set(&s)
			if s.Bits() != tt.bits || s.Char() != tt.char || s.String() != tt.text {
				t.Errorf("got %d bits, %v, %s", s.Bits(), s.Char(), s.String())
			}
		})
	}
}

func TestEveryFaultOfALineIsFound(t *testing.T) {
	doc := configs.Parse("line.yaml", []byte("baud: 7\ndata_bits: 9\nstop_bits: 3\nparity: evn\n"), nil)
	s := Defaults()
	doc.Root().Decode(&s)
	var got []string
	for _, f := range doc.Faults() {
		got = append(got, f.Path+": "+f.Text)
	}
	want := []string{
		"port: is missing",
		"baud: 7 is not within 50 to 4000000",
		"data_bits: 9 is not within 5 to 8",
		"stop_bits: 3 is not within 1 to 2",
		`parity: "evn" is not even, odd or none`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestParityIsReadByNameAndLetter(t *testing.T) {
	tests := map[string]Parity{"even": Even, "E": Even, "odd": Odd, "O": Odd, "none": None, "N": None, "n": None}
	for text, want := range tests {
		got := Parity(99)
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	var p Parity
	err := p.UnmarshalText([]byte("evn"))
	if err == nil || err.Error() != `"evn" is not even, odd or none` {
		t.Errorf("got %v", err)
	}
}
