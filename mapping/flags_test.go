package mapping

import (
	"math"
	"slices"
	"strings"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
)

func TestFlagsAreTheWordsOfTheirBits(t *testing.T) {
	c := newFlags(Flags{0: "hot", 3: "fan on", 63: "top"})
	for _, v := range []struct {
		raw  uint64
		text string
	}{
		{0, "none"},
		{1, "hot"},
		{9, "hot,fan on"},
		{1<<7 | 8, "fan on,bit7"},
		{1 << 63, "top"},
		{math.MaxUint64 &^ (1<<62 - 1), "bit62,top"},
	} {
		got, err := c.encode(nil, drivers.Uint(v.raw))
		if err != nil || string(got) != v.text {
			t.Errorf("0x%X is %q, %v; want %q", v.raw, got, err, v.text)
		}
		back, err := c.decode(v.text)
		if err != nil || back != drivers.Uint(v.raw) {
			t.Errorf("%q is written %v, %v; want 0x%X", v.text, back, err, v.raw)
		}
	}
	if v, err := c.decode(" fan on , bit0,hot "); err != nil || v != drivers.Uint(9) {
		t.Errorf("got %v, %v", v, err)
	}
	for _, text := range []string{"", "cold", "hot,", "hot,none", "bit64", "bit-1", "Hot"} {
		if v, err := c.decode(text); err == nil || !strings.Contains(err.Error(), "is none of none, hot, fan on, top") {
			t.Errorf("%q is written %v, %v", text, v, err)
		}
	}
	if b, err := c.encode(nil, drivers.Int(-1)); err == nil {
		t.Errorf("-1 is %q", b)
	}
}

func TestFlagsGoUpAndDown(t *testing.T) {
	b := newBench(t, boiler(entry("alarms", drivers.KindInt, func(r *Rule) { r.Flags = Flags{1: "fault", 4: "pump"} })))
	want := []string{
		"device/boiler/alarms fault,pump",
		`device/boiler/state {"ts":1795209372123,"alarms":"fault,pump"}`,
	}
	if got := b.hears(b.good("alarms", drivers.Int(1<<4|1<<1))); !slices.Equal(got, want) {
		t.Errorf("it says %q, want %q", got, want)
	}
	for _, m := range []mqtt.Message{
		{Topic: "device/boiler/alarms/set", Payload: []byte("pump")},
		{Topic: "device/boiler/set", Payload: []byte(`{"alarms":"pump"}`)},
	} {
		r, err := b.Request(m)
		if err != nil || len(r.Commands) != 1 || r.Commands[0].Value != drivers.Uint(1<<4) {
			t.Errorf("%s is %v, %v", m.Topic, r, err)
		}
	}
	if info := string(b.Info("boiler").Payload); !strings.Contains(info, `"type":"text","flags":["fault","pump"]`) {
		t.Errorf("info is %s", info)
	}
}
