package broker

import (
	"context"
	"os"
	"os/exec"
	"testing"
)

// TestMQTTjsIsServed goes through connect, all qualities of service, retained
// messages, wills and sessions over WebSocket, as web pages do.
func TestMQTTjsIsServed(t *testing.T) {
	for version := range both {
		t.Run(version, func(t *testing.T) {
			s, _ := start(t, Defaults())
			addr := listen(t, s, ListenerOptions{Name: "web", Anonymous: true, Path: "/mqtt"})
			ctx, cancel := context.WithTimeout(t.Context(), 6*patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, "node", "testdata/mqttjs_client.js", "ws://"+addr+"/mqtt", version)
			cmd.Env = append(os.Environ(), "NODE_PATH=/usr/share/nodejs") // where Debian's packages are
			out, err := cmd.CombinedOutput()
			if err != nil || string(out) != "done\n" {
				t.Errorf("%v: %s (it needs Debian's node-mqtt)", err, out)
			}
		})
	}
}
