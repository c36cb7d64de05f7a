package gateway

import (
	"log/slog"
	"sync"
	"time"
)

// complaints tell the log of messages that cannot be published. A disk that is
// full fails each of them: of one reason the log is told once in a while.
type complaints struct {
	mu   sync.Mutex
	told map[string]time.Time // by reason
}

const (
	complainEvery  = 10 * time.Minute
	mostComplaints = 100 // reasons that are remembered
)

// tell tells the log of an error, unless it has lately heard of it.
func (c *complaints) tell(log *slog.Logger, err error) {
	if err != nil && c.due(err.Error(), time.Now()) {
		log.Error("publish", "error", err)
	}
}

func (c *complaints) due(reason string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if told, known := c.told[reason]; known && now.Before(told.Add(complainEvery)) {
		return false
	}
	if c.told == nil || len(c.told) >= mostComplaints {
		c.told = map[string]time.Time{}
	}
	c.told[reason] = now
	return true
}
