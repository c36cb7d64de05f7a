// Package bridge connects a broker to another one upstream, usually in a cloud:
// what the rules say goes out and comes in, over links that fail for days.
//
// The way out: a reader subscribes to the broker here like any client and puts
// what it gets into the queue. The queue decides what goes first. One sender
// writes to the connection, with as many messages under way as the server
// takes; acknowledgements settle them. What is not acknowledged when a
// connection ends is sent again on the next one.
//
// What waits is kept in memory: it survives any outage of the uplink as far as
// its bounds reach, and nothing of a restart of the gateway.
package bridge

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// Broker is what a bridge asks of the broker here. *broker.Server has it.
type Broker interface {
	// Publish publishes messages.
	Publish(context.Context, ...mqtt.Message) error
	// Subscribe hands over what the filters take, retained messages first, until
	// ctx ends or the loop is left.
	Subscribe(context.Context, ...mqtt.Filter) iter.Seq[mqtt.Message]
}

// Identity says in whose name a bridge speaks.
type Identity struct {
	Gateway  string       // its id, which marks messages that crossed a bridge of it
	Upstream string       // name of the upstream, unique in the gateway
	Online   mqtt.Message // says here that the gateway is online; goes out as the rules say
	Offline  mqtt.Message // the opposite, and the will; on the same topic
	Statuses mqtt.Filter  // what goes ahead of other retained messages
}

// Bridge connects a broker to one upstream.
type Bridge struct {
	config   Config
	identity Identity
	broker   Broker
	log      *slog.Logger
	out, in  []rule
	status   string // topic of the gateway's status there; empty: no rule takes it
	queue    *queue
	replies  *replies
	protocol *protocol
	session  atomic.Int64 // number of the connection, rises
	pause    pause
	readAll  chan struct{} // closed when read has ended

	mu        sync.Mutex
	stopping  bool
	connected bool
	since     time.Time
	trouble   string // why there is no connection
	received  int64
	refused   map[string]int64 // of what came, by reason
	told      map[string]bool  // refusals that were logged
}

// Stats are the figures of a bridge. Produced = Delivered + Queued + all that
// is Dropped.
type Stats struct {
	Connected bool
	Since     time.Time        // when that began; zero: never was
	Trouble   string           // why there is no connection, for people
	Produced  int64            // messages that the rules took
	Delivered int64            // acknowledged by the upstream, or written with QoS 0
	Queued    int64            // wait, or are under way
	Bytes     int64            // what these count in the backlog
	Dropped   map[string]int64 // by reason
	Received  int64            // messages that came from upstream and were published
	Refused   map[string]int64 // messages that came and were not, by reason
}

// New makes a bridge and starts nothing. The config is valid.
func New(config Config, identity Identity, broker Broker, log *slog.Logger) *Bridge {
	b := &Bridge{
		config:   config,
		identity: identity,
		broker:   broker,
		log:      log,
		queue:    newQueue(config.Backlog, config.Drain),
		replies:  newReplies(identity.Upstream),
		readAll:  make(chan struct{}),
		refused:  map[string]int64{},
		told:     map[string]bool{},
	}
	for _, o := range config.Out {
		b.out = append(b.out, rule{o.Topic, o.To, o.QoS})
	}
	for _, i := range config.In {
		b.in = append(b.in, rule{i.Topic, i.To, i.QoS})
	}
	b.status, _ = carry(b.out, identity.Online.Topic)
	b.protocol = &protocol{queue: b.queue, refused: b.warnRefused}
	return b
}

// Run carries messages until ctx ends. Then what is current still goes out, and
// that the gateway is offline, for a few seconds at most.
func (b *Bridge) Run(ctx context.Context) error {
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, reading := errgroup.WithContext(reading)
	group.Go(func() error { return b.read(reading) })
	group.Go(func() error {
		defer stop()
		b.stayConnected(ctx)
		return nil
	})
	err := group.Wait()
	if s := b.Stats(); s.Queued > 0 {
		b.log.Error("backlog lost: it is kept in memory only", "messages", s.Queued)
	}
	return err
}

// stayConnected connects again and again until ctx ends.
func (b *Bridge) stayConnected(ctx context.Context) {
	for ctx.Err() == nil {
		err := b.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		b.away(err)
		select {
		case <-ctx.Done():
		case <-time.After(b.pause.next(err)):
		}
	}
}

// away notes that there is no connection, and logs it if that is news.
func (b *Bridge) away(err error) {
	text := explain(err)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.connected || b.trouble != text {
		b.log.Warn("upstream is away", "reason", text)
	}
	if b.connected {
		b.since = time.Now()
	}
	b.connected, b.trouble = false, text
}

// here notes that there is a connection.
func (b *Bridge) here(present bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.connected, b.trouble, b.since = true, "", time.Now()
	clear(b.told)
	b.log.Info("upstream is connected", "url", b.config.URL, "session_present", present)
}

// mostTold bounds the refusals that are logged on one connection.
const mostTold = 100

// warnRefused logs that the server will not have a message, once for each topic
// and connection.
func (b *Bridge) warnRefused(topic string, r packet.Reason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.told[topic] || len(b.told) >= mostTold {
		return
	}
	b.told[topic] = true
	b.log.Error("message refused by upstream", "topic", topic, "reason", r.String())
}

// Stats are the figures now.
func (b *Bridge) Stats() Stats {
	s := b.queue.stats()
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Connected, s.Since, s.Trouble = b.connected, b.since, b.trouble
	s.Received, s.Refused = b.received, maps.Clone(b.refused)
	return s
}

func (q *queue) stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Stats{
		Produced: q.produced, Delivered: q.delivered, Dropped: maps.Clone(q.dropped),
		Queued: int64(q.backlog.len()), Bytes: q.backlog.size(),
	}
}
