//go:build linux

package main

import (
	"fmt"

	"fieldmq/broker/mqtt"
)

// shape is who speaks to whom.
type shape struct {
	name                    string
	publishers, subscribers int
	pairs                   bool // each publisher has a subscriber of its own
}

// copies is how many deliveries a message is.
func (s shape) copies() int {
	if s.pairs {
		return 1
	}
	return s.subscribers
}

// topic is where a publisher publishes.
func (s shape) topic(publisher int) string { return fmt.Sprintf("bench/%d/value", publisher) }

// filter is what a subscriber takes.
func (s shape) filter(subscriber int) mqtt.Filter {
	if s.pairs {
		return mqtt.Filter(s.topic(subscriber))
	}
	return "bench/+/value"
}

// cell is one kind of load.
type cell struct {
	shape
	qos     mqtt.QoS
	payload int // bytes
	rate    int // deliveries a second; 0: as fast as it goes
}

func (c cell) String() string {
	kind := "sat"
	if c.rate > 0 {
		kind = "rate"
	}
	return fmt.Sprintf("%s-%s-q%d-%d", kind, c.name, c.qos, c.payload)
}

// bar is what fieldmq may cost, as a part of what mosquitto does.
func (c cell) bar() float64 {
	switch {
	case c.rate > 0:
		return 1.2
	case c.qos == mqtt.ExactlyOnce:
		return 1. / 5
	}
	return 1. / 10
}

// cells are all of one rate, in the order of the table.
func cells(rate int, quick bool) (all []cell) {
	shapes := []shape{
		{name: "fanin", publishers: 50, subscribers: 1},
		{name: "fanout", publishers: 1, subscribers: 50},
		{name: "pairs", publishers: 20, subscribers: 20, pairs: true},
	}
	sizes := []int{64, 256, 1024}
	if quick {
		sizes = []int{256}
	}
	for _, s := range shapes {
		for qos := mqtt.AtMostOnce; qos <= mqtt.ExactlyOnce; qos++ {
			for _, size := range sizes {
				all = append(all, cell{s, qos, size, rate})
			}
		}
	}
	return all
}
