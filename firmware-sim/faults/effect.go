package faults

import (
	"math/rand/v2"
	"time"
)

// Effect is what strikes one answer. The zero Effect leaves it alone.
type Effect struct {
	Silent    bool          // do not answer
	Delay     time.Duration // answer that much later
	Exception byte          // answer with this exception code, unless zero
	WrongUnit bool          // answer in another's name
	Foreign   bool          // send a frame that nobody asked for ahead of the answer
	Duplicate bool          // answer twice
	Short     bool          // answer with less than was asked for
	Long      bool          // answer with more than was asked for
	Master    bool          // let another master's request and its answer go before
	Echo      bool          // give the request back before the answer

	garbage, crc, truncate bool
	noise                  float64 // percent of the bytes
	seed                   uint64  // decides where bytes are damaged
}

func (e *Effect) add(f Fault) {
	switch f.Kind {
	case Silence:
		e.Silent = true
	case Late, Slow:
		e.Delay += f.Delay
	case Exception:
		e.Exception = f.Code
	case WrongUnit:
		e.WrongUnit = true
	case Foreign:
		e.Foreign = true
	case Duplicate:
		e.Duplicate = true
	case Short:
		e.Short = true
	case Long:
		e.Long = true
	case Master:
		e.Master = true
	case Echo:
		e.Echo = true
	case Garbage:
		e.garbage = true
	case CRC:
		e.crc = true
	case Truncate:
		e.truncate = true
	case Noise:
		e.noise = f.Percent
	}
}

func (e *Effect) spoils() bool { return e.garbage || e.crc || e.truncate || e.noise > 0 }

// Damage returns what becomes of a frame on its way, whose checksum is at its
// end. It may change the frame.
func (e *Effect) Damage(frame []byte) []byte { return e.DamageSum(frame, len(frame)-1) }

// DamageSum is Damage for a frame with a byte of its checksum at an index.
func (e *Effect) DamageSum(frame []byte, sum int) []byte {
	if !e.spoils() || len(frame) == 0 {
		return frame
	}
	r := rand.New(rand.NewPCG(e.seed, e.seed))
	if e.crc {
		frame[sum] ^= 1 << r.IntN(5) // a higher bit would turn a digit into its small letter
	}
	for i := range frame {
		if r.Float64()*100 < e.noise {
			frame[i] ^= byte(1 + r.IntN(255))
		}
	}
	if e.truncate {
		frame = frame[:r.IntN(len(frame))]
	}
	if e.garbage {
		frame = strew(r, frame)
	}
	return frame
}

// strew puts one to eight stray bytes before or after the frame.
func strew(r *rand.Rand, frame []byte) []byte {
	stray := make([]byte, 1+r.IntN(8))
	for i := range stray {
		stray[i] = byte(r.UintN(256))
	}
	if r.IntN(2) == 0 {
		return append(stray, frame...)
	}
	return append(frame, stray...)
}
