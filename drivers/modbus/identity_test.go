package modbus

import (
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/configs"
)

// identity is the answer of a unit of "Acme", "P1", "V2".
var identity = []byte{encapsulated, identification, basic, 0x81, 0, 0, 3, 0, 4, 'A', 'c', 'm', 'e', 1, 2, 'P', '1', 2, 2, 'V', '2'}

func TestIdentityIsReadAndCleaned(t *testing.T) {
	for name, c := range map[string]struct {
		answer []byte
		want   string
	}{
		"has three texts":       {identity, "Acme P1 V2"},
		"has none":              {identity[:6:6], ""},
		"is cleaned of escapes": {[]byte{encapsulated, identification, basic, 0x81, 0, 0, 1, 0, 3, 0x1B, 'X', 0xFF}, "X"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newRTUSettings()
				s.Timeout = configs.Duration(300 * time.Millisecond)
				if len(c.answer) == 6 {
					c.answer = append(c.answer, 0)
				}
				w := newWire(s, func([]byte) []burst {
					return []burst{{3 * time.Millisecond, sealed(append([]byte{7}, c.answer...))}}
				})
				got, err := newBus(newRTU(w, s), quiet()).Identity(t.Context(), 7, time.Second)
				if err != nil || got != c.want {
					t.Errorf("%q, %v, want %q", got, err, c.want)
				}
			})
		})
	}
}

func TestLengthOfAnIdentityIsWhatItSays(t *testing.T) {
	if n := identityLen(identity); n != len(identity) {
		t.Errorf("%d, want %d", n, len(identity))
	}
	for cut := 1; cut < len(identity); cut++ {
		if n := identityLen(identity[:cut]); n <= cut {
			t.Errorf("%d bytes of it seem to be %d long", cut, n)
		}
	}
	if n := identityLen([]byte{encapsulated, 13}); n != 0 {
		t.Errorf("another MEI type is %d long", n)
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add(identity)
	f.Add([]byte{encapsulated, identification, 1, 1, 0, 0, 255, 0, 255})
	f.Fuzz(func(t *testing.T, answer []byte) {
		request := newPDU(encapsulated, []byte{identification, basic, 0})
		find(append([]byte{7}, answer...), 7, request, newRTU(nil, newRTUSettings()).unit(7).packer)
		if len(answer) > 0 && answers(request, &body{FunctionCode: answer[0], Data: answer[1:]}) && answer[0] == encapsulated {
			for rest := answer[shortestIdentity:]; len(rest) > 0; rest = rest[2+int(rest[1]):] {
				printable(rest[2 : 2+int(rest[1])])
			}
		}
	})
}
