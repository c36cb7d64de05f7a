package modbus

import (
	"encoding"
	"testing"
)

// FuzzTexts looks for texts of a configuration that make us panic, or that do
// not survive being written and read.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{"0x8000", "-32768", "-999.9", "nan", "1e3", "100-110", "57", "0x10-0x20", "CDAB", "float32", "low"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		survives(t, text, new(Range), new(Range))
		survives(t, text, new(Order), new(Order))
		survives(t, text, new(Type), new(Type))
		survives(t, text, new(Chars), new(Chars))
		s := new(Sentinel)
		if !survives(t, text, s, new(Sentinel)) {
			return
		}
		for typ := Bool; typ < String; typ++ {
			for width := 16; width <= 64; width += 16 {
				s.fits(typ, width)
				s.matches(typ, 0x8000, width)
			}
		}
	})
}

// survives says whether a text can be read, and finds fault if what was read
// is written in a way that cannot.
func survives[T interface {
	encoding.TextUnmarshaler
	encoding.TextMarshaler
}](t *testing.T, text string, v, again T) bool {
	t.Helper()
	if v.UnmarshalText([]byte(text)) != nil {
		return false
	}
	written, err := v.MarshalText()
	if err == nil {
		err = again.UnmarshalText(written)
	}
	if err != nil {
		t.Fatalf("%q became %q: %v", text, written, err)
	}
	return true
}
