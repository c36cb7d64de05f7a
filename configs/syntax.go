package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// mostText bounds a file, and with it the memory that its tree takes.
const mostText = 1 << 20

// unseen looks like a space, a line's end or nothing, and comes with text that
// was copied from a page.
const unseen = "\u00A0\u200B\u2028\u2029\uFEFF\uFFFE\uFFFF"

// load is the content of the only document in a text, nil if there is none.
func (d *Document) load(text []byte) *yaml.Node {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if len(text) > mostText {
		d.fault(place{}, "", fmt.Sprintf("the file is larger than %v", Size(mostText)))
		return nil
	}
	d.lines = strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	if at, what := badCharacter(d.lines); what != "" {
		d.fault(at, "", what)
		return nil
	}
	first, second, err := parseYAML(text)
	switch {
	case err != nil:
		d.syntax(text, err)
	case first == nil || len(first.Content) == 0 || first.Content[0].Tag == "!!null" && second == nil:
		d.fault(place{1, 1}, "", "the file is empty")
	case second != nil:
		d.fault(place{second.Line, second.Column}, "", "a second document begins here; a file holds one")
	default:
		return first.Content[0]
	}
	return nil
}

// parseYAML parses the first two documents of a text; they are nil where there
// are none. A second one is parsed to find out that it is there, and whether
// the rest of the text is YAML at all.
func parseYAML(text []byte) (first, second *yaml.Node, err error) {
	// The parser panics on purpose and catches what it knows. That it knows
	// all of it is not ours to promise.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var documents [2]*yaml.Node
	for i := range documents {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		documents[i] = &node
	}
	return documents[0], documents[1], nil
}

// badCharacter finds what is not UTF-8, or cannot be seen in an editor.
func badCharacter(lines []string) (at place, what string) {
	for i, line := range lines {
		column := 0
		for offset, r := range line {
			column++
			at = place{i + 1, column}
			if r == utf8.RuneError && !strings.HasPrefix(line[offset:], "\uFFFD") {
				return at, fmt.Sprintf("the byte 0x%02X is not UTF-8; save the file as UTF-8", line[offset])
			}
			if r == 0 {
				return at, "a byte that is zero, which no text has; if an editor saved the file as UTF-16, save it as UTF-8"
			}
			if r != '\t' && (unicode.IsControl(r) || strings.ContainsRune(unseen, r)) {
				return at, fmt.Sprintf("an invisible character (U+%04X); delete it or write a space", r)
			}
		}
	}
	return place{}, ""
}

// syntax adds the fault of a text that is not YAML. The parser names the line
// where the surrounding block begins, or none. The line at fault is the one
// without which the text above would do: the end of the shortest head of the
// text that fails in the same way.
func (d *Document) syntax(text []byte, err error) {
	offsets := []int{0}
	for line := range bytes.Lines(text) {
		offsets = append(offsets, offsets[len(offsets)-1]+len(line))
	}
	low, high := 1, len(offsets)-1 // lines; the head of high lines fails so
	for low < high {
		middle := (low + high) / 2
		_, _, headErr := parseYAML(text[:offsets[middle]])
		if headErr != nil && headErr.Error() == err.Error() {
			high = middle
			continue
		}
		low = middle + 1
	}
	line := d.lines[high-1]
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	d.fault(place{high, len(indent) + 1}, "", explainSyntax(err.Error(), line, indent))
}

var rangeInName = regexp.MustCompile(`[a-z0-9_-]\{[0-9]+\.\.[0-9]+\}`)

// explainSyntax says in plain words what the parser found.
func explainSyntax(problem, line, indent string) string {
	const noToken = "cannot start any token"
	if strings.Contains(indent, "\t") || strings.Contains(problem, noToken) && strings.Contains(line, "\t") {
		return "a tab in the indentation; write spaces"
	}
	if key, rest, _ := strings.Cut(strings.TrimSpace(line), ":"); isName(key) && rest != "" && rest[0] != ' ' &&
		strings.Contains(problem, "mapping values are not allowed") {
		return "a blank is missing behind " + quote(key+":")
	}
	if strings.Contains(problem, "did not find expected ',' or '}'") && strings.Contains(line, "${") {
		return `in braces a variable needs quotes: "${NAME}"`
	}
	if strings.Contains(problem, "did not find expected ',' or '}'") && rangeInName.MatchString(line) {
		return `in braces a name with a range needs quotes: "meter-{1..8}"`
	}
	for _, known := range [...]struct{ problem, text string }{
		{"did not find expected '-' indicator", "the indentation does not fit the list above"},
		{"did not find expected key", "the indentation does not fit the lines above, or a quote ended too early"},
		{"mapping values are not allowed", `a ":" too many, or indentation that does not fit; a text with ": " in it needs quotes`},
		{"could not find expected ':'", `a key without a ":"`},
		{"did not find expected ',' or ']'", `a "[" is not closed, or a "," is missing`},
		{"did not find expected ',' or '}'", `a "{" is not closed, or a "," is missing`},
		{"found unexpected end of stream", "a quote is not closed"},
		{"found unexpected document indicator", "a quote is not closed"},
		{noToken, "a value cannot begin with this character; put the value in quotes"},
		{"unknown escape character", `an unknown escape in double quotes; in single quotes a \ stands for itself`},
		{"did not find expected alphabetic or numeric character", `a value cannot begin with * or & unless it is in quotes`},
		{"unknown anchor", "the name after the * is not defined above; a value that begins with * needs quotes"},
		{"block sequence entries are not allowed", `a list cannot begin here; put the first "- " on a line of its own`},
		{"did not find expected node content", "a value is missing here"},
		{"did not find expected <document start>", "this does not belong to what stands above; look at the brackets there"},
		{"exceeded max depth", "nested too deeply"},
	} {
		if strings.Contains(problem, known.problem) {
			return known.text
		}
	}
	problem = strings.TrimPrefix(problem, "yaml: ")
	if strings.HasPrefix(problem, "line ") {
		_, problem, _ = strings.Cut(problem, ": ")
	}
	return "not YAML: " + problem
}
