package broker

import (
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// Review applies what Access says now to the clients that are connected. Those
// who may not stay are cut; a will or a subscription that is not allowed any
// more ends, with what waits because of it. Sessions of clients that are away
// are reviewed when these come back.
func (s *Server) Review(stays func(*Peer) bool) {
	for _, c := range s.review(stays) {
		c.leave(packet.NotAuthorized)
	}
}

// review returns those who are to be cut.
func (s *Server) review(stays func(*Peer) bool) (out []*conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, each := range s.sessions {
		c, outside := each.holder.(*conn)
		if !outside {
			continue
		}
		if each.will != nil && !s.Access.MayPublish(c.peer, each.will.Message.Topic) {
			each.will = nil
		}
		if !stays(c.peer) {
			out = append(out, c)
		}
		each.mu.Lock()
		each.review(c.peer)
		each.mu.Unlock()
	}
	return out
}

// review ends the subscriptions that the client may not have, and notes what is
// denied to it. The session's lock is held.
func (s *session) review(p *Peer) {
	denied := s.server.Access.Denied(p)
	s.denied.Store(&denied)
	ended := 0
	for f := range s.subs {
		if s.server.Access.MaySubscribe(p, f) {
			continue
		}
		s.server.tree.Unsubscribe(s, f)
		s.forget(f)
		if s.durable {
			s.server.note(Unsubscribed{s.id, f})
		}
		ended++
	}
	if ended > 0 {
		s.server.log.Info("subscriptions ended", "client", s.id, "subscriptions", ended, "reason", packet.NotAuthorized)
	}
	if ended == 0 && len(denied) == 0 {
		return
	}
	for _, d := range s.queue.take() {
		// A topic name is a filter that takes this topic alone.
		if s.server.Access.MaySubscribe(p, mqtt.Filter(d.message.Topic)) {
			s.queue.push(d)
		} else {
			s.lose(&d)
		}
	}
}

// foreign says whether the session is another user's. One without a user is
// anybody's who may have its subscriptions.
func (s *session) foreign(user string) bool { return s.user != "" && s.user != user }
