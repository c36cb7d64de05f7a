package gateway

import (
	"encoding/json"
	"testing"
)

// A shadow wrote other integers than were wanted, where they were large.
func TestIntegersKeepTheirDigits(t *testing.T) {
	const text = `{"a":-922337203685477581,"b":60,"c":60.0,"d":18446744073709551615,"e":9007199254740993,"f":"x","g":true,"h":null,"i":1e300,"j":0.1}`
	const want = `{"a":-922337203685477581,"b":60,"c":60,"d":18446744073709551615,"e":9007199254740993,"f":"x","g":true,"h":null,"i":1e+300,"j":0.1}`
	var m, again members
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(m)
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	if err := json.Unmarshal(got, &again); err != nil {
		t.Fatal(err)
	}
	for name := range m {
		if m[name] != again[name] {
			t.Errorf("%s: %v is not %v", name, m[name], again[name])
		}
	}
	if m["b"] != m["c"] {
		t.Error("60 is not 60.0")
	}
	if err := json.Unmarshal([]byte(`{"a":1e400}`), &m); err == nil {
		t.Error("a number that is too large is taken")
	}
}
