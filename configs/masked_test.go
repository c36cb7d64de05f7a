package configs

import (
	"strings"
	"testing"
)

func TestMaskedTextGivesNoSecretAway(t *testing.T) {
	const secret = "hunter2"
	for name, text := range map[string]string{
		"beside its key":              "password: hunter2\nuser: ann\n",
		"in quotes":                   "user: ann\npassword: \"hunter2\" # hunter2\n",
		"in braces":                   "link: {user: ann, password: hunter2, url: x}\n",
		"on a line of its own":        "user: ann\npassword:\n  hunter2\n",
		"in a block":                  "user: ann\npassword: |\n  hunter2\n  hunter2 too\n",
		"over lines in quotes":        "user: ann\npassword: 'one\n  hunter2\n\n  more'\n",
		"over lines, further in":      "user: ann\nlink: {x: 1,\n            password: \"one\n   hunter2\"}\n",
		"behind an anchor":            "user: &p hunter2\npassword: *p\n",
		"before a line further out":   "link: {x: 1, password: \"one\n hunter2\",\n url: x}\nuser: ann\n",
		"over lines, unquoted":        "link: {password: one\n  hunter2, user: ann}\nuser: ann\n",
		"behind an anchor, in quotes": "user: &p \"one\n  hunter2\"\npassword: *p\n",
		"in a default":                "user: ann\npassword: ${NOBODY:-hunter2}\n",
		"in a comment":                "user: ann\n#password: hunter2\n# old_token = hunter2\npassword: other\n",
	} {
		t.Run(name, func(t *testing.T) {
			d := Parse("site.yaml", []byte(text), func(string) (string, bool) { return "", false })
			var site struct {
				User     string `yaml:"user"`
				Password Secret `yaml:"password"`
				Link     struct {
					User     string `yaml:"user"`
					X        int    `yaml:"x"`
					URL      string `yaml:"url"`
					Password Secret `yaml:"password"`
				} `yaml:"link"`
			}
			d.Root().Decode(&site)
			if err := d.Err(); err != nil {
				t.Fatal(err)
			}
			if got := d.Masked(); strings.Contains(got, secret) || !strings.Contains(got, "***") || !strings.Contains(got, "user:") {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestMaskedTextIsElseTheFile(t *testing.T) {
	const text = "# a site\nuser: ann   # she\n\npassword: hunter2\nlist: [1, 2]\n"
	d := Parse("site.yaml", []byte(text), nil)
	var site struct {
		User     string `yaml:"user"`
		Password Secret `yaml:"password"`
		List     []int  `yaml:"list"`
	}
	d.Root().Decode(&site)
	if got, want := d.Masked(), strings.Replace(text, "hunter2", "***", 1); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
