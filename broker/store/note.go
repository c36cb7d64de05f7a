package store

import "fieldmq/broker"

// note is the record for what the broker says, nil if that changes nothing.
func (s *state) note(r broker.Record) record {
	switch r := r.(type) {
	case broker.Entered:
		return s.noteEntered(r)
	case broker.Left:
		return s.ifKnown(r.ClientID, &leftRecord{r})
	case broker.Ended:
		return s.ifKnown(r.ClientID, &endedRecord{r})
	case broker.Subscribed:
		return s.ifKnown(r.ClientID, &subscribedRecord{r})
	case broker.Unsubscribed:
		return s.ifKnown(r.ClientID, &unsubscribedRecord{r})
	case broker.Received:
		return s.ifKnown(r.ClientID, &receivedRecord{r})
	case broker.Forgotten:
		return s.ifKnown(r.ClientID, &forgottenRecord{r})
	case broker.Sent:
		return s.ifWaiting(r.ClientID, r.Number, &sentRecord{r, s.order + 1})
	case broker.Released:
		return s.ifWaiting(r.ClientID, r.Number, &releasedRecord{r})
	case broker.Settled:
		return s.ifWaiting(r.ClientID, r.Number, &settledRecord{r})
	case broker.Counted:
		return s.noteCounted(r)
	case broker.Queued:
		return s.noteQueued(r)
	case broker.Retained:
		if _, there := s.retained[r.Message.Topic]; there || len(r.Message.Payload) > 0 {
			return &retainedRecord{r}
		}
	}
	return nil
}

func (s *state) ifKnown(id string, r record) record {
	if s.known(id) == nil {
		return nil
	}
	return r
}

func (s *state) ifWaiting(id string, number uint64, r record) record {
	if c := s.known(id); c != nil {
		if c.waiting.has(number) {
			return r
		}
	}
	return nil
}

// noteEntered leaves out a session that a crash would end without a trace.
func (s *state) noteEntered(r broker.Entered) record {
	if r.New && r.Expiry == 0 && r.Will == nil {
		return s.ifKnown(r.ClientID, &endedRecord{broker.Ended{ClientID: r.ClientID}})
	}
	return &enteredRecord{r}
}

// noteCounted counts a message once, and others that were never queued.
func (s *state) noteCounted(r broker.Counted) record {
	if r.Number == 0 {
		return s.ifKnown(r.ClientID, &countedRecord{r})
	}
	return s.ifWaiting(r.ClientID, r.Number, &countedRecord{r})
}

func (s *state) noteQueued(r broker.Queued) record {
	m := &messageRecord{Number: r.Number, Expires: r.Expires, Came: r.Came, Message: r.Message}
	for _, t := range r.To {
		if s.known(t.ClientID) != nil {
			m.To = append(m.To, taker{Taker: t})
		}
	}
	if s.known(r.By.ClientID) != nil {
		m.By = r.By
	}
	switch {
	case m.To != nil:
		return m
	case m.By.ClientID != "":
		return &receivedRecord{m.By}
	}
	return nil
}
