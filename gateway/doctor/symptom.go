package doctor

import (
	"bytes"

	"fieldmq/drivers/modbus/frame"
)

// symptom is what came back of a request on a Modbus RTU line.
type symptom int

const (
	silence  symptom = iota // not a single bit
	echoOnly                // the adapter hears itself, and nothing else
	idle                    // the line rests at the wrong level
	garbage                 // bytes without sense
	damaged                 // an answer with a wrong checksum
	cut                     // the beginning of an answer
	stranger                // a frame of another unit
	answered                // an answer
)

// diagnose finds what the bytes say that were heard after a request.
func diagnose(sent, heard []byte) symptom {
	rest, echo := bytes.CutPrefix(heard, sent)
	if echo {
		heard = rest
	}
	switch {
	case len(heard) == 0 && echo:
		return echoOnly
	case len(heard) == 0:
		return silence
	case same(heard):
		return idle
	}
	unit, function := sent[0], sent[1]
	best := garbage
	for at := range heard {
		b := heard[at:]
		if len(b) < 2 {
			break
		}
		n := frame.AnswerLen(b[1:])
		known := n > 0 && n+frame.Overhead <= len(b)
		whole := known && frame.Intact(b[:n+frame.Overhead])
		ours := b[0] == unit && (b[1] == function || b[1] == function|frame.Failed)
		switch {
		case whole && ours:
			return answered
		case whole && b[0] != unit && b[0] > 0 && b[0] < 248:
			best = max(best, stranger)
		case ours && at < 3 && known:
			best = max(best, damaged)
		case ours && at < 3:
			best = max(best, cut)
		}
	}
	return best
}

// same says whether nearly all bytes are 00 or nearly all are FF: no device
// says so, but a line does that is not held at rest.
func same(b []byte) bool {
	zeros, ones := bytes.Count(b, []byte{0x00}), bytes.Count(b, []byte{0xFF})
	return 10*max(zeros, ones) >= 9*len(b)
}

// meanings are the symptoms in words, and what to do about them, the likeliest
// first.
var meanings = map[symptom][2]string{
	silence: {"not a bit comes back",
		"check in this order: is the device powered; its unit id; A and B swapped (swapping them harms nothing); the speed and parity (`fieldmq scan` tries them); the cable, also ground"},
	echoOnly: {"the adapter hears its own request, and nobody answers",
		"the adapter and its wires to the bus terminals work, so look beyond: the device's power, its unit id, A and B swapped, the speed and parity (`fieldmq scan` tries them)"},
	idle: {"the line is not at rest between frames: only 00 or FF come",
		"A and B are swapped, or the line has no bias: switch on the adapter's bias resistors (or fit 560 ohm from B to 5 V and from A to ground at one end)"},
	garbage: {"bytes come that are no Modbus",
		"the speed or the parity is wrong (`fieldmq scan` tries them), or A and B are swapped; else the device speaks another protocol"},
	damaged: {"an answer comes, and its checksum is wrong",
		"noise, or two devices of the same unit id that speak at once: check the ids; then a terminating resistor of 120 ohm at both ends and nowhere else, the shield, the distance to motor cables; a lower speed helps"},
	cut: {"the beginning of an answer comes, and not its end",
		"the adapter or the device lets go of the line too early, or the parity is wrong: check parity and stop bits; then another adapter"},
	stranger: {"another unit answers",
		"another master is at work on this line (`fieldmq sniff` shows it; there can be only one), or a device has another unit id than it should"},
}
