package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker/mqtt"
	"fieldmq/mapping"
)

// What people ask the gateway about itself, they ask on
// device/<gateway>/<what>/get, as MQTT 5 has requests: with a response topic.
// The broker's rules say who may. Each answer is a JSON object with "ok".
const getTopic = "/get"

// terms are what may stand in a request. All of it is optional.
type terms struct {
	Device  string  `json:"device"`
	Search  string  `json:"search"`
	Minutes float64 `json:"minutes"`
	Limit   int     `json:"limit"`
	From    int64   `json:"from"` // Unix milliseconds
}

// inquiry answers one kind of question.
type inquiry func(ctx context.Context, q terms) (any, error)

// inquiries are those that there are, by the level before /get.
func (g *Gateway) inquiries() map[string]inquiry {
	return map[string]inquiry{
		"clients": g.askClients,
		"config":  g.askConfig,
		"history": g.askHistory,
		"log":     g.askLog,
		"plan":    g.askPlan,
		"raw":     g.askRaw,
	}
}

// unknown answers all other questions.
func unknown(known map[string]inquiry) inquiry {
	return func(context.Context, terms) (any, error) {
		words := slices.Sorted(maps.Keys(known))
		return nil, fmt.Errorf("there is no such question; there are %s", strings.Join(words, ", "))
	}
}

// Bounds of the desk: how long a question may be and take, and how many are
// answered at a time.
const (
	longestQuestion = 4 << 10
	inquiryTime     = 10 * time.Second
	inquirers       = 4
)

// answerQuestions serves until ctx ends.
func (g *Gateway) answerQuestions(ctx context.Context) error {
	inquiries := g.inquiries()
	base := "device/" + g.id + "/"
	var group errgroup.Group
	group.SetLimit(inquirers)
	for m := range g.server.Subscribe(ctx, mqtt.Filter(base+"+"+getTopic)) {
		what := strings.TrimSuffix(strings.TrimPrefix(m.Topic, base), getTopic)
		if m.Retain || "/"+what+getTopic == shadowGet { // which the shadows answer
			continue
		}
		ask := inquiries[what]
		if ask == nil {
			ask = unknown(inquiries)
		}
		group.Go(func() error {
			g.answer(ctx, m, ask)
			return nil
		})
	}
	return group.Wait()
}

// answer answers one request.
func (g *Gateway) answer(ctx context.Context, m mqtt.Message, ask inquiry) {
	ctx, cancel := context.WithTimeout(ctx, inquiryTime)
	defer cancel()
	var q terms
	var found any
	err := q.read(m.Payload)
	if err == nil {
		found, err = ask(ctx, q)
	}
	if err != nil {
		found = failure{Error: err.Error()}
	}
	to := "device/" + g.id + "/reply"
	if mapping.MayAnswer(m.ResponseTopic) {
		to = m.ResponseTopic
	}
	a := document(to, found)
	a.QoS, a.CorrelationData = m.QoS, m.CorrelationData
	if err := g.server.Publish(ctx, a); ctx.Err() == nil {
		g.complaints.tell(g.log, err)
	}
}

// failure is the answer that there is none.
type failure struct {
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

func (q *terms) read(payload []byte) error {
	switch text := bytes.TrimSpace(payload); {
	case len(text) > longestQuestion:
		return fmt.Errorf("%d bytes are too long for a question", len(text))
	case len(text) == 0:
		return nil
	default:
		if err := json.Unmarshal(text, q); err != nil {
			return errors.New("the question is no JSON object such as {\"limit\":100}")
		}
		return nil
	}
}

// limit is how many are asked for, within bounds.
func (q *terms) limit(most int) int { return min(max(cmp.Or(q.Limit, most), 1), most) }

// document is a message with a JSON object.
func document(topic string, object any) mqtt.Message {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(object) // cannot fail: strings, finite numbers and what the gateway itself made
	return mqtt.Message{
		Topic: topic, Payload: bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), QoS: mqtt.AtLeastOnce,
		UTF8: true, ContentType: "application/json",
	}
}

// inside runs f in the goroutine of Run, where what runs may be looked at.
func (g *Gateway) inside(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case g.tasks <- func() { defer close(done); f() }:
		<-done
		return nil
	case <-ctx.Done():
		return errors.New("the gateway is busy; ask again")
	}
}
