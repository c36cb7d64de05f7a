package doctor

import (
	"testing"

	"fieldmq/drivers/modbus/frame"
)

func TestSymptomsAreToldApart(t *testing.T) {
	ask := frame.Append(nil, 3, []byte{3, 0, 0, 0, 2})
	answer := frame.Append(nil, 3, []byte{3, 4, 1, 2, 3, 4})
	broken := append(append([]byte{}, answer[:len(answer)-1]...), answer[len(answer)-1]^0x10)
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for _, c := range []struct {
		name  string
		heard []byte
		want  symptom
	}{
		{"nothing", nil, silence},
		{"an echo", ask, echoOnly},
		{"an echo and an answer", join(ask, answer), answered},
		{"an answer", answer, answered},
		{"an answer behind noise", join([]byte{0xFF}, answer), answered},
		{"a refusal", frame.Append(nil, 3, []byte{0x83, 2}), answered},
		{"zeros", make([]byte, 9), idle},
		{"an echo and ones", join(ask, []byte{0xFF, 0xFF, 0xFF, 0xFF}), idle},
		{"another speed", []byte{0x81, 0x7E, 0xC0, 0x1C, 0xFE}, garbage},
		{"a wrong checksum", broken, damaged},
		{"half an answer", answer[:5], cut},
		{"another unit", frame.Append(nil, 9, []byte{3, 2, 0, 1}), stranger},
	} {
		if got := diagnose(ask, c.heard); got != c.want {
			t.Errorf("%s: symptom %d, want %d", c.name, got, c.want)
		}
	}
	for s := silence; s < answered; s++ {
		if meanings[s][0] == "" || meanings[s][1] == "" {
			t.Errorf("symptom %d has no words", s)
		}
	}
}

func FuzzDiagnose(f *testing.F) {
	f.Add([]byte{3, 3, 4, 1, 2})
	ask := frame.Append(nil, 3, []byte{3, 0, 0, 0, 2})
	f.Fuzz(func(t *testing.T, heard []byte) {
		if s := diagnose(ask, heard); s < silence || s > answered {
			t.Error(s)
		}
	})
}
