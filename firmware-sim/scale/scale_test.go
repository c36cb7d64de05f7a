package scale

import (
	"regexp"
	"testing"
	"time"
)

var form = regexp.MustCompile(`^(ST|US),GS,[+-]\d{4}\.\d\d kg\r\n$`)

func TestEveryLineHasTheFormOfTheScale(t *testing.T) {
	for seed := range uint64(10) {
		for at := time.Duration(0); at < 10*time.Minute; at += 130 * time.Millisecond {
			if line := weighing(seed, at); !form.Match(line) {
				t.Fatalf("after %v: %q", at, line)
			}
		}
	}
}

func TestScaleIsStableOnceTheLoadLies(t *testing.T) {
	moved, loads := false, map[string]bool{}
	for number := range time.Duration(6) {
		first := string(weighing(1, number*turn))
		last := string(weighing(1, number*turn+turn-moving-1))
		if first != last || first[:2] != "ST" {
			t.Errorf("load %d: %q becomes %q", number, first, last)
		}
		loads[last] = true
		lifted := number*turn + turn - moving
		a, b := string(weighing(1, lifted+time.Second)), string(weighing(1, lifted+2*time.Second))
		if a[:2] != "US" || b[:2] != "US" {
			t.Errorf("load %d does not move: %q, %q", number, a, b)
		}
		moved = moved || a != b
	}
	if !moved || len(loads) < 4 {
		t.Errorf("hardly anything moves: %v", loads)
	}
}
