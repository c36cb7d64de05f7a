package configs

import (
	"regexp"
	"slices"
	"strings"
)

// A value of these keys is masked in comments too, where secrets stand that
// were commented out.
var telltale = regexp.MustCompile(`(?i)(password|passwd|secret|token|passphrase)\S*\s*[:=]`)

// Masked is the text of the file with every secret in it as ***: what stands
// behind it on its line, on those that go on with it, and what comments give
// away. It is for people, and masks rather too much. It is complete once the file
// was decoded.
func (d *Document) Masked() string {
	lines := slices.Clone(d.lines)
	for i := 0; i < len(lines); i++ {
		if column, hidden := d.secrets[i+1]; hidden {
			end := d.endOfSecret(i, column)
			lines[i] = d.source(i + 1)
			for i < end {
				i++
				lines[i] = secretMask
			}
			continue
		}
		if comment := strings.IndexByte(lines[i], '#'); comment >= 0 {
			if at := telltale.FindStringIndex(lines[i][comment:]); at != nil {
				lines[i] = lines[i][:comment+at[1]] + " " + secretMask
			}
		}
	}
	return strings.Join(lines, "\n")
}

// endOfSecret is the last line that may go on with the secret that begins in a
// column of a line: that of the closing quote or brace, and all that stand
// further in.
func (d *Document) endOfSecret(at, column int) int {
	runes := []rune(d.lines[at])
	rest := string(runes[min(column-1, len(runes)):])
	if anchor, value, found := strings.Cut(rest, " "); found && strings.HasPrefix(anchor, "&") {
		rest = strings.TrimLeft(value, " ")
	}
	end := at
	if quote := rest[:min(1, len(rest))]; quote == `"` || quote == "'" {
		for text := rest[1:]; !strings.Contains(text, quote) && end+1 < len(d.lines); text = d.lines[end] {
			end++
		}
	}
	for open := braces(d.lines[at]); open > 0 && end+1 < len(d.lines); {
		end++
		open += braces(d.lines[end])
	}
	for end+1 < len(d.lines) && (strings.TrimSpace(d.lines[end+1]) == "" || indent(d.lines[end+1]) > indent(d.lines[at])) {
		end++
	}
	return end
}

// braces is how many more are opened than closed on a line.
func braces(line string) int {
	return strings.Count(line, "{") + strings.Count(line, "[") - strings.Count(line, "}") - strings.Count(line, "]")
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
