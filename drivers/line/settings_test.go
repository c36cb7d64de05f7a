package line

import (
	"testing"
	"time"
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
			if err := s.Validate(); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestValidateFindsEveryFault(t *testing.T) {
	s := Settings{Baud: 7, DataBits: 9, StopBits: 3}
	want := `port: is missing: name the serial port, such as /dev/ttyUSB0
baud: 7 is not from 50 to 4000000
data_bits: 9 is not 5, 6, 7 or 8
stop_bits: 3 is not 1 or 2`
	if err := s.Validate(); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
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
