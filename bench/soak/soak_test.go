package main

import (
	"strings"
	"testing"
	"time"
)

func TestBrokerAgreesWithTheModel(t *testing.T) {
	var out strings.Builder
	s := &soak{seed: 1, clients: 40, things: 40, out: &out}
	differences, err := s.against(t.Context(), 3*time.Second)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if differences > 0 {
		t.Errorf("%d differences\n%s", differences, out.String())
	}
	if s.totals.delivered == 0 || s.totals.wills == 0 {
		t.Errorf("nothing happened: %s", out.String())
	}
}
