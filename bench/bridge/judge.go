//go:build linux

package main

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// judge knows each message by its number: whether the gateway acknowledged it,
// and how often it arrived.
//
// Numbers go round the devices. Of each device's messages one in ten is a
// retained state, and the others are events.
type judge struct {
	devices int

	mu         sync.Mutex
	sent       []byte // how often, by number
	acked      []bool
	confirmed  []bool // the cloud acknowledged it, as the proxy saw
	arrived    []byte // how often
	born       []time.Duration
	refused    int
	acks       int
	came       int // numbers that arrived
	again      int // deliveries of a number that came before
	late       int // events that another overtook
	backwards  int // states that were set back
	newest     []int
	states     []int // number of the newest retained state, by device
	firstState []int // what it must reach to be current
	ackTimes   []time.Duration
	tripTimes  []time.Duration
	start      time.Time
	first      time.Duration // of arrivals since mark
	marked     bool
	due        []int // numbers that were acknowledged and had not arrived at mark
	markedAt   time.Duration
	current    time.Duration // when all states were
	caught     time.Duration // when due was empty
	backlog    int           // how long due was
	extra      int           // arrivals until then
}

func newJudge(devices int) *judge {
	j := &judge{devices: devices, start: time.Now(), newest: make([]int, devices), states: make([]int, devices)}
	for i := range devices {
		j.newest[i], j.states[i] = -1, -1
	}
	return j
}

func (j *judge) clock() time.Duration { return time.Since(j.start) }

// stampSize is how much of a payload the number takes.
const stampSize = 16

// topic is where a number goes.
func (j *judge) topic(number int) (topic string, state bool) {
	device := "device/d" + strconv.Itoa(number%j.devices)
	if number/j.devices%10 == 9 {
		return device + "/level", true
	}
	return device + "/event", false
}

// payload is a number in front of filling.
func payload(number, size int) []byte {
	text := fmt.Appendf(make([]byte, 0, size), "%015d ", number)
	for len(text) < size {
		text = append(text, 'x')
	}
	return text
}

// number reads what payload wrote.
func number(payload []byte) (int, bool) {
	if len(payload) < stampSize {
		return 0, false
	}
	n, err := strconv.Atoi(string(payload[:stampSize-1]))
	return n, err == nil
}

// send gives a number to a new message.
func (j *judge) send() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := len(j.sent)
	j.sent = append(j.sent, 1)
	j.acked = append(j.acked, false)
	j.confirmed = append(j.confirmed, false)
	j.arrived = append(j.arrived, 0)
	j.born = append(j.born, j.clock())
	return n
}

// resend notes that a message is sent once more by its publisher.
func (j *judge) resend(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.sent[n] < 255 {
		j.sent[n]++
	}
}

// settle notes the gateway's PUBACK.
func (j *judge) settle(n int, refused bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if refused {
		j.refused++
		return
	}
	if !j.acked[n] {
		j.acks++
	}
	j.acked[n] = true
	j.ackTimes = append(j.ackTimes, j.clock()-j.born[n])
}

// confirm notes the cloud's PUBACK.
func (j *judge) confirm(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n < len(j.confirmed) {
		j.confirmed[n] = true
	}
}

// arrive notes a delivery at the cloud.
func (j *judge) arrive(text []byte, retain bool) {
	n, ok := number(text)
	j.mu.Lock()
	defer j.mu.Unlock()
	if !ok || n >= len(j.sent) {
		return
	}
	j.order(n, retain)
	if j.arrived[n] < 255 {
		j.arrived[n]++
	}
	if j.arrived[n] > 1 {
		if j.arrived[n] > j.sent[n] { // what its publisher repeats may come again
			j.again++
		}
		return
	}
	j.came++
	j.tripTimes = append(j.tripTimes, j.clock()-j.born[n])
	j.follow()
}

// order looks whether a message comes where it should.
func (j *judge) order(n int, retain bool) {
	device := n % j.devices
	_, state := j.topic(n)
	switch {
	case state && retain:
		if n < j.states[device] && j.sent[n] == 1 { // one that its publisher repeats is set anew at the gateway, too
			j.backwards++
		}
		j.states[device] = n
	case state:
	case j.arrived[n] == 0:
		if n < j.newest[device] {
			j.late++
		}
		j.newest[device] = max(j.newest[device], n)
	}
}

// forget notes that the cloud was killed: what it held since it last wrote its file
// is gone, though it had acknowledged it. States are held against what it tells of
// itself when it is back.
func (j *judge) forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.states {
		j.states[i] = -1
	}
}

// mark begins the measurement of a recovery: from now on everything works.
func (j *judge) mark() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.marked, j.first, j.current, j.caught, j.extra, j.markedAt = true, 0, 0, 0, 0, j.clock()
	j.due = j.due[:0]
	for n, acked := range j.acked {
		if acked && j.arrived[n] == 0 {
			j.due = append(j.due, n)
		}
	}
	slices.Reverse(j.due) // the oldest comes first and is taken off the end
	j.backlog = len(j.due)
	j.firstState = make([]int, j.devices)
	for i := range j.firstState {
		j.firstState[i] = -1
	}
	for n, acked := range j.acked {
		if _, state := j.topic(n); state && acked {
			j.firstState[n%j.devices] = n
		}
	}
}

// follow measures a recovery as messages arrive.
func (j *judge) follow() {
	if !j.marked {
		return
	}
	if j.caught == 0 {
		j.extra++
	}
	if j.first == 0 {
		j.first = j.clock() - j.markedAt
	}
	if j.current == 0 && j.isCurrent() {
		j.current = j.clock() - j.markedAt
	}
	for len(j.due) > 0 && j.arrived[j.due[len(j.due)-1]] > 0 {
		j.due = j.due[:len(j.due)-1]
	}
	if len(j.due) == 0 && j.caught == 0 {
		j.caught = j.clock() - j.markedAt
	}
	j.marked = j.caught == 0 || j.current == 0
}

func (j *judge) isCurrent() bool {
	for i, want := range j.firstState {
		if j.states[i] < want {
			return false
		}
	}
	return true
}

// missing is how many messages were acknowledged and have not arrived.
func (j *judge) missing() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	lost := 0
	for n, acked := range j.acked {
		if acked && j.arrived[n] == 0 && !j.confirmed[n] {
			lost++
		}
	}
	return lost
}

// progress is a number that rises as messages arrive.
func (j *judge) progress() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.came + j.again
}

// acknowledged is how many messages were.
func (j *judge) acknowledged() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.acks
}
