package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
	"fieldmq/mapping"
)

// Outcome is what became of a request to read the file again, as it is answered
// and as it stands, retained, on device/<gateway-id>/reload/result.
type Outcome struct {
	OK      bool           `json:"ok"`
	Time    int64          `json:"ts"` // Unix milliseconds
	File    string         `json:"file"`
	Changes []string       `json:"changes,omitempty"` // "device boiler: added"
	Faults  configs.Faults `json:"faults,omitempty"`  // of the file
	Error   string         `json:"error,omitempty"`   // what else was in the way
	Restart bool           `json:"restart,omitempty"` // that can be overcome by a restart
}

// Follower keeps a gateway and its file together: at each request it reads the
// file again and puts it into force. One that has faults changes nothing.
type Follower struct {
	gateway *Gateway
	file    string
	history *History
	log     *slog.Logger
	asked   chan chan Outcome
	socket  net.Listener // for programs on this machine; nil: it could not be had

	// Reloading is called when a file is about to be put into force, and when
	// that is over. Nil: nobody wants to know.
	Reloading func(begins bool)
}

// Follow makes a follower of the file that the gateway's configuration was read
// from; text is what it read. From now on programs on this machine find it; Run
// serves requests.
func (g *Gateway) Follow(file string, text []byte) *Follower {
	f := &Follower{gateway: g, file: file, history: OpenHistory(g.config.General.Data), log: g.log, asked: make(chan chan Outcome)}
	f.keep(text)
	f.openControl()
	g.follows.Store(true)
	return f
}

// LoadText is Load, and gives the text of the file too.
func LoadText(file string) (*Config, []byte, error) {
	text, err := readText(file)
	if err != nil {
		return nil, nil, err
	}
	config, err := Read(file, text, os.LookupEnv)
	return config, text, err
}

// Run serves requests until ctx ends: hang-ups, programs on this machine by the
// control socket, and MQTT clients by device/<gateway-id>/reload.
func (f *Follower) Run(ctx context.Context, hangups <-chan os.Signal) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.control(ctx) })
	group.Go(func() error { return f.listen(ctx) })
	group.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-hangups:
				f.reload(ctx)
			case answer := <-f.asked:
				answer <- f.reload(ctx)
			}
		}
	})
	return group.Wait()
}

// Ask has the file read again, and returns what became of it.
func (f *Follower) Ask(ctx context.Context) Outcome {
	answer := make(chan Outcome, 1)
	select {
	case f.asked <- answer:
		return <-answer
	case <-ctx.Done():
		return Outcome{Time: time.Now().UnixMilli(), File: f.file, Error: "the gateway is stopping"}
	}
}

func (f *Follower) reload(ctx context.Context) Outcome {
	if f.Reloading != nil {
		f.Reloading(true)
		defer f.Reloading(false)
	}
	config, text, err := LoadText(f.file)
	var changes []string
	if err == nil {
		changes, err = f.gateway.Reload(ctx, config)
	}
	o := Outcome{OK: err == nil, Time: time.Now().UnixMilli(), File: f.file, Changes: changes}
	var faults configs.Faults
	var restart *RestartError
	switch {
	case err == nil:
		f.keep(text)
		f.log.Info("the configuration is in force", "file", f.file, "changes", len(changes))
		for _, c := range changes {
			f.log.Info("reloaded", "change", c)
		}
	case ctx.Err() != nil:
		o.Error = "the gateway is stopping"
		return o
	case errors.As(err, &faults):
		o.Faults = faults
	default:
		o.Error, o.Restart = err.Error(), errors.As(err, &restart)
	}
	if err != nil {
		f.log.Error("the configuration stays as it was", "error", err)
	}
	f.publish(o)
	return o
}

// keep remembers a text that is in force, for a way back.
func (f *Follower) keep(text []byte) {
	if err := f.history.Add(text); err != nil {
		f.log.Warn("the file is not kept for a roll back", "error", err)
	}
}

// Topics of requests to read the file again, and of what became of the last.
const (
	reloadTopic  = "/reload"
	outcomeTopic = "/reload/result"
)

func (f *Follower) topic(suffix string) string {
	return "device/" + f.gateway.id + suffix
}

// listen takes requests of MQTT clients, as far as the rules let them publish.
func (f *Follower) listen(ctx context.Context) error {
	for m := range f.gateway.server.Subscribe(ctx, mqtt.Filter(f.topic(reloadTopic))) {
		if m.Retain {
			continue // it would be carried out again at each start
		}
		o := f.Ask(ctx)
		if !mapping.MayAnswer(m.ResponseTopic) {
			continue
		}
		f.send(mqtt.Message{Topic: m.ResponseTopic, Payload: o.json(), QoS: m.QoS, CorrelationData: m.CorrelationData})
	}
	return nil
}

// publish leaves the outcome for those who look later.
func (f *Follower) publish(o Outcome) {
	f.gateway.reloaded.Store(&o)
	f.send(mqtt.Message{Topic: f.topic(outcomeTopic), Payload: o.json(), QoS: mqtt.AtLeastOnce, Retain: true})
}

func (f *Follower) send(m mqtt.Message) {
	m.UTF8, m.ContentType = true, "application/json"
	if err := f.gateway.server.Publish(context.Background(), m); err != nil {
		f.log.Error("publish", "error", err)
	}
}

func (o *Outcome) json() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(o) // cannot fail: strings and numbers
	return bytes.TrimSpace(b.Bytes())
}
