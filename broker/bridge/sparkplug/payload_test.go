package sparkplug

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var sample = Payload{Time: 1795209372123, Seq: 7, Metrics: []Metric{
	{Name: "bdSeq", Time: 1, Type: Int64, Value: int64(3)},
	{Name: "flow", Alias: 5, Aliased: true, Time: 2, Type: Double, Value: 54.5, Unit: "Cel"},
	{Alias: 6, Aliased: true, Time: 3, Value: true, Historical: true},
	{Alias: 7, Aliased: true, Time: 4},
	{Name: "below", Time: 5, Type: Int64, Value: int64(-2)},
	{Name: "mode", Time: 6, Type: String, Value: "heating"},
}}

// TestPayloadIsReadByProtoc has a decoder that others wrote read what we write.
func TestPayloadIsReadByProtoc(t *testing.T) {
	cmd := exec.Command("protoc", "--decode_raw")
	cmd.Stdin = bytes.NewReader(sample.Append(nil))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text := strings.Join(strings.Fields(string(out)), " ")
	for _, want := range []string{
		"1: 1795209372123 2 {", `1: "bdSeq" 3: 1 4: 4 11: 3 }`,
		`1: "flow" 2: 5 3: 2 4: 10 9 { 1: "engUnit" 2 { 1: 12 8: "Cel" } } 13: 0x404b400000000000 }`,
		"2 { 2: 6 3: 3 5: 1 14: 1 }", "2 { 2: 7 3: 4 7: 1 }", "11: 18446744073709551614 }", `15: "heating" } 3: 7`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
}

func TestPayloadComesBack(t *testing.T) {
	got, err := Parse(sample.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Metrics {
		got.Metrics[i].raw = nil
		got.Metrics[i].Unit = sample.Metrics[i].Unit // nobody who commands says one
	}
	if !reflect.DeepEqual(got, sample) {
		t.Errorf("got %+v", got)
	}
}

// fields are those of the specification that hosts command with, for protoc.
const fields = `syntax = "proto2";
message P { optional uint64 time = 1; repeated M m = 2; optional uint64 seq = 3; }
message M {
  optional string name = 1; optional uint64 alias = 2; optional uint64 time = 3; optional uint32 type = 4; optional bool old = 5; optional bool none = 7;
  optional uint32 i = 10; optional uint64 l = 11; optional float f = 12; optional double d = 13; optional bool b = 14; optional string s = 15;
}`

// TestValuesOfHosts: the types in which commands come, packed by protoc.
func TestValuesOfHosts(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.proto"), []byte(fields), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		want any
	}{
		{"type: 1 i: 246", int64(-10)},
		{"type: 2 i: 65526", int64(-10)},
		{"type: 3 i: 4294967286", int64(-10)},
		{"type: 4 l: 18446744073709551606", int64(-10)},
		{"type: 7 i: 4294967286", int64(4294967286)},
		{"type: 9 f: 31.5", 31.5},
		{"type: 10 d: 0.1", 0.1},
		{"type: 11 b: true", true},
		{"type: 12 s: 'on'", "on"},
		{"i: 30", int64(30)}, // by an alias, the type was told at birth
		{"none: true", nil},
	} {
		cmd := exec.Command("protoc", "--proto_path="+dir, "--encode=P", "p.proto")
		cmd.Stdin = strings.NewReader("time: 1 m { name: 'x' " + c.text + " }")
		b, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse(b)
		if err != nil || len(p.Metrics) != 1 || p.Metrics[0].Name != "x" || p.Metrics[0].Value != c.want {
			t.Errorf("%s: got %+v, %v; want %v", c.text, p.Metrics, err, c.want)
		}
		for n := range b { // torn anywhere, it is an error or has less
			if p, err := Parse(b[:n]); err == nil && len(p.Metrics) > 0 {
				t.Errorf("%s cut after %d bytes is %+v", c.text, n, p)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample.Append(nil))
	f.Add([]byte{0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			return
		}
		again, err := Parse(p.Append(nil))
		if err != nil || len(again.Metrics) != len(p.Metrics) {
			t.Fatalf("%v: %+v", err, p)
		}
	})
}
