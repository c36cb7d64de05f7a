package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the commands of docs/tools.md print into it")

const toolsPage = "../../docs/tools.md"

// console is a block of commands with what they print.
var console = regexp.MustCompile("(?s)```console\n(.*?)```")

func TestCommandsOfTheToolsPagePrintWhatItSays(t *testing.T) {
	text, err := os.ReadFile(toolsPage)
	if err != nil {
		t.Fatal(err)
	}
	file, _ := startDevices(t)
	dir := filepath.Dir(file)
	if err := os.Symlink(binary, filepath.Join(dir, "fieldmq")); err != nil {
		t.Fatal(err)
	}
	commands := 0
	page := console.ReplaceAllStringFunc(string(text), func(block string) string {
		commands += strings.Count(block, "\n$ ")
		now := session(dir, block)
		// A machine that stalls costs a device an answer, which the page has not:
		// a page that is wrong is wrong each time.
		for n := 1; n < 4 && !*update && shape(now) != shape(block); n++ {
			t.Logf("typed again: %s", now)
			now = session(dir, block)
		}
		if !*update && shape(now) != shape(block) {
			t.Errorf("the page says\n%s\nand it is\n%s\n(go test ./cmd/fieldmq -run ToolsPage -update)", block, now)
		}
		return now
	})
	if commands < 10 {
		t.Errorf("%d commands on the page", commands)
	}
	if *update {
		if err := os.WriteFile(toolsPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// session is a block of the page as its commands print it now.
func session(dir, block string) string {
	var said strings.Builder
	for _, line := range strings.Split(console.FindStringSubmatch(block)[1], "\n") {
		if command, is := strings.CutPrefix(line, "$ "); is {
			said.WriteString(line + "\n" + typed(dir, command))
		}
	}
	return "```console\n" + said.String() + "```"
}

// typed is what a command prints in a folder, and why it failed, as none of the
// page does.
func typed(dir, command string) string {
	cmd := exec.Command("bash", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	said := strings.ReplaceAll(string(out), dir+"/", "")
	if err != nil {
		said += err.Error() + "\n"
	}
	return regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(said, "127.0.0.1:502")
}

// shape is a text without what differs from run to run: numbers, words in
// hexadecimal, blanks, lines of the log, and which of several guesses comes first.
func shape(text string) string {
	text = regexp.MustCompile(`(?m)^time=.*\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`(?m)^ .*( scale |"Z"| ms [<>] ).*\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`(?m)^\* .* scale .*\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`-?\b[0-9A-F]*[0-9][0-9A-F.]*(e[-+]\d+)?(µs|ms|s)?\b|\b[A-F]{2,4}\b`).ReplaceAllString(text, "#")
	text = regexp.MustCompile(`(# )+#|#+`).ReplaceAllString(text, "#")
	text = regexp.MustCompile(`(?m)^# bytes were no frame\n`).ReplaceAllString(text, "") // a busy machine tears frames
	text = regexp.MustCompile(`\b(off|heating|fault|true|false)\b`).ReplaceAllString(text, "#")
	return regexp.MustCompile(`[ \t]+`).ReplaceAllString(text, " ")
}
