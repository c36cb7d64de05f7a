package gateway

import (
	"context"

	"fieldmq/broker/bridge"
	"fieldmq/mapping"
)

// link is a bridge at work.
type link struct {
	bridge *bridge.Bridge
	stop   context.CancelFunc
	ended  chan struct{}
	err    error // of the bridge, once it has ended
}

// prepare opens the bridge of an upstream: what is published from now on waits for
// it, behind what an earlier life has left.
func (g *Gateway) prepare(ctx context.Context, u Upstream) (*bridge.Bridge, error) {
	id := g.config.General.ID
	b := bridge.New(u.Config, bridge.Identity{
		Gateway:  id,
		Upstream: u.Name,
		Online:   mapping.Status(id, true),
		Offline:  mapping.Status(id, false),
		Statuses: statuses,
	}, g.server, g.service.Keeper(), g.log.With("upstream", u.Name))
	if err := b.Open(ctx); err != nil {
		return nil, err
	}
	g.figures.bridge(u.Name, b)
	return b, nil
}

// prepareAll opens the bridges of all upstreams, and ends the backlogs of those that
// there are no more.
func (g *Gateway) prepareAll(ctx context.Context) ([]*bridge.Bridge, error) {
	var all []*bridge.Bridge
	for _, u := range g.config.Upstreams {
		b, err := g.prepare(ctx, u)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	g.endFeeds()
	return all, nil
}

// endFeeds lets go of what waits for upstreams that are not configured any more.
func (g *Gateway) endFeeds() {
	for _, f := range g.server.EndFeeds(bridge.Feeds) {
		g.log.Warn("the backlog of an upstream that is not configured any more is dropped", "feed", f)
	}
}

// link starts a bridge that is open, in the context of the broker.
func (g *Gateway) link(serving context.Context, u Upstream, b *bridge.Bridge) {
	ctx, stop := context.WithCancel(serving)
	l := &link{bridge: b, stop: stop, ended: make(chan struct{})}
	g.links[u.Name] = l
	go func() {
		defer close(l.ended)
		select {
		case <-g.waiting.over: // certificates have dates, and what is told has times
		case <-ctx.Done():
		}
		l.err = l.bridge.Run(ctx)
	}()
}

// unlink lets the bridge of an upstream say goodbye, and waits for it.
func (g *Gateway) unlink(name string) {
	l := g.links[name]
	delete(g.links, name)
	l.stop()
	<-l.ended
	if l.err != nil {
		g.log.Error("the bridge ended", "upstream", name, "error", l.err)
	}
}

// unlinkAll ends all bridges at once.
func (g *Gateway) unlinkAll() {
	for _, l := range g.links {
		l.stop()
	}
	for name := range g.links {
		g.unlink(name)
	}
}
