package gateway

import (
	"context"

	"fieldmq/broker/mqtt"
	"fieldmq/gateway/levels"
	"fieldmq/mapping"
)

// Topics by which clients raise levels of the log for a while, as far as the
// rules of access let them publish there. Without rules only clients on this
// machine may.
const (
	levelsTopic = "$CONTROL/log"
	levelsReply = "$CONTROL/log/reply"
)

// Levels lets the broker change how much is logged: as the section log says, and
// for clients that ask for it by MQTT. It is called before Run.
func (s *Service) Levels(l *levels.Levels, config *levels.Config) {
	s.levels = l
	l.Set(config)
}

// Levels is the same for a gateway.
func (g *Gateway) Levels(l *levels.Levels) { g.service.Levels(l, &g.config.Log) }

// listenLevels carries out requests until ctx ends.
func (s *Service) listenLevels(ctx context.Context) error {
	if s.levels == nil {
		return nil
	}
	for m := range s.server.Subscribe(ctx, levelsTopic) {
		if m.Retain {
			continue // it would be carried out again at each start
		}
		reply, err := s.levels.Ask(m.Payload)
		if err == nil && len(m.Payload) > 0 {
			s.log.Info("levels of the log are changed", "request", string(m.Payload))
		}
		topic := levelsReply
		if mapping.MayAnswer(m.ResponseTopic) {
			topic = m.ResponseTopic
		}
		answer := mqtt.Message{
			Topic: topic, Payload: reply, QoS: m.QoS, UTF8: true, ContentType: "application/json", CorrelationData: m.CorrelationData,
		}
		if err := s.server.Publish(ctx, answer); err != nil && ctx.Err() == nil {
			s.log.Error("publish", "error", err)
		}
	}
	return nil
}
