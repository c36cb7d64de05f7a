package gateway

import (
	"net"
	"net/http"
	"net/url"
	"os"

	"fieldmq/configs"
	"fieldmq/web"
)

// Page are the keys of the section page.
type Page struct {
	// Serve has every WebSocket listener of the broker serve the page too, beside
	// its own path: http://127.0.0.1:8083/. Beyond this machine only where clients
	// have to say who they are: with broker.users, or cert_user of the listener.
	Serve bool `yaml:"serve"`
	// Title is what the page calls the site. Default: the gateway's name.
	Title string `yaml:"title"`
	// History is how much memory the last values of all devices may take, so that
	// charts do not begin empty: some minutes to some hours. 0B: nothing is kept.
	History configs.Size `yaml:"history" check:"max=1GiB"`
}

// page is the page with its settings.
type page struct{ title string }

// newPage is nil if there is to be none.
func newPage(config *Config) *page {
	switch {
	case !config.Page.Serve:
		return nil
	case config.Page.Title != "":
		return &page{config.Page.Title}
	}
	return &page{config.General.Name}
}

// of is the page as a listener serves it, as long as it may; nil: never.
func (p *page) of(s *Service, d *door) http.Handler {
	protocol, _, _, path := d.config.split()
	if p == nil || !protocol.web {
		return nil
	}
	if !s.mayShow(d) {
		s.log.Warn("the page is not served here: beyond this machine it needs broker.users", "url", d.config.at(d.Addr()))
	}
	files := web.Handler(web.Settings{Broker: path, Title: p.title})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.mayShow(d) {
			http.NotFound(w, r)
			return
		}
		files.ServeHTTP(w, r)
	})
}

// mayShow says whether a listener may serve the page: from this machine only,
// or to people whom the broker asks who they are.
func (s *Service) mayShow(d *door) bool {
	if local(d.Addr()) || d.config.CertUser {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config.Users != ""
}

// Pages are where the page is reached, in the order of the listeners.
func (g *Gateway) Pages() []string {
	var pages []string
	for _, d := range g.service.present() {
		if p, _, _, _ := d.config.split(); g.service.page != nil && p.web && g.service.mayShow(d) {
			pages = append(pages, pageURL(d.config.at(d.Addr())))
		}
	}
	return pages
}

// pageURL is where the page is for a browser, given the listener's URL.
func pageURL(listener string) string {
	u, _ := url.Parse(listener) // it was made here
	u.Scheme = map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
	u.Path = "/"
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			u.Host = net.JoinHostPort(name, u.Port())
		}
	}
	return u.String()
}
