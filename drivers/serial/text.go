package serial

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// text finds a point's value in frames of text.
type text struct {
	*Address
	expression *regexp.Regexp
	group      int
}

// text compiles match. Its errors name the key at fault.
func (a *Address) text() (*text, error) {
	re, err := a.device.expression(a.Match)
	if err != nil {
		return nil, badExpression("match", err)
	}
	group, err := groupOf(re, a.Group)
	if err != nil {
		return nil, err
	}
	return &text{a, re, group}, nil
}

// groupOf is the number of the group that holds the value.
func groupOf(re *regexp.Regexp, name string) (int, error) {
	if name == "" {
		return min(1, re.NumSubexp()), nil
	}
	if i := re.SubexpIndex(name); i >= 0 {
		return i, nil
	}
	i, err := strconv.Atoi(name)
	if err != nil {
		return 0, configs.Bad("group", "match has no group (?P<%s>...)", name)
	}
	if i < 0 || i > re.NumSubexp() {
		return 0, configs.Bad("group", "match has %s, not %d", plural(re.NumSubexp(), "group"), i)
	}
	return i, nil
}

// badExpression says in words what is wrong with a regular expression.
func badExpression(key string, err error) error {
	var fault *syntax.Error
	if !errors.As(err, &fault) {
		return configs.Bad(key, "is no regular expression: %s", err)
	}
	words := map[syntax.ErrorCode]string{
		syntax.ErrMissingParen:          "a parenthesis is not closed",
		syntax.ErrUnexpectedParen:       `a closing parenthesis has no opening one; write \) for the character`,
		syntax.ErrMissingBracket:        "a bracket is not closed",
		syntax.ErrMissingRepeatArgument: `there is nothing to repeat; write \* for the character`,
		syntax.ErrInvalidPerlOp:         "look-around is not supported",
		syntax.ErrInvalidEscape:         "this escape is not known",
		syntax.ErrTrailingBackslash:     `it ends with a backslash; write \\ for the character`,
	}
	if text, ok := words[fault.Code]; ok {
		return configs.Bad(key, "is no regular expression: %s, at %s", text, written(fault.Expr))
	}
	return configs.Bad(key, "is no regular expression: %s, at %s", fault.Code, written(fault.Expr))
}

// written is an expression as it stands in a file, where a backslash is one.
func written(expression string) string {
	if strings.ContainsFunc(expression, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(expression)
	}
	return "'" + strings.ReplaceAll(expression, "'", "''") + "'"
}

func (t *text) find(frame []byte) (reading, bool) {
	places := t.expression.FindSubmatchIndex(frame)
	if places == nil || places[2*t.group] < 0 {
		return reading{}, false
	}
	word := strings.TrimSpace(string(frame[places[2*t.group]:places[2*t.group+1]]))
	for _, invalid := range t.Invalid {
		if word == strings.TrimSpace(invalid) {
			return reading{err: drivers.ErrNoValue}, true
		}
	}
	value, err := t.parse(word)
	return reading{value, err}, true
}

func (t *text) parse(word string) (drivers.Value, error) {
	switch t.kind() {
	case "string":
		return drivers.Text(printable(word)), nil
	case "bool":
		return t.parseBool(word)
	case "int":
		return parseInt(word, 10)
	case "hex":
		return parseInt(strings.TrimPrefix(strings.TrimPrefix(word, "0x"), "0X"), 16)
	}
	if t.Decimal == "comma" {
		word = strings.Replace(word, ",", ".", 1)
	}
	return parseFloat(word)
}

func (t *text) parseBool(word string) (drivers.Value, error) {
	switch {
	case t.TrueIs != "" && word == t.TrueIs:
		return drivers.Bool(true), nil
	case t.FalseIs != "" && word == t.FalseIs, t.FalseIs == "" && t.TrueIs != "":
		return drivers.Bool(false), nil
	}
	switch strings.ToLower(word) {
	case "true", "on", "yes", "1":
		if t.TrueIs == "" {
			return drivers.Bool(true), nil
		}
	case "false", "off", "no", "0":
		if t.FalseIs == "" {
			return drivers.Bool(false), nil
		}
	}
	return drivers.Value{}, fmt.Errorf("%s is neither true nor false", quote(word))
}

// join takes the blanks from behind a sign, where scales put them.
func join(word string) string {
	if word != "" && (word[0] == '+' || word[0] == '-') {
		return word[:1] + strings.TrimLeft(word[1:], " ")
	}
	return word
}

func parseInt(word string, base int) (drivers.Value, error) {
	n, err := strconv.ParseInt(join(word), base, 64)
	if err == nil {
		return drivers.Int(n), nil
	}
	u, err := strconv.ParseUint(join(word), base, 64)
	if err != nil {
		return drivers.Value{}, fmt.Errorf("%s is not an integer", quote(word))
	}
	return drivers.Uint(u), nil
}

// parseFloat takes digits, point and exponent: not the words for infinity and
// not-a-number that strconv knows.
func parseFloat(word string) (drivers.Value, error) {
	word = join(word)
	f, err := strconv.ParseFloat(word, 64)
	if err != nil || strings.Trim(word, "0123456789+-.eE") != "" {
		return drivers.Value{}, fmt.Errorf("%s is not a number", quote(word))
	}
	return drivers.Float(f), nil
}

// printable makes a text of what a device says: invalid UTF-8 and control
// characters become the replacement character.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// quote quotes at most as much of a text as a message can bear.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
