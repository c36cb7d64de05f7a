package bridge

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"fieldmq/broker/packet"
)

// refusal is an answer of the server that ends the connection.
type refusal struct {
	packet string // CONNACK or DISCONNECT
	reason packet.Reason
	text   string // the server's own
}

func (r *refusal) Error() string {
	if r.text != "" {
		return fmt.Sprintf("%s: %v (%.200s)", r.packet, r.reason, r.text)
	}
	return fmt.Sprintf("%s: %v", r.packet, r.reason)
}

// advice is what a person can do about a refusal.
var advice = map[packet.Reason]string{
	packet.UnsupportedVersion: "the broker does not speak MQTT 5",
	packet.ClientIDInvalid:    "the broker does not take this client_id",
	packet.BadUserOrPassword:  "bad user name or password",
	packet.NotAuthorized:      "not authorized: user name or password are wrong, or the broker does not let this client in, or not do this",
	packet.Banned:             "the broker has banned the gateway",
	packet.ServerUnavailable:  "the broker is not available now",
	packet.ServerBusy:         "the broker is busy",
	packet.ShuttingDown:       "the broker is shutting down",
	packet.TakenOver:          "another client uses the same client_id",
	packet.KeepAliveTimeout:   "the broker heard nothing for too long",
	packet.ServerMoved:        "the broker has moved to another address",
	packet.UseAnotherServer:   "the broker asks to use another address",
	packet.ConnectionRate:     "the broker allows fewer connections in a time",
	packet.QuotaExceeded:      "a quota of the broker is used up",
	packet.TooLarge:           "a packet was too large for the broker",
	packet.RetainUnsupported:  "the broker keeps no retained messages: set limits: {retain: false}",
	packet.QoSUnsupported:     "the broker does not take that QoS: set limits: {qos: 1}",
}

// errNoTLS: the connection ended in the TLS handshake without a word.
var errNoTLS = errors.New("closed in the TLS handshake")

// errHandshake: the connection ended before CONNACK.
var errHandshake = errors.New("closed in answer to CONNECT")

// errNoWebSocket: the connection ended in the handshake of the WebSocket, or what
// came was not HTTP.
var errNoWebSocket = errors.New("closed in the WebSocket handshake")

// notUpgraded is the answer of a server that opens no WebSocket, such as "404 Not
// Found".
type notUpgraded string

func (n notUpgraded) Error() string { return "HTTP " + string(n) }

// errHungUp: the server let the gateway in, and soon closed the connection without a
// word. Of two gateways with one client_id each has the other thrown out so, for ever.
var errHungUp = errors.New("closed soon after CONNACK")

// explain says in one line, for a person, why there is no connection.
func explain(err error) string {
	var refused *refusal
	if errors.As(err, &refused) {
		text, known := advice[refused.reason]
		if !known {
			text = "the broker refuses: " + refused.reason.String()
		}
		if refused.text != "" {
			text += fmt.Sprintf(" (it says %.200q)", refused.text)
		}
		return text
	}
	if text := explainProxy(err); text != "" {
		return text
	}
	if text := explainTLS(err); text != "" {
		return text
	}
	if text := explainWebSocket(err); text != "" {
		return text
	}
	var name *net.DNSError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return fmt.Sprintf("there is no host %q: the name is wrong, or DNS is", name.Name)
	case errors.As(err, &name):
		return fmt.Sprintf("cannot look up %q: %v", name.Name, name.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at that address and port (connection refused)"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no route to the broker: is the network up?"
	case errors.Is(err, errSilent):
		return "the link is dead: " + err.Error()
	case errors.Is(err, errHandshake):
		return "the broker closed the connection in answer to CONNECT: it may not speak MQTT 5, or want TLS, or this is not its port"
	case errors.Is(err, errHungUp):
		return "the broker or something between closed the connection soon after it was made; if that goes on, another client may use the same client_id"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "no answer in time: a firewall, a wrong port, or the broker is down"
	case hungUp(err):
		return "the broker or something between closed the connection"
	}
	return err.Error()
}

// explainProxy is explain for the way to the proxy and through it, empty if there
// is none or it is not at fault.
func explainProxy(err error) string {
	var failed *proxyError
	if !errors.As(err, &failed) {
		return ""
	}
	var refused refusedByProxy
	var name *net.DNSError
	switch cause := failed.err; {
	case errors.As(cause, &refused):
		return fmt.Sprintf("the proxy %s: %v", failed.host, refused)
	case errors.Is(cause, errNoProxy):
		return fmt.Sprintf("what listens at %s is no HTTP proxy", failed.host)
	case errors.As(cause, &name):
		return fmt.Sprintf("there is no host %q, which should be the proxy", name.Name)
	case errors.Is(cause, syscall.ECONNREFUSED):
		return fmt.Sprintf("no proxy listens at %s (connection refused)", failed.host)
	case errors.Is(cause, context.DeadlineExceeded), errors.Is(cause, os.ErrDeadlineExceeded), errors.Is(cause, syscall.ETIMEDOUT):
		return fmt.Sprintf("the proxy %s does not answer in time", failed.host)
	}
	return fmt.Sprintf("the proxy %s: %v", failed.host, failed.err)
}

// explainTLS is explain for the handshake, empty if it is not at fault.
func explainTLS(err error) string {
	var (
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		alert     = alertText(err)
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		const minute = "2006-01-02 15:04"
		// The clock without its time: the line stays the same while the trouble does.
		return fmt.Sprintf("the broker's certificate is valid from %s to %s and this machine's clock says %s: one of them is wrong",
			invalid.Cert.NotBefore.UTC().Format(minute), invalid.Cert.NotAfter.UTC().Format(minute), time.Now().UTC().Format(time.DateOnly))
	case errors.As(err, &authority):
		return "the broker's certificate is signed by nobody that we trust; name its authority with ca"
	case errors.As(err, &hostname):
		return fmt.Sprintf("the broker's certificate is not for %q", hostname.Host)
	case strings.Contains(alert, "certificate required"):
		return "the broker wants a client certificate; set cert and key"
	case strings.Contains(alert, "certificate"), strings.Contains(alert, "unknown authority"):
		return "the broker does not accept our certificate: " + alert
	case alert != "":
		return "the broker ends the TLS handshake: " + alert
	case errors.Is(err, errNoTLS), strings.Contains(err.Error(), "does not look like a TLS handshake"):
		return "the broker does not speak TLS on this port; write mqtt:// or ws://, or another port"
	}
	return ""
}

// explainWebSocket is explain for the handshake that makes a WebSocket, empty if it
// is not at fault.
func explainWebSocket(err error) string {
	var answer notUpgraded
	switch {
	case errors.As(err, &answer):
		return fmt.Sprintf("the server answers %v and opens no WebSocket: is the path in url right?", answer)
	case errors.Is(err, errNoWebSocket):
		return "nothing speaks WebSocket on this port; write mqtt:// or mqtts://, or another port"
	}
	return ""
}

// alertText is what the server said in a TLS alert, empty if there was none.
// The tls package has no type for alerts of the peer.
func alertText(err error) string {
	_, text, _ := strings.Cut(err.Error(), "remote error: tls: ")
	text, _, _ = strings.Cut(text, "\n")
	return text
}
