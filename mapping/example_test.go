package mapping

import (
	"fmt"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
)

// One point of a boiler on its way up and down.
func ExampleTable() {
	setpoint := &drivers.Point{Device: "boiler", Name: "setpoint", At: &place{kind: drivers.KindInt}}
	rule := NewRule(DefaultReporting())
	rule.Scale, rule.Write = 0.1, Write{Allowed: true}
	table, err := Compile([]Device{{
		ID: "boiler", Reporting: DefaultReporting(),
		Points: []Entry{{Point: setpoint, Rule: rule, Every: time.Second}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}

	now := time.UnixMilli(1795209372123)
	samples := []drivers.Sample{{Point: setpoint, Time: now, Value: drivers.Int(605)}}
	for _, m := range table.Messages(samples, now) {
		fmt.Printf("%s %s\n", m.Topic, m.Payload)
	}

	m := mqtt.Message{Topic: "device/boiler/setpoint/set", Payload: []byte("62")}
	request, err := table.Request(m)
	for _, c := range request.Commands {
		fmt.Printf("write %v = %v\n", c.Point, c.Value)
	}
	reply, _ := table.Reply(m, request, err)
	fmt.Printf("%s %s\n", reply.Topic, reply.Payload)
	// Output:
	// device/boiler/setpoint 60.5
	// device/boiler/state {"ts":1795209372123,"setpoint":60.5}
	// write boiler/setpoint = 620
	// device/boiler/reply {"ok":true,"point":"setpoint","value":62}
}
