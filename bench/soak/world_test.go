package main

import "testing"

// A message of QoS 0 may be lost with its connection, however long ago: the one
// before it is the retained one then.
func TestMessageThatMayBeLostReplacesNothing(t *testing.T) {
	w := newWorld()
	sure := &message{id: 1, topic: "t", retain: true, begin: w.tick(), end: w.tick(), qos: 1}
	unsure := &message{id: 2, topic: "t", retain: true, begin: w.tick(), end: never}
	w.add(sure)
	w.add(unsure)
	w.forget() // the round is over
	since := w.tick()
	if may, certain := w.holders("t", since); len(may) != 2 || !certain {
		t.Errorf("%d may be retained, certain %v, want both", len(may), certain)
	}
	w.add(&message{id: 3, topic: "t", retain: true, begin: w.tick(), end: w.tick(), qos: 1})
	if may, _ := w.holders("t", w.tick()); len(may) != 1 || may[0].id != 3 {
		t.Errorf("got %v, want the last one alone", may)
	}
	w.forget()
	if len(w.byID) != 1 {
		t.Errorf("%d messages are kept", len(w.byID))
	}
}
