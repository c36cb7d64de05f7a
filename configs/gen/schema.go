package gen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"fieldmq/configs"
)

// The patterns of texts, in the dialect of ECMA 262.
const (
	namePattern    = `^[a-z0-9][a-z0-9_-]*$`
	rangePattern   = "[{].*[}]"
	integerPattern = `^-?(0x[0-9A-Fa-f]+|0|[1-9][0-9]*)$`
	spanPattern    = `^(0|([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+|[0-9]+(\.[0-9]*)?d)$`
	sizePattern    = `^[0-9]+(B|kB|KiB|MB|MiB|GB|GiB|TB|TiB)$`
	variable       = `\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}`
)

type schema = map[string]any

// schemas writes the schema of a tree of sections.
type schemas struct {
	model
	defs schema
}

// Schema is the JSON Schema, draft 2020-12, of the file that root describes,
// for editors. It is a little more lenient than the reader, which also knows
// how keys depend on each other.
func Schema(root Section, source *Source) ([]byte, error) {
	s := &schemas{model: model{source: source}, defs: schema{
		"variable": schema{
			"type":        "string",
			"pattern":     variable,
			"description": "An environment variable.",
		},
	}}
	top := s.section(root, "")
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = root.Title
	top["$defs"] = s.defs
	if err := s.err(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(top)
	return b.Bytes(), err
}

// section is the schema of one section. Those below it and its choices become
// $defs, named by the path of keys.
func (s *schemas) section(section Section, path string) schema {
	below := map[string]schema{}
	for _, sub := range section.Sections {
		name := join(path, sub.Key)
		s.defs[name] = s.section(sub, name)
		below[sub.Key] = schema{"$ref": "#/$defs/" + name}
	}
	general := s.object(s.model.section(section), below)
	switch {
	case len(section.Choices) == 0:
		return general
	case section.By == "":
		return s.anyChoice(section, general, below)
	}
	return s.chosen(section, path, below)
}

// chosen is a section whose key By says which other keys there are. Each
// choice repeats the general keys: additionalProperties looks no further.
func (s *schemas) chosen(section Section, path string, below map[string]schema) schema {
	var words []string
	var rules []any
	for _, choice := range section.Choices {
		o := s.object(s.keys(slices.Concat(section.Structs, choice.Structs)), below)
		properties := o["properties"].(schema)
		by, _ := properties[section.By].(schema)
		properties[section.By] = schema{"const": choice.Name, "description": by["description"]}
		o["description"] = choice.Doc
		name := join(path, choice.Name)
		s.defs[name] = o
		words = append(words, choice.Name)
		rules = append(rules, schema{
			"if":   schema{"properties": schema{section.By: schema{"const": choice.Name}}, "required": []string{section.By}},
			"then": schema{"$ref": "#/$defs/" + name},
		})
	}
	return schema{
		"type":       "object",
		"properties": schema{section.By: schema{"enum": words}},
		"required":   []string{section.By},
		"allOf":      rules,
	}
}

// anyChoice is a section that takes the keys of all choices: which of them fit
// is decided elsewhere in the file.
func (s *schemas) anyChoice(section Section, general schema, below map[string]schema) schema {
	properties := general["properties"].(schema)
	forms := map[string][]any{}
	for _, choice := range section.Choices {
		o := s.object(s.keys(choice.Structs), below)
		for name, form := range o["properties"].(schema) {
			if !slices.ContainsFunc(forms[name], func(known any) bool { return same(known, form) }) {
				forms[name] = append(forms[name], form)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(forms)) {
		all := forms[name]
		if own, ok := properties[name]; ok {
			all = append([]any{own}, all...)
		}
		properties[name] = all[0]
		if len(all) > 1 {
			properties[name] = schema{"anyOf": all}
		}
	}
	return general
}

// same compares by what is written; fmt sorts the keys of maps.
func same(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// object is a mapping of keys and nothing else.
func (s *schemas) object(keys []key, below map[string]schema) schema {
	properties, o := schema{}, schema{"type": "object", "additionalProperties": false}
	var required []string
	var rules []any
	for _, k := range keys {
		property := s.value(k.shape, below[k.name])
		property["description"] = k.doc
		if k.preset != nil {
			property["default"] = k.preset
		}
		properties[k.name] = property
		switch {
		case k.shape.kind == secret:
			properties[k.name+"_file"] = schema{"type": "string", "description": "A file that holds " + k.name + "."}
			rules = append(rules, secretRule(k))
		case k.required:
			required = append(required, k.name)
		}
	}
	o["properties"] = properties
	if len(required) > 0 {
		o["required"] = required
	}
	if len(rules) > 0 {
		o["allOf"] = rules
	}
	return o
}

// secretRule says that a secret and its file exclude each other.
func secretRule(k key) schema {
	plain, file := []string{k.name}, []string{k.name + "_file"}
	if k.required {
		return schema{"oneOf": []any{schema{"required": plain}, schema{"required": file}}}
	}
	return schema{"not": schema{"required": append(plain, file...)}}
}

// value is the schema of a value; below is that of the sections in it.
func (s *schemas) value(v shape, below schema) schema {
	switch v.kind {
	case boolean:
		return orVariable(schema{"type": "boolean"})
	case integer:
		if len(v.check.OneOf) > 0 {
			return orVariable(schema{"enum": numbers(v.check.OneOf)})
		}
		bounds := configs.Check{Min: v.low, Max: v.high}
		return orVariable(limit(schema{"type": "integer"}, bounds, "minimum", "maximum"))
	case number:
		return orVariable(limit(schema{"type": "number"}, v.check, "minimum", "maximum"))
	case span:
		return textLike(spanPattern)
	case size:
		return textLike(sizePattern)
	case text, secret:
		return s.text(v)
	case anything:
		return schema{}
	}
	return s.compound(v, below)
}

func (s *schemas) text(v shape) schema {
	switch {
	case len(v.check.OneOf) > 0:
		return orVariable(schema{"enum": v.check.OneOf})
	case v.check.Name:
		return textLike(namePattern)
	}
	// The reader takes 007 and true for texts, too.
	return limit(schema{"type": []string{"string", "number", "boolean"}}, v.check, "minLength", "maxLength")
}

func (s *schemas) compound(v shape, below schema) schema {
	switch v.kind {
	case list:
		return limit(schema{"type": "array", "items": s.value(*v.each, nil)}, v.check, "minItems", "maxItems")
	case dict:
		o := schema{"type": "object", "additionalProperties": s.value(*v.each, nil)}
		if v.numeric {
			o["propertyNames"] = schema{"pattern": integerPattern}
		}
		return limit(o, v.check, "minProperties", "maxProperties")
	case named:
		o := schema{"type": "object", "additionalProperties": below}
		if v.check.Name {
			// A name with a range, such as meter-{1..8}, stands for many sections;
			// the values in it may be ranges too.
			o["propertyNames"] = schema{"pattern": namePattern + "|" + rangePattern}
			o["patternProperties"] = schema{rangePattern: schema{"type": "object"}}
		}
		return o
	case choices:
		forms := make([]any, len(v.forms))
		for i, form := range v.forms {
			forms[i] = s.value(form, nil)
		}
		return schema{"anyOf": forms}
	}
	return s.object(v.keys, nil)
}

// orVariable lets ${NAME} stand for what is no text.
func orVariable(s schema) schema {
	return schema{"anyOf": []any{s, schema{"$ref": "#/$defs/variable"}}}
}

func textLike(pattern string) schema {
	return schema{"type": "string", "pattern": pattern + "|" + variable}
}

// limit adds the bounds of a check.
func limit(s schema, check configs.Check, low, high string) schema {
	if check.Min != "" {
		s[low] = json.Number(check.Min)
	}
	if check.Max != "" {
		s[high] = json.Number(check.Max)
	}
	return s
}

func numbers(words []string) []any {
	all := make([]any, len(words))
	for i, w := range words {
		all[i] = json.Number(w)
	}
	return all
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
