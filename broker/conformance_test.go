package broker

import (
	"bufio"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write CONFORMANCE.md")

// statement is a numbered statement of a version of the standard, as a line of
// testdata has it.
type statement struct {
	id, text string
	like     []string // the statements of 5.0 that ask the same
	reason   string   // why no test proves it
	proofs   []proof
}

// proof is a test that names statements.
type proof struct {
	file, test string
	old        bool // it runs for 3.1.1 as well
}

// The numbers of statements in appendix B, by chapter.
var (
	chaptersOf5   = map[string]int{"1": 5, "2": 7, "3": 175, "4": 60, "6": 4}
	chaptersOf311 = map[string]int{"1": 3, "2": 9, "3": 95, "4": 26, "6": 4, "7": 4}
)

// TestEveryStatementIsProved: each has a test or a reason, but not both, and
// CONFORMANCE.md says so. "go test -run TestEveryStatement -update ./broker" writes it.
func TestEveryStatementIsProved(t *testing.T) {
	of5 := statements(t, "testdata/mqtt-5.0.txt", chaptersOf5)
	of311 := statements(t, "testdata/mqtt-3.1.1.txt", chaptersOf311)
	named := proofs(t)
	attach(t, of5, named, nil)
	attach(t, of311, named, of5)
	for id, by := range named {
		t.Errorf("%v names %s, which is none", by, id)
	}
	page := conformance(of5, of311)
	if *update {
		if err := os.WriteFile("CONFORMANCE.md", page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("CONFORMANCE.md"); err != nil || string(got) != string(page) {
		t.Errorf("CONFORMANCE.md is stale (%v): go test -run TestEveryStatement -update ./broker", err)
	}
}

// statements reads a list, and checks that it is complete.
func statements(t *testing.T, file string, chapters map[string]int) (all []*statement) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // nothing is written
	count := map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if line := lines.Text(); line != "" && line[0] != '#' {
			s := parse(line)
			all = append(all, s)
			chapter, _, _ := strings.Cut(strings.TrimPrefix(s.id, "MQTT-"), ".")
			count[chapter]++
		}
	}
	if !maps.Equal(count, chapters) {
		t.Errorf("%s has %v statements, want %v", file, count, chapters)
	}
	return all
}

func parse(line string) *statement {
	columns := strings.Split(line, " | ")
	s := &statement{id: columns[0], text: columns[1]}
	if like, ok := strings.CutPrefix(s.text, "= "); ok {
		s.like, s.text = strings.Fields(like), ""
	}
	if len(columns) > 2 {
		s.reason = columns[2]
	}
	return s
}

// oldMark stands before the number of a statement of 3.1.1.
const oldMark = "3.1.1 "

var numbers = regexp.MustCompile(`(3\.1\.1 )?\[(MQTT-[\d.]+-\d+)\]`)

// proofs reads the tests of the broker for the statements that they name, as
// they name them.
func proofs(t *testing.T) map[string][]proof {
	t.Helper()
	named := map[string][]proof{}
	for _, folder := range []string{".", "mqtt", "packet", "tree"} {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if file != "conformance_test.go" {
				read(t, file, named)
			}
		}
	}
	return named
}

func read(t *testing.T, file string, named map[string][]proof) {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(f.Name.Name, "Test") {
			continue
		}
		begin := f.Pos()
		if f.Doc != nil {
			begin = f.Doc.Pos()
		}
		text := string(source[set.Position(begin).Offset:set.Position(f.End()).Offset])
		p := proof{file, f.Name.Name, strings.Contains(text, "range both") || strings.Contains(text, "V311")}
		for _, m := range numbers.FindAllStringSubmatch(text, -1) {
			if id := m[1] + m[2]; !slices.Contains(named[id], p) {
				named[id] = append(named[id], p)
			}
		}
	}
}

// attach gives each statement its proofs and takes them out of named. A number
// is that of a statement of 5.0, unless it has none such or is said to be of
// 3.1.1. Those of 3.1.1 get the proofs of their like in 5.0 as well.
func attach(t *testing.T, all []*statement, named map[string][]proof, of5 []*statement) {
	t.Helper()
	for _, s := range all {
		for _, name := range []string{s.id, oldMark + s.id} {
			if of5 != nil || name == s.id {
				s.proofs = append(s.proofs, named[name]...)
				delete(named, name)
			}
		}
		for _, id := range s.like {
			i := slices.IndexFunc(of5, func(o *statement) bool { return o.id == id })
			if i < 0 {
				t.Fatalf("%s is like %s, which is none", s.id, id)
			}
			s.follow(of5[i])
		}
		switch {
		case s.reason == "" && len(s.proofs) == 0:
			t.Errorf("%s has neither a test nor a reason: %s", s.id, s.text)
		case s.reason != "" && len(s.proofs) > 0:
			t.Errorf("%s has a test and a reason: %v", s.id, s.proofs)
		}
	}
}

// follow takes over what a statement of 5.0 asks, and its proofs as far as they
// run for 3.1.1.
func (s *statement) follow(of5 *statement) {
	s.text = strings.TrimPrefix(s.text+"; "+of5.text, "; ")
	for _, p := range of5.proofs {
		if p.old && !slices.Contains(s.proofs, p) {
			s.proofs = append(s.proofs, p)
		}
	}
}

const preamble = `# Conformance

Each numbered statement of the two standards, in our own words, with the tests that prove it or the reason why there is
nothing to prove. The tests name the statements, and this page is made from them: ` + "`go test -run TestEveryStatement -update ./broker`" + `.
`

// conformance is the page.
func conformance(of5, of311 []*statement) []byte {
	var b strings.Builder
	b.WriteString(preamble)
	table(&b, "MQTT 5.0", of5)
	table(&b, "MQTT 3.1.1", of311)
	return []byte(b.String())
}

func table(b *strings.Builder, title string, all []*statement) {
	proved := 0
	for _, s := range all {
		if len(s.proofs) > 0 {
			proved++
		}
	}
	fmt.Fprintf(b, "\n## %s\n\n%d statements, %d of them proved by tests; the others bind clients, or ask nothing of this server.\n\n", title, len(all), proved)
	b.WriteString("| statement | what it asks | proof |\n|---|---|---|\n")
	for _, s := range all {
		fmt.Fprintf(b, "| %s | %s | %s |\n", s.id, s.text, s.proof())
	}
}

// proof is the last column of the page.
func (s *statement) proof() string {
	if s.reason == "client" {
		return "binds clients"
	}
	if s.reason != "" {
		return "nothing to prove: " + s.reason
	}
	slices.SortFunc(s.proofs, func(a, b proof) int { return strings.Compare(a.file+a.test, b.file+b.test) })
	var links []string
	for _, p := range s.proofs {
		links = append(links, fmt.Sprintf("[%s](%s)", strings.TrimPrefix(p.test, "Test"), path.Clean(p.file)))
	}
	return strings.Join(links, ", ")
}
