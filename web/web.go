// Package web is the page: what a gateway shows to a browser. It is built from
// the sources here into dist, which is part of the repository, so that building
// fieldmq takes nothing but Go; `make page` builds it again.
//
// The page speaks MQTT over WebSocket and nothing else. The same files served
// from anywhere are a dashboard for what the gateways bridge to a broker.
package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"
)

//go:embed dist
var dist embed.FS

// Settings are for the page that a server serves.
type Settings struct {
	Broker string `json:"broker,omitempty"` // path or URL of the WebSocket listener
	Title  string `json:"title,omitempty"`
}

// file is one file of the page, ready to be sent.
type file struct {
	text   []byte
	zipped func() []byte // when it is first asked for
	kind   string
	keep   string // Cache-Control
}

// policy lets the page load and run what comes with it, and connect to the broker
// that it is for: else a link with another one in it would have people give that
// their passwords.
func policy(s Settings, host string) string {
	brokers := ""
	switch {
	case strings.Contains(s.Broker, ":"):
		brokers = " ws: wss:"
	case plainHost.MatchString(host):
		brokers = " ws://" + host + " wss://" + host // older browsers do not take 'self' for these
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'" + brokers +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// plainHost is a name or an address of IPv4, with or without a port. A policy has no
// words for an address of IPv6.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9._-]+(:[0-9]+)?$`)

// slowest is how long a client may take for a file.
const slowest = time.Minute

// Handler serves the page at the root of a server.
func Handler(s Settings) http.Handler {
	files := load()
	settings, _ := json.Marshal(s) // strings cannot fail
	files["/settings.json"] = newFile("settings.json", settings)
	files["/"] = files["/index.html"]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the page is only read", http.StatusMethodNotAllowed)
		default:
			w.Header().Set("Content-Security-Policy", policy(s, r.Host))
			f.serve(w, r)
		}
	})
}

// load reads all files by their paths on the server.
func load() map[string]*file {
	files := map[string]*file{}
	_ = fs.WalkDir(dist, "dist", func(name string, d fs.DirEntry, err error) error { // what is embedded can be read
		if err == nil && !d.IsDir() {
			text, _ := dist.ReadFile(name)
			files[strings.TrimPrefix(name, "dist")] = newFile(name, text)
		}
		return nil
	})
	return files
}

func newFile(name string, text []byte) *file {
	f := &file{text: text, kind: mime.TypeByExtension(path.Ext(name)), keep: "no-cache"}
	if strings.HasPrefix(path.Base(name), "page-") { // the name says what is in it
		f.keep = "public, max-age=31536000, immutable"
	}
	f.zipped = sync.OnceValue(func() []byte { return zip(text) })
	return f
}

func zip(text []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one
	_, _ = w.Write(text)                                  // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(slowest)) // else only the peer ends it
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.keep)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Vary", "Accept-Encoding")
	text := f.text
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		text = f.zipped()
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}
