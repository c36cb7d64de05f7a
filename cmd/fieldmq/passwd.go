package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"fieldmq/broker/access"
)

const defaultUsers = "/etc/fieldmq/users"

func passwdCommand() *cobra.Command {
	var file string
	var remove, hash bool
	c := &cobra.Command{
		Use:   "passwd name | --hash",
		Short: "Set the password of a user of the broker, or delete the user",
		Long: `Passwd writes the file that broker.users names: a line for each user, with a hash
from which nobody can tell the password. The file is made if there is none, and
then only its owner can read it, and the group of a folder such as /etc/fieldmq,
which is the gateway's.

The password is asked for on a terminal; elsewhere it is the first line of
standard input. It is never taken from the command line, which everybody on the
machine can see.

A gateway that runs takes the change within seconds. It cuts the clients of a
user that is deleted or has another password.

mosquitto's password files can be used, too; what passwd adds to one can only be
read by fieldmq. Lines name:password, as people write them by hand, work as well;
with --hash, passwd puts a hash in the place of each such password. Their clients
are cut once, and come back with the passwords that they have.`,
		Example: "  fieldmq passwd dashboard\n  fieldmq passwd --file users ann <ann.secret\n  fieldmq passwd --delete ann\n  fieldmq passwd --hash",
		Args: func(c *cobra.Command, args []string) error {
			if hash {
				return cobra.NoArgs(c, args)
			}
			return cobra.ExactArgs(1)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if hash {
				n, err := access.HashPlain(file)
				if err == nil {
					fmt.Fprintf(c.ErrOrStderr(), "passwords hashed in %s: %d\n", file, n)
				}
				return err
			}
			name := args[0]
			if err := access.ValidName(name); err != nil {
				return usage("%v", err)
			}
			if remove {
				if err := access.Delete(file, name); err != nil {
					return err
				}
				fmt.Fprintf(c.ErrOrStderr(), "deleted user %q from %s\n", name, file)
				return nil
			}
			password, err := askPassword(c.Context(), c.InOrStdin(), c.ErrOrStderr(), name)
			if err != nil {
				return err
			}
			added, err := access.SetPassword(file, name, password)
			if err != nil {
				return err
			}
			done := "changed the password of"
			if added {
				done = "added"
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s user %q in %s\n", done, name, file)
			return nil
		},
	}
	c.Flags().StringVarP(&file, "file", "f", defaultUsers, "the `file` of users")
	c.Flags().BoolVar(&remove, "delete", false, "delete the user")
	c.Flags().BoolVar(&hash, "hash", false, "hash the passwords that stand in the clear in the file")
	c.MarkFlagsMutuallyExclusive("delete", "hash")
	return c
}

// longestPassword is that of a CONNECT packet, in bytes.
const longestPassword = 65_535

var errNoPassword = errors.New("no password: it must not be empty")

// askPassword reads a password: from a terminal twice and unseen, else the
// first line of in.
func askPassword(ctx context.Context, in io.Reader, prompt io.Writer, name string) ([]byte, error) {
	if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return askTerminal(ctx, int(file.Fd()), prompt, name)
	}
	line, err := bufio.NewReader(io.LimitReader(in, longestPassword+3)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	switch {
	case line == "":
		return nil, errNoPassword
	case len(line) > longestPassword:
		return nil, fmt.Errorf("the password is longer than %d bytes", longestPassword)
	}
	return []byte(line), nil
}

func askTerminal(ctx context.Context, fd int, prompt io.Writer, name string) ([]byte, error) {
	first, err := askUnseen(ctx, fd, prompt, fmt.Sprintf("Password of %s: ", name))
	if err != nil {
		return nil, err
	}
	if len(first) == 0 {
		return nil, errNoPassword
	}
	second, err := askUnseen(ctx, fd, prompt, "The same again: ")
	switch {
	case err != nil:
		return nil, err
	case string(first) != string(second):
		return nil, errors.New("the two are not the same; nothing was changed")
	}
	return first, nil
}

// askUnseen reads a line that the terminal does not show. Ctrl-C ends it; the
// read itself cannot be ended, and is left to the end of the process.
func askUnseen(ctx context.Context, fd int, prompt io.Writer, text string) (line []byte, err error) {
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	// Before the question, or a quick answer would be seen.
	unseen := *before
	unseen.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &unseen); err != nil {
		return nil, err
	}
	defer func() {
		fmt.Fprintln(prompt)
		err = errors.Join(err, unix.IoctlSetTermios(fd, unix.TCSETS, before))
	}()
	fmt.Fprint(prompt, text)
	type answer struct {
		line []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		return a.line, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
