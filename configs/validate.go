package configs

import (
	"errors"
	"reflect"
)

// validate calls the Validate method of a value and adds what it finds.
func (n *Node) validate(v reflect.Value) bool {
	checked, ok := v.Addr().Interface().(interface{ Validate() error })
	if !ok {
		return true
	}
	err := checked.Validate()
	n.blame(err)
	return err == nil
}

// blame adds each of the faults that an error joins.
func (n *Node) blame(err error) {
	var joined interface{ Unwrap() []error }
	var bad *KeyError
	switch {
	case err == nil:
	case errors.As(err, &joined):
		for _, each := range joined.Unwrap() {
			n.blame(each)
		}
	case errors.As(err, &bad):
		n.Bad(bad.Key, "%s", bad.Text)
	default:
		n.Bad("", "%s", err)
	}
}
