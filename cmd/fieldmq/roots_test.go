package main

import (
	"crypto/x509"
	"os"
	"os/exec"
	"testing"
)

// TestAuthoritiesAreBuiltIn looks in a process that finds none on the machine.
func TestAuthoritiesAreBuiltIn(t *testing.T) {
	if os.Getenv("BARE") != "" {
		pool, err := x509.SystemCertPool()
		if err != nil || pool.Equal(x509.NewCertPool()) {
			t.Errorf("no authorities: %v", err)
		}
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAuthoritiesAreBuiltIn$")
	cmd.Env = append(os.Environ(), "BARE=1", "SSL_CERT_FILE=/nowhere", "SSL_CERT_DIR=/nowhere")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
