package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// exclusive is a device that answers on one connection and closes all others at
// once. Its registers hold 7, whatever is written.
func exclusive(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	one := make(chan struct{}, 1)
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case one <- struct{}{}:
				served.Go(func() { answerSeven(conn); <-one })
			default:
				conn.Close()
			}
		}
	})
	t.Cleanup(func() { l.Close(); served.Wait() })
	return l.Addr().String()
}

func answerSeven(conn net.Conn) {
	defer conn.Close()
	request := make([]byte, 12)
	for {
		if _, err := io.ReadFull(conn, request); err != nil {
			return
		}
		if request[7] == 6 {
			conn.Write(request)
			continue
		}
		n := int(request[10])<<8 | int(request[11])
		answer := append(request[:4:4], 0, byte(3+2*n), request[6], request[7], byte(2*n))
		for range n {
			answer = append(answer, 0, 7)
		}
		conn.Write(answer)
	}
}

func TestToolsAskTheGatewayWhereADeviceTakesOneConnection(t *testing.T) {
	file := filepath.Join(t.TempDir(), "site.yaml")
	text := strings.NewReplacer("MQTT", freePort(t), "PLC", exclusive(t)).Replace(`
gateway: {id: box}
broker: {listen: [{url: "mqtt://127.0.0.1:MQTT"}]}
buses: {plc: {driver: modbus-tcp, address: "PLC"}}
devices: {tank: {bus: plc, every: 200ms, points: {level: {holding: 0, write: true}}}}
`)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	gateway := start(t, binary, "run", "--config", file)
	gateway.expect(`"device online" bus=plc device=tank`)
	for _, args := range [][]string{{"read", "-c", file, "tank"}, {"explain", file, "tank", "level"}, {"write", "-c", file, "tank", "level", "7"}} {
		stdout, stderr, code := output(t, binary, args...)
		if code != 0 || !strings.Contains(stdout, "0007") || !strings.Contains(stderr, "the gateway box has ") {
			t.Errorf("%v: exit %d:\n%s%s", args, code, stdout, stderr)
		}
	}
	if stdout, stderr, code := output(t, binary, "read", "-c", file, "--via", "none", "tank"); code != 4 || !strings.Contains(stdout, "it has closed the connection") {
		t.Errorf("alone: exit %d:\n%s%s", code, stdout, stderr)
	}
}
