package gateway

import (
	"testing"

	"fieldmq/broker/store"
)

func TestValuesAreKeptWithAndWithoutAFolder(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"in memory": "", "on disk": dir} {
		t.Run(name, func(t *testing.T) {
			config := defaults()
			config.General.Data = data
			s, err := OpenBroker(t.Context(), &config.Broker, quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			if err := s.Keep(&config); err != nil {
				t.Fatal(err)
			}
			k := s.Keeper()
			for _, value := range []string{"1", "2", ""} {
				if err := k.Put("gpio/door/flow", []byte(value)); err != nil {
					t.Fatal(err)
				}
				if got := string(k.Get("gpio/door/flow")); got != value {
					t.Errorf("got %q, want %q", got, value)
				}
			}
			if err := k.Put("gpio/door/flow", []byte("3")); err != nil {
				t.Fatal(err)
			}
		})
	}
	r, err := store.Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if len(r.Kept) != 1 || string(r.Kept[0].Value) != "3" {
		t.Errorf("on the disk: %+v", r.Kept)
	}
}
