package gateway

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldmq/broker/access"
)

// TestPageIsServedToWhomTheBrokerAsks checks the rule that keeps the page of a
// site that has no users on the machine itself.
func TestPageIsServedToWhomTheBrokerAsks(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("ann:"+access.Encode([]byte("secret"))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, broker string
		served       bool
	}{
		{"is on this machine", `{listen: [{url: "ws://127.0.0.1:0/mqtt"}]}`, true},
		{"is not beyond it where there are no users", `{listen: [{url: "ws://0.0.0.0:0/mqtt", anonymous: true}]}`, false},
		{"is beyond it where people sign in", `{listen: [{url: "ws://0.0.0.0:0/mqtt"}], users: "` + users + `"}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := Open(t.Context(), read(t, "gateway: {id: box}\nbroker: "+c.broker), quiet)
			if err != nil {
				t.Fatal(err)
			}
			background(t, g.Run)
			if pages := g.Pages(); (len(pages) == 1) != c.served {
				t.Errorf("pages at %v", pages)
			}
			_, port, _ := strings.Cut(strings.TrimPrefix(g.URLs()[0], "ws://"), "]:")
			if port == "" {
				_, port, _ = strings.Cut(strings.TrimPrefix(g.URLs()[0], "ws://"), ":")
			}
			response, err := http.Get("http://127.0.0.1:" + strings.TrimSuffix(port, "/mqtt") + "/")
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, _ := io.ReadAll(response.Body)
			if strings.Contains(string(text), `<div id="app">`) != c.served {
				t.Errorf("%s: %s", response.Status, text)
			}
		})
	}
}

func TestPageCanBeLeftOut(t *testing.T) {
	g, err := Open(t.Context(), read(t, "page: {serve: false}\nbroker: {listen: [{url: \"ws://127.0.0.1:0/mqtt\"}]}"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer g.service.close()
	if pages := g.Pages(); len(pages) != 0 {
		t.Errorf("pages at %v", pages)
	}
}
