package configs

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (n *Node) storeScalar(v reflect.Value, check Check) bool {
	switch {
	case v.Kind() == reflect.Bool:
		return n.storeBool(v)
	case v.CanInt() || v.CanUint():
		return n.storeInteger(v, check)
	case v.CanFloat():
		return n.storeFloat(v, check)
	case v.Kind() == reflect.String:
		return n.storeString(v, check)
	}
	panic(fmt.Sprintf("configs: cannot decode into %v", v.Type()))
}

func (n *Node) storeBool(v reflect.Value) bool {
	b, ok := ParseBool(n.text)
	if !ok {
		return n.fail("%s is not true or false", quote(n.text))
	}
	v.SetBool(b)
	return true
}

// ParseBool takes the words of YAML 1.1, which people know.
func ParseBool(text string) (b, ok bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	return false, false
}

func (n *Node) storeString(v reflect.Value, check Check) bool {
	switch {
	case check.Name && !isName(n.text):
		return n.fail("%s", notName(n.text))
	case !n.oneOf(n.text, check), !n.length(utf8.RuneCountInString(n.text), "characters", check):
		return false
	}
	v.SetString(n.text)
	return true
}

// oneOf checks that a value is among those that a check allows.
func (n *Node) oneOf(text string, check Check) bool {
	const few = 4 // more are not compared at a glance
	if len(check.OneOf) == 0 || slices.Contains(check.OneOf, text) {
		return true
	}
	hint := ""
	if len(check.OneOf) > few {
		hint = didYouMean(text, check.OneOf)
	}
	return n.fail("%s is not %s%s", quote(text), list(check.OneOf, "or"), hint)
}

// storeText lets v read the text. The bounds of a number that has a text of
// its own, such as a Duration, are written in that text, too.
func (n *Node) storeText(v reflect.Value, check Check) bool {
	fresh, err := fromText(v.Type(), n.text)
	if err != nil {
		return n.fail("%s", err)
	}
	if check.Min != "" && fresh.Int() < textBound(v.Type(), check.Min) {
		return n.fail("%s is less than %s", n.text, check.Min)
	}
	if check.Max != "" && fresh.Int() > textBound(v.Type(), check.Max) {
		return n.fail("%s is more than %s", n.text, check.Max)
	}
	v.Set(fresh)
	return true
}

// fromText is a value of a type that has read a text.
func fromText(t reflect.Type, text string) (reflect.Value, error) {
	fresh := reflect.New(t)
	err := fresh.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	return fresh.Elem(), err
}

// textBound is a bound in the text of a type of integer.
func textBound(t reflect.Type, text string) int64 {
	bound, err := fromText(t, text)
	must(err)
	return bound.Int()
}

func (n *Node) storeInteger(v reflect.Value, check Check) bool {
	number, err := parseInteger(n.text)
	if err != nil {
		return n.fail("%s", err)
	}
	low, high := IntegerBounds(v.Type(), check)
	switch {
	case number.within(low, high):
	case high.magnitude < math.MaxInt32:
		return n.fail("%s is not within %v to %v%s", n.text, low, high, check.note())
	case number.less(low):
		return n.fail("%s is less than %v", n.text, low)
	default:
		return n.fail("%s is more than %v", n.text, high)
	}
	if !n.oneOf(number.String(), check) {
		return false
	}
	if v.CanUint() {
		v.SetUint(number.magnitude)
		return true
	}
	v.SetInt(number.signed())
	return true
}

func (n *Node) storeFloat(v reflect.Value, check Check) bool {
	if _, err := parseInteger(n.text); errors.Is(err, errLeadingZero) {
		return n.fail("%s", err)
	}
	f, err := parseFloat(n.text)
	if err != nil {
		return n.fail("%s", err)
	}
	if v.OverflowFloat(f) {
		return n.fail("%s is too large", n.text)
	}
	if low, ok := check.bound(check.Min); ok && f < low {
		return n.fail("%s is less than %s", n.text, check.Min)
	}
	if high, ok := check.bound(check.Max); ok && f > high {
		return n.fail("%s is more than %s", n.text, check.Max)
	}
	v.SetFloat(f)
	return true
}

// parseFloat takes digits with point and exponent, and whole numbers in hex. It
// knows neither infinity nor NaN, which JSON cannot carry.
func parseFloat(s string) (float64, error) {
	if i, err := parseInteger(s); err == nil {
		return i.float(), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case strings.Trim(s, "0123456789+-.eE") == "" && err == nil:
		return f, nil
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%s is too large", quote(s))
	case strings.Count(s, ",") == 1 && strings.Trim(s, "0123456789+-,") == "":
		return 0, fmt.Errorf("%s is not a number; write %s", quote(s), strings.Replace(s, ",", ".", 1))
	}
	return 0, fmt.Errorf("%s is not a number", quote(s))
}
