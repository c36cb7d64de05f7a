package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker/mqtt"
)

// soak is one run: clients that act in rounds, and are judged after each.
type soak struct {
	addr    string
	seed    uint64
	clients int
	things  int // that each client does in a round
	out     io.Writer

	world  *world
	actors []*actor
	totals totals
}

// totals are what a run has done, for people.
type totals struct {
	rounds, published, delivered, connections, wills, differences int
}

// run acts until the time is over, and returns how many differences it saw.
// It fails if the broker does.
func (s *soak) run(ctx context.Context, span time.Duration) (int, error) {
	s.world = newWorld()
	for i := range s.clients {
		s.actors = append(s.actors, &actor{
			world: s.world, addr: s.addr, index: i + 1, topics: max(1, s.clients/5),
			rng: rand.New(rand.NewPCG(s.seed, uint64(i))),
		})
	}
	defer s.close()
	for began := time.Now(); ctx.Err() == nil && (s.totals.rounds == 0 || time.Since(began) < span); s.totals.rounds++ {
		if err := s.round(); err != nil {
			return s.totals.differences, err
		}
	}
	t := s.totals
	fmt.Fprintf(s.out, "%d rounds, %d connections, %d messages, %d wills, %d deliveries, %d differences\n",
		t.rounds, t.connections, t.published, t.wills, t.delivered, t.differences)
	return t.differences, nil
}

func (s *soak) close() {
	for _, a := range s.actors {
		if a.link != nil {
			a.link.cut(true)
		}
	}
}

// round lets all act at once, waits until all is quiet, and judges.
func (s *soak) round() error {
	if err := s.all(func(a *actor) error { return a.act(s.things) }); err != nil {
		return err
	}
	if err := s.all((*actor).rest); err != nil {
		return err
	}
	s.closeWills()
	// One after the other: each asks the whole model, and all at once would keep
	// those from its lock who note what the broker says.
	for _, a := range s.actors {
		a.awaitAll()
	}
	err := s.all((*actor).ping)
	s.judge()
	return err
}

// all has every client do something at the same time. It fails with the first
// that does.
func (s *soak) all(do func(*actor) error) error {
	var group errgroup.Group
	for _, a := range s.actors {
		group.Go(func() error {
			if err := do(a); err != nil {
				return fmt.Errorf("client %d: %w\n%s", a.index, err, a.story())
			}
			return nil
		})
	}
	return group.Wait()
}

// closeWills says that the wills of connections that ended must have been
// published by now.
func (s *soak) closeWills() {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	now := s.world.tick()
	for _, m := range s.world.byID {
		if m.will && m.begin != never && m.qos > mqtt.AtMostOnce {
			m.end = min(m.end, now)
		}
	}
}

// judge judges all sessions of the round and forgets it.
func (s *soak) judge() {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	for _, a := range s.actors {
		for _, session := range a.sessions {
			s.totals.delivered += len(session.got)
			for _, d := range s.world.judge(session) {
				s.totals.differences++
				if s.totals.differences <= mostTold {
					fmt.Fprintf(s.out, "%v\n%s", d, s.world.history(session, d.topic))
				}
			}
		}
		a.startOver()
	}
	for _, m := range s.world.byID {
		if m.begin != never && !m.judged {
			s.totals.published++
			if m.will {
				s.totals.wills++
			}
		}
	}
	s.totals.connections = 0
	for _, a := range s.actors {
		s.totals.connections += a.links
	}
	s.world.forget()
}

// mostTold is how many differences are told in full.
const mostTold = 20
