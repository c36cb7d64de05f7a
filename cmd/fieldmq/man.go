package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fieldmq/gateway"
)

// manCommand writes the manual page that the packages install.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man",
		Short:  "Write the manual page",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(c *cobra.Command, _ []string) error {
			return writeManual(c.OutOrStdout(), c.Root())
		},
	}
}

// roff is a text as it stands in a manual page: nothing in it is a request.
var roff = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n.", "\n\\&.", "\n'", "\n\\&'")

func writeManual(out io.Writer, root *cobra.Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH FIELDMQ 1 \"\" \"fieldmq %s\" \"User Commands\"\n", roff.Replace(gateway.Version()))
	fmt.Fprintf(&b, ".SH NAME\nfieldmq \\- %s\n", roff.Replace(root.Short))
	b.WriteString(".SH SYNOPSIS\n.B fieldmq\n.I command\n[flags]\n.SH DESCRIPTION\n")
	manText(&b, root.Long)
	b.WriteString(".SH COMMANDS\n")
	for _, c := range root.Commands() {
		manCommandPart(&b, c)
	}
	b.WriteString(".SH FILES\n.TP\n.I /etc/fieldmq/fieldmq.yaml\nthe configuration\n.TP\n.I /var/lib/fieldmq\nwhat survives a restart\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func manCommandPart(b *strings.Builder, c *cobra.Command) {
	if c.Hidden {
		return
	}
	fmt.Fprintf(b, ".SS %s\n", roff.Replace(c.UseLine()))
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	manText(b, text)
	c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(b, ".TP\n.B \\-\\-%s\n", roff.Replace(f.Name))
		if name != "" {
			fmt.Fprintf(b, ".I %s\n.br\n", roff.Replace(name))
		}
		b.WriteString(roff.Replace(usage) + "\n")
	})
	for _, sub := range c.Commands() {
		manCommandPart(b, sub)
	}
}

// manText writes paragraphs, and as they are those that are set in.
func manText(b *strings.Builder, text string) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		b.WriteString(".PP\n")
		verbatim := strings.HasPrefix(paragraph, " ")
		if verbatim {
			b.WriteString(".nf\n")
		}
		b.WriteString(strings.TrimPrefix(roff.Replace("\n"+paragraph), "\n") + "\n")
		if verbatim {
			b.WriteString(".fi\n")
		}
	}
}
