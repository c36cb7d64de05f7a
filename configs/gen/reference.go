package gen

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"fieldmq/configs"
)

// reference writes the tables of a tree of sections.
type reference struct {
	model
	strings.Builder
}

// Reference is the Markdown page that lists every key of the file that root
// describes: what may be written, the default and the meaning.
func Reference(root Section, source *Source) ([]byte, error) {
	r := &reference{model: model{source: source}}
	r.section(root, 1)
	if err := r.err(); err != nil {
		return nil, err
	}
	return []byte(r.String()), nil
}

func (r *reference) section(section Section, level int) {
	keys := r.model.section(section)
	r.heading(section.Title, section.Doc, level)
	if level == 1 {
		r.overview(keys)
	} else {
		r.table(keys)
	}
	r.choices(section, level+1)
	for _, sub := range section.Sections {
		r.section(sub, 2)
	}
}

// choices are the tables of the choices. Those with the same keys share one.
func (r *reference) choices(section Section, level int) {
	var tables []string
	names, docs := map[string]string{}, map[string]string{}
	for _, choice := range section.Choices {
		one := reference{model: r.model}
		one.table(one.keys(choice.Structs))
		r.errs = one.errs
		table := one.String()
		switch {
		case table == "" && choice.Doc == "":
			continue
		case names[table] == "":
			tables = append(tables, table)
			names[table], docs[table] = choice.Name, choice.Doc
		default:
			names[table] += ", " + choice.Name
			docs[table] = strings.TrimSpace(docs[table] + "\n\n" + choice.Doc)
		}
	}
	for _, table := range tables {
		r.heading(section.Title+": "+names[table], docs[table], level)
		r.WriteString(table)
	}
}

// overview is the table of the whole file, with a table of its own for each of
// its sections.
func (r *reference) overview(keys []key) {
	flat := slices.Clone(keys)
	for i, k := range keys {
		if k.shape.kind == object {
			flat[i].shape.keys = nil
		}
	}
	r.table(flat)
	for _, k := range keys {
		if k.shape.kind == object {
			r.heading(strings.ToUpper(k.name[:1])+k.name[1:], escape(k.doc), 2)
			r.table(k.shape.keys)
		}
	}
}

func (r *reference) heading(title, doc string, level int) {
	if r.Len() > 0 {
		r.WriteString("\n")
	}
	fmt.Fprintf(r, "%s %s\n", strings.Repeat("#", level), title)
	if doc != "" {
		fmt.Fprintf(r, "\n%s\n", strings.TrimSpace(doc))
	}
}

func (r *reference) table(keys []key) {
	if len(keys) == 0 {
		return
	}
	r.WriteString("\n| key | value | default | meaning |\n|---|---|---|---|\n")
	r.rows("", keys)
}

// rows lists keys, and below each those of the sections in it.
func (r *reference) rows(prefix string, keys []key) {
	for _, k := range keys {
		name := prefix + k.name
		doc, preset := k.told()
		label := "`" + name + "`"
		if k.shape.kind == secret {
			label += ", `" + name + "_file`"
		}
		fmt.Fprintf(r, "| %s | %s | %s | %s |\n", cell(label), cell(words(k.shape)), cell(preset), cell(escape(doc)))
		for _, keys := range k.shape.objects() {
			r.rows(name+entry(k.shape)+".", keys)
		}
	}
}

// told is the meaning of a key and its default. What a comment says of the
// default moves to where one looks for it.
func (k key) told() (doc, preset string) {
	switch {
	case k.required:
		return strings.TrimSuffix(k.doc, " Required."), "required"
	case k.preset == nil:
		doc, preset = cutDefault(k.doc)
		return doc, escape(preset)
	}
	preset = written(k.preset)
	if doc, said := cutDefault(k.doc); said == preset {
		return doc, "`" + preset + "`"
	}
	return k.doc, "`" + preset + "`"
}

// cutDefault takes the sentence "Default: none." out of a comment.
func cutDefault(doc string) (rest, preset string) {
	before, after, found := strings.Cut(doc, ". Default")
	if !found {
		return doc, ""
	}
	sentence, after, more := strings.Cut(after, ". ")
	preset = strings.TrimSuffix(strings.TrimLeft(sentence, ": "), ".")
	if more {
		after = " " + after
	}
	return before + "." + after, preset
}

// entry stands for any entry in the path of a key: "[]" in a list, ".*" in a
// mapping of own keys.
func entry(s shape) string {
	switch s.kind {
	case list:
		return "[]" + entry(*s.each)
	case dict:
		return ".*" + entry(*s.each)
	}
	return ""
}

// words say what may be written.
func words(s shape) string {
	switch s.kind {
	case boolean:
		return "`true` or `false`"
	case integer:
		return integerWords(s)
	case number:
		return "number" + boundWords(s.check)
	case span:
		return "time span" + boundWords(s.check)
	case size:
		return "size" + boundWords(s.check)
	case secret:
		return "secret"
	case text:
		return textWords(s.check)
	case list:
		return "list: " + inner(*s.each)
	case dict:
		return dictWords(s)
	case object, named:
		return "section"
	case choices:
		return formWords(s.forms)
	}
	return "anything"
}

// inner are the words for an entry.
func inner(s shape) string {
	if s.kind == choices {
		return "(" + words(s) + ")"
	}
	return words(s)
}

func formWords(forms []shape) string {
	all := make([]string, len(forms))
	for i, form := range forms {
		all[i] = words(form)
	}
	return strings.Join(all, ", or ")
}

func textWords(check configs.Check) string {
	switch {
	case len(check.OneOf) > 0:
		return "`" + strings.Join(check.OneOf, "`, `") + "`"
	case check.Name:
		return "name"
	}
	return "text"
}

func dictWords(s shape) string {
	if s.numeric {
		return "section: whole numbers, each with " + inner(*s.each)
	}
	return "section: own keys, each with " + inner(*s.each)
}

func integerWords(s shape) string {
	if len(s.check.OneOf) > 0 {
		return textWords(s.check)
	}
	return "whole number" + boundWords(configs.Check{Min: s.low, Max: s.high})
}

func boundWords(check configs.Check) string {
	switch {
	case check.Min != "" && check.Max != "":
		return ", " + check.Min + " to " + check.Max
	case check.Min != "":
		return ", from " + check.Min
	case check.Max != "":
		return ", up to " + check.Max
	}
	return ""
}

// written is a default as one would write it.
func written(preset any) string {
	if s, ok := preset.(string); ok {
		return s
	}
	text, err := json.Marshal(preset)
	if err != nil {
		return fmt.Sprint(preset)
	}
	return string(text)
}

// cell keeps a text within its cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// escape keeps a comment from being read as HTML or emphasis.
func escape(s string) string {
	return strings.NewReplacer("<", `\<`, "*", `\*`).Replace(s)
}
