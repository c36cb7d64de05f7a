package gateway

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
	"fieldmq/mapping"
	"fieldmq/mapping/homeassistant"
)

// HomeAssistant are the keys of the section homeassistant.
type HomeAssistant struct {
	// Enabled tells Home Assistant what devices there are, by its MQTT discovery,
	// with retained messages. It must be connected to this broker, or to one that
	// the topics are bridged to. Default: false.
	Enabled bool `yaml:"enabled"`
	// Prefix is the discovery prefix that Home Assistant has.
	Prefix string `yaml:"prefix"`
	// Before is what stands before device/ at the broker that Home Assistant is
	// connected to, if a bridge puts something there, such as site-a/. Default: none.
	Before string `yaml:"before"`
	// Status is the topic on which Home Assistant says that it is online: devices
	// are told again then. Default: status below the prefix.
	Status string `yaml:"status"`
	// URL is where people reach the gateway's page, such as http://box.local:8083/.
	// Home Assistant links to it. Default: none.
	URL string `yaml:"url"`
}

// Validate checks the topics.
func (h *HomeAssistant) Validate() error {
	switch {
	case !mqtt.ValidTopic(h.Prefix) || strings.HasPrefix(h.Prefix, "$") || strings.HasPrefix(h.Prefix+"/", "device/"):
		return configs.Bad("prefix", "%q is no prefix of topics such as homeassistant", h.Prefix)
	case h.Before != "" && (!mqtt.ValidTopic(h.Before) || !strings.HasSuffix(h.Before, "/")):
		return configs.Bad("before", "%q is no beginning of topics such as site-a/", h.Before)
	case h.Status != "" && !mqtt.ValidTopic(h.Status):
		return configs.Bad("status", "%q is no topic", h.Status)
	case h.URL != "" && !strings.HasPrefix(h.URL, "http://") && !strings.HasPrefix(h.URL, "https://"):
		return configs.Bad("url", "%q is no address such as http://box.local:8083/", h.URL)
	}
	return nil
}

func (h *HomeAssistant) status() string {
	if h.Status != "" {
		return h.Status
	}
	return h.Prefix + "/status"
}

// home tells Home Assistant of the devices. It belongs to the goroutine of Run.
type home struct {
	config HomeAssistant
	stop   context.CancelFunc
	tasks  errgroup.Group
}

// birthSpread is within which time devices are told again after Home Assistant
// has started, so that not all gateways do so at once.
const birthSpread = 5 * time.Second

// settle tells of all devices as they are now, takes away what is gone, and
// listens for the start of Home Assistant, if that is wanted.
func (g *Gateway) settle(config HomeAssistant) {
	if g.home == nil {
		g.clearFormerHome(g.former(), config)
	}
	if g.home != nil && g.home.config != config {
		g.home.end()
		if g.home.config.Prefix != config.Prefix {
			g.clearHome(g.home.config)
		}
		g.home = nil
	}
	if !config.Enabled {
		g.keepFormer(former{ID: g.id})
		g.clearHome(config)
		return
	}
	g.keepFormer(former{g.id, config.Prefix})
	g.tellHome(config)
	if g.home != nil {
		return
	}
	ctx, stop := context.WithCancel(g.running.serving)
	g.home = &home{config: config, stop: stop}
	kept := len(g.server.Retained(mqtt.Filter(config.status()))) > 0
	births := g.server.Subscribe(ctx, mqtt.Filter(config.status()))
	g.home.tasks.Go(func() error {
		for m := range births {
			if m.Retain && kept {
				kept = false
				continue // what was told before it started, it has got by now
			}
			if string(m.Payload) != "online" {
				continue
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(rand.N(birthSpread)):
			}
			select {
			case g.tasks <- func() { g.tellHome(config) }:
			case <-ctx.Done():
			}
		}
		return nil
	})
}

func (h *home) end() {
	if h != nil {
		h.stop()
		_ = h.tasks.Wait()
	}
}

// tellHome publishes the discovery of all devices, and takes back that of others
// which this gateway told of.
func (g *Gateway) tellHome(config HomeAssistant) {
	ha := &homeassistant.Gateway{ID: g.id, Prefix: config.Prefix, Status: mapping.Status(g.id, true).Topic, Before: config.Before, Version: Version(), URL: config.URL}
	told := map[string][]byte{}
	for _, m := range g.server.Retained(mqtt.Filter(ha.Topic("+"))) {
		told[m.Topic] = m.Payload
	}
	for _, u := range g.units {
		table := u.table.Load()
		for _, id := range table.Devices() {
			d, _ := table.Describe(id)
			topic, payload := ha.Topic(id), ha.Discovery(d, nil)
			if gone := homeassistant.Gone(told[topic], payload); told[topic] != nil && len(gone) > 0 {
				g.tell(discovery(topic, ha.Discovery(d, gone)))
			}
			g.tell(discovery(topic, payload))
			delete(told, topic)
		}
	}
	for topic := range told {
		g.tell(mapping.Empty(topic)...)
	}
}

func discovery(topic string, payload []byte) mqtt.Message {
	return mqtt.Message{Topic: topic, Payload: payload, QoS: mqtt.AtLeastOnce, Retain: true, UTF8: true, ContentType: "application/json"}
}

// clearHome takes back all that this gateway told.
func (g *Gateway) clearHome(config HomeAssistant) {
	ha := &homeassistant.Gateway{ID: g.id, Prefix: config.Prefix}
	for _, m := range g.server.Retained(mqtt.Filter(ha.Topic("+"))) {
		g.tell(mapping.Empty(m.Topic)...)
	}
}
