package configs

import "strings"

// expand fills the variables of a scalar in: ${NAME}, ${NAME:-default} where
// NAME is not set or empty, and $$ for a single $. Any other $ stands for
// itself. As it happens after parsing, a value cannot change the structure.
func (n *Node) expand(text string) {
	n.text = text
	if n.doc.lookup == nil || !strings.Contains(text, "$") {
		return
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		switch {
		case !found:
			n.text = b.String()
			return
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "{"):
			inside, rest, closed := strings.Cut(after[1:], "}")
			if !closed {
				n.refuse("${ is not closed; write $${ for a plain ${")
				return
			}
			b.WriteString(n.variable(inside))
			text = rest
		default:
			b.WriteByte('$')
			text = after
		}
	}
}

// variable is the value of what stands between the braces.
func (n *Node) variable(inside string) string {
	name, fallback, hasFallback := strings.Cut(inside, ":-")
	if !isVariable(name) {
		n.refuse("${%s} does not name an environment variable; write $${ for a plain ${", name)
		return ""
	}
	value, set := n.doc.lookup(name)
	if hasFallback && value == "" {
		return fallback
	}
	if !set {
		n.refuse("the environment variable %s is not set; set it, or write ${%s:-default}", name, name)
	}
	return value
}

func isVariable(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
