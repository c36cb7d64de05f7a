package store

import (
	"errors"
	"fmt"

	"fieldmq/broker"
)

var (
	// ErrLocked: another process uses the folder.
	ErrLocked = errors.New("another fieldmq uses this folder")
	// ErrFull: the store has reached its quota, or the disk what is to be kept
	// free. What needs no room is still taken.
	ErrFull = fmt.Errorf("the store is full: %w", broker.ErrNoRoom)
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")

	errNoStore   = errors.New("there is no store: it would be files such as 0000000000000001.log")
	errBehind    = errors.New("the disk has failed for so long that the store has given up")
	errNoSegment = errors.New("no segment of a store")
)

// VersionError is a segment of a format that this program does not know. It is
// left as it is.
type VersionError struct{ Version uint32 }

func (e *VersionError) Error() string {
	return fmt.Sprintf("format version %d, this fieldmq reads versions up to %d", e.Version, version)
}
