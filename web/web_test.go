package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler(Settings{Broker: "/mqtt", Title: "Plant 7"}).ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var named = regexp.MustCompile(`(?:src|href)="([^"]+)"`)

func TestPageNamesOnlyWhatIsServed(t *testing.T) {
	page := body(t, get(t, "/"))
	names := named.FindAllStringSubmatch(page, -1)
	if len(names) < 3 {
		t.Fatalf("%d files in %s", len(names), page)
	}
	for _, n := range names {
		r := get(t, "/"+n[1])
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %s, %q", n[1], r.Status, r.Header.Get("Content-Type"))
		}
		if strings.HasPrefix(n[1], "page-") != strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s is cached as %q", n[1], r.Header.Get("Cache-Control"))
		}
	}
}

// The first load of a page that people open over a mobile network.
func TestPageIsSmall(t *testing.T) {
	sum := 0
	for name := range load() {
		if strings.HasSuffix(name, ".txt") {
			continue // read by nobody but lawyers
		}
		r := get(t, name, "Accept-Encoding", "gzip, br")
		if r.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not compressed", name)
		}
		sum += len(body(t, r))
	}
	if sum > 150_000 {
		t.Errorf("%d bytes, more than 150,000", sum)
	}
}

func TestPageIsShieldedFromOthers(t *testing.T) {
	for name := range load() {
		h := get(t, name).Header
		if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", name, h)
		}
	}
}

func TestPageConnectsToItsOwnBrokerOnly(t *testing.T) {
	for _, c := range []struct{ broker, host, want string }{
		{"/mqtt", "box.local:8083", "connect-src 'self' ws://box.local:8083 wss://box.local:8083;"},
		{"/mqtt", "[fd00::1]:8083", "connect-src 'self';"},
		{"/mqtt", "evil; script-src *", "connect-src 'self';"},
		{"wss://cloud.example.com/mqtt", "box.local", "connect-src 'self' ws: wss:;"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		Handler(Settings{Broker: c.broker}).ServeHTTP(w, r)
		if got := w.Result().Header.Get("Content-Security-Policy"); !strings.Contains(got, c.want) {
			t.Errorf("%s at %s: %s", c.broker, c.host, got)
		}
	}
}

func TestSettingsAreThoseOfTheServer(t *testing.T) {
	if got, want := body(t, get(t, "/settings.json")), `{"broker":"/mqtt","title":"Plant 7"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNothingElseIsServed(t *testing.T) {
	for _, path := range []string{"/dist/", "/web.go", "/..", "/page-", "/dist/index.html"} {
		if r := get(t, path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
	w := httptest.NewRecorder()
	Handler(Settings{}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}
