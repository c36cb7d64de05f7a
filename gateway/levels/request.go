package levels

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// request asks for a level for a while.
type request struct {
	For   string `json:"for"`
	Level string `json:"level"` // empty: what was raised is over
	Time  string `json:"time"`  // such as 10m
}

// How long a level is raised: unless told otherwise, and at most. Whoever
// forgets it shall not fill a card.
const (
	usualTime   = 10 * time.Minute
	longestTime = 24 * time.Hour
)

// answer says what holds now.
type answer struct {
	OK     bool     `json:"ok"`
	Error  string   `json:"error,omitempty"`
	Raised []raised `json:"raised"`
}

type raised struct {
	For   string `json:"for"`
	Level string `json:"level"`
	Until int64  `json:"until"` // Unix milliseconds
}

// Ask carries out a request in JSON, {"for": "client=meter-7", "level": "debug",
// "time": "10m"}, and answers in JSON with all levels that are raised. An empty
// request only asks.
func (l *Levels) Ask(text []byte) (reply []byte, err error) {
	if len(bytes.TrimSpace(text)) > 0 {
		err = l.carryOut(text)
	}
	a := answer{OK: err == nil, Raised: []raised{}}
	if err != nil {
		a.Error = err.Error()
	}
	for _, r := range l.Raised() {
		a.Raised = append(a.Raised, raised{r.For, r.Level, r.Until.UnixMilli()})
	}
	reply, _ = json.Marshal(a) // strings and numbers
	return reply, err
}

func (l *Levels) carryOut(text []byte) error {
	var q request
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return fmt.Errorf(`not a request such as {"for": "client=meter-7", "level": "debug", "time": "10m"}: %w`, err)
	}
	r := Rule{For: q.For, Level: q.Level}
	if err := r.check(); err != nil {
		return err
	}
	if q.Level == "" {
		l.Drop(q.For)
		return nil
	}
	var known slog.Level
	if known.UnmarshalText([]byte(q.Level)) != nil {
		return fmt.Errorf("%q is none of debug, info, warn, error", q.Level)
	}
	span := usualTime
	if q.Time != "" {
		var err error
		if span, err = time.ParseDuration(q.Time); err != nil || span <= 0 || span > longestTime {
			return fmt.Errorf("%q is no time up to %v, such as 10m", q.Time, longestTime)
		}
	}
	if !l.Raise(Raised{r, time.Now().Add(span)}) {
		return fmt.Errorf("%d levels are raised already", mostRaised)
	}
	return nil
}
