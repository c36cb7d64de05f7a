package store

import (
	"errors"
	"fmt"
)

var (
	// ErrLocked: another process uses the folder.
	ErrLocked = errors.New("another fieldmq uses this folder")
	// ErrFull: the store has reached its quota, or the disk what is to be kept
	// free. What needs no room is still taken.
	ErrFull = errors.New("the store is full")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")

	errBehind    = errors.New("the disk has failed for so long that the store has given up")
	errNoSegment = errors.New("no segment of a store")
)

// VersionError is a segment of a format that this program does not know. It is
// left as it is.
type VersionError struct{ Version uint32 }

func (e *VersionError) Error() string {
	return fmt.Sprintf("format version %d, this fieldmq reads version %d", e.Version, version)
}
