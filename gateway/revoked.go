package gateway

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// revoked are lists of certificates that their authorities have called back.
type revoked []*x509.RevocationList

func readRevoked(file string) (revoked, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var lists revoked
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			continue
		}
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		lists = append(lists, list)
	}
	if len(lists) == 0 {
		return nil, errors.New(file + " holds no list of revoked certificates in PEM")
	}
	return lists, nil
}

// check passes a client that has one chain without a revoked certificate, and
// one that has shown none. A list that should have been renewed still counts:
// refusing everybody would make a plant blind.
func (r revoked) check(chains [][]*x509.Certificate) (err error) {
	for _, chain := range chains {
		if err = r.checkChain(chain); err == nil {
			return nil
		}
	}
	return err
}

func (r revoked) checkChain(chain []*x509.Certificate) error {
	for i := range len(chain) - 1 {
		known, listed := r.find(chain[i], chain[i+1])
		switch {
		case listed:
			return fmt.Errorf("certificate of %q is revoked", chain[i].Subject.CommonName)
		case !known && i == 0:
			return fmt.Errorf("no list of revoked certificates of %q", chain[i].Issuer.CommonName)
		}
	}
	return nil
}

// find looks a certificate up in the lists of its issuer.
func (r revoked) find(cert, issuer *x509.Certificate) (known, listed bool) {
	for _, list := range r {
		if list.CheckSignatureFrom(issuer) != nil {
			continue
		}
		known = true
		for _, entry := range list.RevokedCertificateEntries {
			if entry.SerialNumber.Cmp(cert.SerialNumber) == 0 {
				return true, true
			}
		}
	}
	return known, false
}
