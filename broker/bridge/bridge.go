// Package bridge connects a broker to another one upstream, usually in a cloud:
// what the rules say goes out and comes in, over links that fail for days.
//
// The way out: a feed of the broker here stores what the rules take, before it is
// acknowledged to whoever published it, and hands it to the queue. The queue decides
// what goes first. One sender writes to the connection, with as many messages under
// way as the server takes; acknowledgements settle them in the store. What is not
// acknowledged when a connection, or the process, ends is sent again on the next one.
//
// Where the broker has no store, what waits is kept in memory: it survives any outage
// of the uplink as far as its bounds reach, and nothing of a restart of the gateway.
package bridge

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// Broker is what a bridge asks of the broker here. *broker.Server has it.
type Broker interface {
	// Publish publishes messages.
	Publish(context.Context, ...mqtt.Message) error
	// Feed hands over what the filters take as it is published, and keeps it if it
	// has a store.
	Feed(ctx context.Context, name string, sink broker.Sink, filters ...mqtt.Filter) (*broker.Feed, error)
	// Subscribe hands over what the filters take, retained messages first, until
	// ctx ends or the loop is left.
	Subscribe(context.Context, ...mqtt.Filter) iter.Seq[mqtt.Message]
	// Retained are the retained messages that a filter takes.
	Retained(mqtt.Filter) []mqtt.Message
}

// Keeper keeps small values over restarts, if it can.
type Keeper interface {
	// Put keeps a value.
	Put(key string, value []byte) error
	// Get is the value, nil if there is none.
	Get(key string) []byte
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
	keeper   Keeper
	log      *slog.Logger
	out, in  []rule
	status   string // topic of the gateway's status there; empty: no rule takes it
	queue    *queue
	format   format // nil: messages go as they are
	replies  *replies
	protocol *protocol
	session  atomic.Int64 // number of the connection, rises
	pause    pause
	pacer    *pacer
	presence *presence
	opened   sync.Once
	fault    error // of opening
	feed     *broker.Feed
	own      bool // the message that was judged is of this process
	unkept   bool // what was last to be kept of gaps; the keeper of the house has it

	mu        sync.Mutex
	stopping  bool
	connected bool
	since     time.Time
	trouble   string // why there is no connection
	received  int64
	refused   map[string]uint64 // of what came, by reason
	told      map[warning]bool  // of this connection
}

// Stats are the figures of a bridge. Produced = Delivered + Queued + all that
// is Dropped, over restarts where the broker has a store.
type Stats struct {
	Connected bool
	Since     time.Time         // when that began; zero: never was
	Trouble   string            // why there is no connection, for people
	Session   int64             // number of the last connection, that its status bears upstream
	Account                     // all messages that the rules took
	Bytes     int64             // what those that are queued count in the backlog
	Room      int64             // bytes that may
	Oldest    time.Time         // when the first of them came; zero: none waits
	Received  int64             // messages that came from upstream and were published
	Refused   map[string]uint64 // messages that came and were not, by reason
}

// New makes a bridge and starts nothing. The config is valid.
func New(config Config, identity Identity, broker Broker, keeper Keeper, log *slog.Logger) *Bridge {
	b := &Bridge{
		config:   config,
		identity: identity,
		broker:   broker,
		keeper:   keeper,
		log:      log,
		queue:    newQueue(config.Backlog, config.Drain),
		replies:  newReplies(identity.Upstream),
		pause:    pause{least: config.Limits.ConnectEvery.D()},
		pacer:    newPacer(&config.Limits),
		refused:  map[string]uint64{},
		told:     map[warning]bool{},
	}
	b.out = config.outRules()
	for _, i := range config.In {
		b.in = append(b.in, rule{i.Topic, i.To, i.QoS})
	}
	b.queue.translate = b.outgoing
	b.status, _ = carry(b.out, identity.Online.Topic)
	b.speak()
	b.presence = newPresence(b)
	b.queue.batching = newBatching(b)
	b.protocol = &protocol{queue: b.queue, refused: b.warnRefused, recall: b.recall, moved: b.moved, limits: &b.config.Limits}
	return b
}

// Feeds begins the names that bridges have in the broker here.
const Feeds = ownRoot

// Feed is the name of the bridge to an upstream.
func Feed(upstream string) string { return own(upstream) + "out" }

// Open takes up what waits, and takes messages in from then on. Run does so if
// nobody has. It is not called twice for one bridge while another of its name runs.
func (b *Bridge) Open(ctx context.Context) error {
	b.opened.Do(func() {
		filters := []mqtt.Filter{mqtt.Filter(own(b.identity.Upstream) + "#")}
		for i := range b.out {
			if !slices.Contains(filters, b.out[i].from) {
				filters = append(filters, b.out[i].from)
			}
		}
		if _, b.fault = b.broker.Feed(ctx, Feed(b.identity.Upstream), sink{b}, filters...); b.fault == nil {
			b.protocol.restore(b.feed)
		}
	})
	return b.fault
}

// Run carries messages until ctx ends. Then what is current still goes out, and
// that the gateway is offline, for a few seconds at most. What comes later waits for
// the next run.
func (b *Bridge) Run(ctx context.Context) error {
	if err := b.Open(ctx); err != nil {
		return err
	}
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	var house sync.WaitGroup
	house.Go(func() { b.keepHouse(keeping) })
	if b.config.Format == formatSparkplug {
		b.runEdge(ctx)
	} else {
		b.runPlain(ctx)
	}
	stop()
	house.Wait()
	if s := b.Stats(); s.Queued > 0 && !b.feed.Durable() {
		b.log.Error("backlog lost: it is kept in memory only", "messages", s.Queued)
	}
	return nil
}

// runPlain keeps a connection, and those of devices, until ctx ends.
func (b *Bridge) runPlain(ctx context.Context) {
	var present sync.WaitGroup
	present.Go(func() { b.presence.run(ctx) })
	b.stayConnected(ctx)
	present.Wait()
}

// houseEvery is how often what is not urgent is done.
const houseEvery = 5 * time.Second

// keepHouse counts what was left for later, and drops what is too old.
func (b *Bridge) keepHouse(ctx context.Context) {
	tick := time.NewTicker(houseEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			b.keepCounts()
			return
		case now := <-tick.C:
			b.keepCounts()
			b.queue.forgetOld(now)
		}
	}
}

func (b *Bridge) keepCounts() {
	b.queue.countLater()
	kept := b.queue.keepGaps()
	if kept == nil {
		return
	}
	err := b.keeper.Put(own(b.identity.Upstream)+"gaps", kept)
	if err != nil && !b.unkept {
		b.log.Warn("what the upstream is to be told of lost messages is not kept", "error", err)
	}
	b.unkept = err != nil
}

// recall tells the server all states again.
func (b *Bridge) recall() {
	b.queue.recall(func(yield func(*entry) bool) {
		for m := range b.feed.Retained() {
			now := time.Now()
			i := item{message: m, came: now}
			if m.Expiry > 0 {
				i.expires = now.Add(m.Expiry)
			}
			if e := b.outgoing(i); e.unwanted == "" && !yield(e) {
				return
			}
		}
	})
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

func (b *Bridge) isConnected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connected
}

// mostTold bounds the refusals that are logged on one connection.
const mostTold = 100

// warning is a refusal that was logged.
type warning struct {
	topic string
	later bool
}

// warnRefused logs that the server will not have a message, or not now, once for each
// topic and connection.
func (b *Bridge) warnRefused(topic string, r packet.Reason, later bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.told[warning{topic, later}] || len(b.told) >= mostTold {
		return
	}
	b.told[warning{topic, later}] = true
	if later {
		b.log.Warn("message put off by upstream, trying again", "topic", topic, "reason", r.String())
		return
	}
	b.log.Error("message refused by upstream", "topic", topic, "reason", r.String())
}

// Stats are the figures now.
func (b *Bridge) Stats() Stats {
	b.queue.mu.Lock()
	s := b.queue.stats()
	b.queue.mu.Unlock()
	b.complete(&s)
	return s
}

// Audit are the figures now, and those of each device of the same instant, which add
// up to them; "" is what is of none.
func (b *Bridge) Audit() (s Stats, accounts map[string]Account) {
	b.queue.mu.Lock()
	s, accounts = b.queue.stats(), b.queue.balance()
	b.queue.mu.Unlock()
	b.complete(&s)
	return s, accounts
}

// complete adds to the figures of the queue those of the connection.
func (b *Bridge) complete(s *Stats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Connected, s.Since, s.Trouble, s.Session = b.connected, b.since, b.trouble, b.session.Load()
	s.Received, s.Refused = b.received, maps.Clone(b.refused)
}

// stats are the figures of the queue. Its lock is held.
func (q *queue) stats() Stats {
	all := q.sum
	for _, a := range q.accounts {
		all.queued += a.queued
	}
	s := Stats{Account: all.figures(), Bytes: q.bytes, Room: int64(q.limits.Max)}
	if q.waiting > 0 {
		q.backlog.read(0, nil, func(i item, err error) bool {
			if err == nil {
				s.Oldest = i.came
			}
			return err != nil
		})
	}
	return s
}

// Accounts are the figures of each device; "" is what is of none.
func (b *Bridge) Accounts() map[string]Account {
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	return b.queue.balance()
}
