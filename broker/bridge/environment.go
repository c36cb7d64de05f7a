package bridge

import (
	"cmp"
	"net"
	"net/netip"
	"os"
	"strings"
)

// environmentProxy is the proxy that the environment names for an address,
// empty if it names none. What holds for TLS holds for all that we speak: it is
// a tunnel in each case.
func environmentProxy(address string) string {
	text := cmp.Or(os.Getenv("https_proxy"), os.Getenv("HTTPS_PROXY"), os.Getenv("all_proxy"), os.Getenv("ALL_PROXY"))
	if text == "" || direct(address, cmp.Or(os.Getenv("no_proxy"), os.Getenv("NO_PROXY"))) {
		return ""
	}
	return text
}

// direct says whether an address is reached without a proxy: it is this machine,
// or one of a list such as "*", "example.com" and all below it, ".example.com",
// "10.0.0.0/8", "10.1.2.3" or "example.com:8883".
func direct(address, exceptions string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip, err := netip.ParseAddr(host)
	if host == "localhost" || err == nil && ip.IsLoopback() {
		return true
	}
	for entry := range strings.SplitSeq(strings.ToLower(exceptions), ",") {
		entry = strings.TrimSpace(entry)
		if h, p, err := net.SplitHostPort(entry); err == nil {
			if p != port {
				continue
			}
			entry = h
		}
		if entry == "*" || entry != "" && covers(entry, host, ip) {
			return true
		}
	}
	return false
}

// covers says whether an entry of no_proxy means a host; ip is the host if that
// is an address.
func covers(entry, host string, ip netip.Addr) bool {
	if network, err := netip.ParsePrefix(entry); err == nil {
		return network.Contains(ip)
	}
	if single, err := netip.ParseAddr(entry); err == nil {
		return single == ip
	}
	domain := strings.TrimPrefix(strings.TrimPrefix(entry, "*"), ".")
	return host == domain || strings.HasSuffix(host, "."+domain)
}
