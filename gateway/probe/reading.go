package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/mapping"
)

// Reading is a point as it stood on the wire.
type Reading struct {
	mapping.Entry
	Sample drivers.Sample
	Raw    []byte          // on the wire, as modbus.Bus.Inspect has it; nil if that is not known
	Value  json.RawMessage // as it is published, valid while Err is nil
	Err    error           // why nothing would be published
}

// Silent says whether the device did not answer.
func (r *Reading) Silent() bool { return errors.Is(r.Err, drivers.ErrOffline) }

// Text is the value in plain text, or the error.
func (r *Reading) Text() string {
	if r.Err != nil {
		return r.Err.Error()
	}
	var text string
	if json.Unmarshal(r.Value, &text) == nil {
		return text
	}
	return string(r.Value)
}

// Number is the value if it is one, or says yes or no, which are 1 and 0.
func (r *Reading) Number() (v float64, ok bool) {
	if r.Err != nil {
		return 0, false
	}
	switch text := r.Text(); text {
	case "true":
		return 1, true
	case "false":
		return 0, true
	default:
		v, err := strconv.ParseFloat(text, 64)
		return v, err == nil
	}
}

// Plausible says whether the value is one that its unit may well have.
func (r *Reading) Plausible() bool {
	v, ok := r.Number()
	score, _ := judge{rule: r.Rule}.plausible(v)
	return ok && score > 0
}

// Manual is the number that manuals use for the point's place, on Modbus.
func (r *Reading) Manual() string {
	if at, ok := r.Point.At.(*modbus.Address); ok {
		return at.Manual()
	}
	return ""
}

// Words are the registers, or the bit, in hexadecimal.
func (r *Reading) Words() string {
	if len(r.Raw) == 1 {
		return fmt.Sprint(r.Raw[0])
	}
	var words []string
	for i := 0; i+1 < len(r.Raw); i += 2 {
		words = append(words, fmt.Sprintf("%04X", r.Raw[i:i+2]))
	}
	return strings.Join(words, " ")
}

// MarshalJSON writes the reading as one flat object.
func (r *Reading) MarshalJSON() ([]byte, error) {
	out := struct {
		Time   time.Time       `json:"time"`
		Device string          `json:"device"`
		Point  string          `json:"point"`
		Place  string          `json:"place"`
		Manual string          `json:"manual,omitempty"`
		Words  string          `json:"words,omitempty"`
		Value  json.RawMessage `json:"value,omitempty"`
		Unit   string          `json:"unit,omitempty"`
		Error  string          `json:"error,omitempty"`
	}{
		r.Sample.Time, r.Point.Device, r.Point.Name, r.Point.At.String(), r.Manual(), r.Words(), r.Value, r.Rule.Unit, "",
	}
	if r.Err != nil {
		out.Error = r.Err.Error()
	}
	return json.Marshal(out)
}
