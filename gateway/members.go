package gateway

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// members are the members of a JSON object, as encoding/json has them, but for
// integers that a float64 would make others of: these are kept as their digits.
type members map[string]any

// UnmarshalJSON reads an object.
func (m *members) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var read map[string]any
	if err := decoder.Decode(&read); err != nil {
		return err
	}
	for name, value := range read {
		if n, ok := value.(json.Number); ok {
			f, err := n.Float64()
			if err != nil {
				return err
			}
			if !digitsCount(n, f) {
				read[name] = f
			}
		}
	}
	*m = read
	return nil
}

// digitsCount says whether a number is an integer of 64 bits that is not f.
func digitsCount(n json.Number, f float64) bool {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return strconv.FormatFloat(f, 'f', 0, 64) != strconv.FormatInt(i, 10)
	}
	u, err := strconv.ParseUint(n.String(), 10, 64)
	return err == nil && strconv.FormatFloat(f, 'f', 0, 64) != strconv.FormatUint(u, 10)
}
