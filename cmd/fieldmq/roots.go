package main

// A container from scratch, and a box that was stripped, have no certificates of
// authorities: then those count that are built in.
import _ "golang.org/x/crypto/x509roots/fallback"
