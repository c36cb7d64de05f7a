package gen

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Source is the Go source of a module, for its comments.
type Source struct {
	module, root string
	comments     map[string]map[string]string // by package, by "Type.Field"
}

// NewSource is the source of a module ("fieldmq") whose files are below root.
func NewSource(module, root string) *Source {
	return &Source{module: module, root: root, comments: map[string]map[string]string{}}
}

// Field is the comment on a field, as a sentence about its key. It fails where
// there is none: a key that nobody described cannot be used.
func (s *Source) Field(t reflect.Type, field string) (string, error) {
	comments, err := s.of(t.PkgPath())
	if err != nil {
		return "", err
	}
	comment := comments[t.Name()+"."+field]
	if comment == "" {
		return "", fmt.Errorf("%v.%s has no comment", t, field)
	}
	return aboutKey(comment, field), nil
}

// aboutKey turns "Baud is the speed" into "The speed" and "Write lets" into
// "Lets": who reads it sees the key, and not the field.
func aboutKey(comment, field string) string {
	comment = strings.Join(strings.Fields(comment), " ")
	rest, _ := strings.CutPrefix(comment, field+" ")
	verb, object, _ := strings.Cut(rest, " ")
	switch {
	case verb == "is" || verb == "are":
		comment = object
	case strings.HasSuffix(verb, "s"):
		comment = rest
	}
	if word, _, _ := strings.Cut(comment, " "); strings.ContainsAny(word, "0123456789") {
		return comment // a word to be written as it is, such as int16
	}
	first, width := utf8.DecodeRuneInString(comment)
	return string(unicode.ToUpper(first)) + comment[width:]
}

// of is the comments of a package.
func (s *Source) of(pkg string) (map[string]string, error) {
	if comments, ok := s.comments[pkg]; ok {
		return comments, nil
	}
	below, ok := strings.CutPrefix(strings.TrimSuffix(pkg, "_test"), s.module)
	if !ok {
		return nil, fmt.Errorf("package %q is not of module %s", pkg, s.module)
	}
	comments := map[string]string{}
	files, err := filepath.Glob(filepath.Join(s.root, filepath.FromSlash(below), "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		if err := readComments(name, comments); err != nil {
			return nil, err
		}
	}
	s.comments[pkg] = comments
	return comments, nil
}

func readComments(name string, into map[string]string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if fields, ok := spec.Type.(*ast.StructType); ok {
			fieldComments(spec.Name.Name, fields, into)
		}
		return false
	})
	return nil
}

func fieldComments(typeName string, fields *ast.StructType, into map[string]string) {
	for _, field := range fields.Fields.List {
		comment := field.Doc.Text()
		if comment == "" {
			comment = field.Comment.Text()
		}
		for _, name := range field.Names {
			into[typeName+"."+name.Name] = comment
		}
	}
}
