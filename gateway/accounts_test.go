package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/bridge"
	"fieldmq/broker/mqtt"
)

const accountsYAML = `
gateway: {id: box, every: 1s}
broker: {listen: [{url: "mqtt://127.0.0.1:0"}]}
buses: {dead: {driver: modbus-tcp, address: "127.0.0.1:1"}}
devices:
  meter: {bus: dead, points: {x: {holding: 0}}}
  mute:  {bus: dead, points: {x: {holding: 1}}}
upstreams: {cloud: {url: "mqtt://UP", out: [{topic: "device/meter/#"}, {topic: "device/stranger/#"}, {topic: "alarm"}]}}
`

// balanced fails unless the accounts of a report add up to its sums, and each in itself.
func balanced(t *testing.T, r *upstreamReport) {
	t.Helper()
	sum := bridge.Account{Dropped: map[string]uint64{}}
	accounts := maps.Clone(r.Accounts)
	accounts[""] = r.Others
	for id, a := range accounts {
		if a.Produced != a.Delivered+a.Queued+a.Lost() {
			t.Errorf("%q does not add up: %+v", id, a)
		}
		sum.Produced, sum.Delivered, sum.Queued = sum.Produced+a.Produced, sum.Delivered+a.Delivered, sum.Queued+a.Queued
		for reason, n := range a.Dropped {
			sum.Dropped[reason] += n
		}
	}
	if sum.Produced != r.Produced || sum.Delivered != r.Delivered || sum.Queued != r.Backlog || !maps.Equal(sum.Dropped, r.Dropped) {
		t.Errorf("the accounts make %+v, the sums are %+v", sum, *r)
	}
}

func TestTheReportOfAnUpstreamAccountsForEachDevice(t *testing.T) {
	_, address := startUpstream(t)
	for name, up := range map[string]string{"delivered": address, "queued": "127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) { accountedByDevice(t, up) })
	}
}

// accountedByDevice runs a gateway with an upstream until its report tells of all
// that was published.
func accountedByDevice(t *testing.T, up string) {
	g, err := Open(t.Context(), read(t, strings.ReplaceAll(accountsYAML, "UP", up)), quiet)
	if err != nil {
		t.Fatal(err)
	}
	background(t, g.Run)
	arrive(t, g.Server(), map[string]string{"device/box/status": "online"}) // its bridge is open
	for i := range 60 {
		for _, topic := range []string{"device/meter/y", "device/stranger/y", "alarm"} {
			if err := g.Server().Publish(t.Context(), mqtt.Message{Topic: topic, Payload: fmt.Append(nil, i), QoS: mqtt.AtLeastOnce}); err != nil {
				t.Fatal(err)
			}
		}
	}
	looking, stop := context.WithTimeout(t.Context(), 80*time.Second) // a report comes each minute at least
	defer stop()
	var r upstreamReport
	for m := range g.Server().Subscribe(looking, "device/box/upstream/cloud") {
		r = upstreamReport{}
		if err := json.Unmarshal(m.Payload, &r); err != nil {
			t.Fatal(err)
		}
		balanced(t, &r)
		if r.Accounts["meter"].Produced > 60 && r.Others.Produced == 120 { // there are its status, info and health as well
			return
		}
	}
	t.Fatalf("the report stays at %+v", r)
}

func TestAccountsOfABigSiteAddUp(t *testing.T) {
	config := &Config{Buses: []Bus{{}}}
	config.General.ID = "box"
	all := map[string]bridge.Account{
		"":       {Produced: 2, Queued: 2},
		"box":    {Produced: 3, Delivered: 3},
		"theirs": {Produced: 9, Delivered: 1, Dropped: map[string]uint64{"backlog full": 8}},
	}
	sum := bridge.Account{Produced: 14, Delivered: 4, Queued: 2, Dropped: map[string]uint64{"backlog full": 8}}
	for i := range mostReported + 100 {
		var d Device
		d.ID = fmt.Sprintf("d%d", i)
		config.Buses[0].Devices = append(config.Buses[0].Devices, d)
		all[d.ID] = bridge.Account{Produced: 5, Delivered: 3, Queued: 1, Dropped: map[string]uint64{"expired": 1}}
		sum.Produced, sum.Delivered, sum.Queued = sum.Produced+5, sum.Delivered+3, sum.Queued+1
	}
	sum.Dropped["expired"] = mostReported + 100
	r := upstreamReport{Produced: sum.Produced, Delivered: sum.Delivered, Backlog: sum.Queued, Dropped: sum.Dropped}
	r.Accounts, r.Others = config.accounts(sum, all)
	balanced(t, &r)
	if _, theirs := r.Accounts["theirs"]; theirs || len(r.Accounts) != mostReported || r.Accounts["box"].Delivered != 3 {
		t.Errorf("%d accounts, that of the gateway %+v, of a stranger: %v", len(r.Accounts), r.Accounts["box"], theirs)
	}
	if text, _ := json.Marshal(r); len(text) > 60_000 {
		t.Errorf("the report has %d bytes", len(text))
	}
}
