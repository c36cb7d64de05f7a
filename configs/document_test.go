package configs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"fieldmq/configs"
)

func TestExplainDoesNotSpeakToTheTerminal(t *testing.T) {
	_, faults := readSite("a.yaml", "# \x1b[31m\n")
	want := `a.yaml:1:3: an invisible character (U+001B); delete it or write a space
    1 | # ·[31m
      |   ^
`
	if got := faults.Explain(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestExplainPutsACaretUnderTheValue(t *testing.T) {
	long := strings.Repeat("ä", 100)
	_, faults := readSite("a.yaml", "gateway:\n  id: B\nbroker: {\t\""+long+"\": 1}\n")
	want := `a.yaml:2:7: gateway.id: "B" is not a name; use a-z, 0-9, - and _, and begin with a letter or digit, such as b
    2 |   id: B
      |       ^
a.yaml:3:11: broker.` + long[:120] + `...: unknown key; write listen or access
    3 | broker: {	"` + long[:78] + `
      |          	^
`
	if got := faults.Explain(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFaultsMarshal(t *testing.T) {
	_, faults := readSite("a.yaml", "gateway: {id: B}")
	got, err := json.Marshal(faults)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"file":"a.yaml","line":1,"column":15,"path":"gateway.id","text":"\"B\" is not a name; use a-z, 0-9, - and _, and begin with a letter or digit, such as b"}]`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWindowsFilesAreRead(t *testing.T) {
	s, faults := readSite("a.yaml", "\uFEFFgateway:\r\n  id: a\r\n  data: /x\r\n")
	if len(faults) > 0 || s.Gateway.ID != "a" {
		t.Errorf("got %q, %v", s.Gateway.ID, faults)
	}
	_, faults = readSite("a.yaml", "\uFEFFgateway:\r\n\r\n  id: B\r\n")
	if len(faults) != 1 || faults[0].Line != 3 || faults[0].Column != 7 {
		t.Errorf("got %v", faults)
	}
}

func TestColumnsCountCharacters(t *testing.T) {
	_, faults := readSite("a.yaml", "gateway: {data: äöü, id: B}")
	if len(faults) != 1 || faults[0].Column != 26 {
		t.Errorf("got %v", faults)
	}
}

func TestFloodOfFaultsIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "key-%d: 1\n", i)
	}
	_, faults := readSite("a.yaml", b.String())
	if got, want := faults[len(faults)-1].String(), "a.yaml: 2000 more faults are not listed"; len(faults) != 1001 || got != want {
		t.Errorf("got %d faults, the last %s", len(faults), got)
	}
}

// hostile are files that make readers of YAML slow, large or mad.
var hostile = []struct{ name, text, want string }{
	{"a bomb of aliases", bomb(), "a.yaml: the file is too large: more than 250000 values, counting each alias in full"},
	{"a bomb of merges", mergeBomb(), "a.yaml: the file is too large"},
	{"deep brackets", strings.Repeat("[", 20000), "a.yaml:1:1: nested too deeply"},
	{"deep brackets that close", strings.Repeat("[", 2000) + strings.Repeat("]", 2000), "a.yaml:1:34: "},
	{"deep dashes", strings.Repeat("- ", 5000), "a.yaml:1:67: "},
	{"a large file", "gateway: {id: a}\n" + strings.Repeat("#", 1<<20), "a.yaml: the file is larger than 1MiB"},
	{"aliases that contain themselves", "a: &a {b: &b {c: *a, d: *b}}\n", "a.yaml:1:18: a.b.c: contains itself"},
}

func bomb() string {
	text := "twice: 1\ntwice: 2\na: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'i'; c++ {
		text += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9), ", "))
	}
	return text
}

func mergeBomb() string {
	text := "a0: &a0 {x: 1, y: 2}\n"
	for i := 1; i < 20; i++ {
		text += fmt.Sprintf("a%d: &a%d {k%d: *a%d, <<: [*a%d, *a%d, *a%d]}\n", i, i, i, i-1, i-1, i-1, i-1)
	}
	return text
}

func TestHostileFilesAreRefused(t *testing.T) {
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			d := configs.Parse("a.yaml", []byte(c.text), nil)
			var into map[string]*configs.Node
			d.Root().Decode(&into)
			got := d.Faults().Error()
			if !strings.Contains(got, c.want) || strings.Contains(got, "twice") {
				t.Errorf("got\n%.1000s\nwant\n%s", got, c.want)
			}
			within(t, c.text, d.Faults())
		})
	}
}

// within checks that faults point into the text.
func within(t *testing.T, text string, faults configs.Faults) {
	t.Helper()
	lines := strings.Split(strings.TrimPrefix(text, "\uFEFF"), "\n")
	for i, f := range faults {
		if f.Line == 0 && f.Path == "" {
			continue // the file as a whole
		}
		if f.Line < 1 || f.Line > len(lines) {
			t.Errorf("%v: there are %d lines", f, len(lines))
			continue
		}
		if most := utf8.RuneCountInString(lines[f.Line-1]) + 1; f.Column < 1 || f.Column > most {
			t.Errorf("%v: the line ends at %d", f, most)
		}
		if i > 0 && faults[i-1].Line > f.Line {
			t.Errorf("%v stands after %v", f, faults[i-1])
		}
	}
}

func TestEveryFaultLiesInTheFile(t *testing.T) {
	for _, c := range faulty {
		_, faults := readSite("a.yaml", c.text)
		within(t, c.text, faults)
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range faulty {
		f.Add([]byte(c.text))
	}
	for _, c := range hostile[3:] {
		if len(c.text) < 1<<14 {
			f.Add([]byte(c.text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, faults := readSite("a.yaml", string(text))
		within(t, string(text), faults)
		if explained := faults.Explain(); !utf8.ValidString(explained) || strings.ContainsAny(explained, "\x1b\x07\r") {
			t.Errorf("%q is no text for a terminal", explained)
		}
	})
}
