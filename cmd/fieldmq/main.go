// Command fieldmq is an IoT device gateway: it polls devices over Modbus,
// serial lines and GPIO, and serves their values from its own MQTT broker.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Exit codes. A service manager restarts after exitFailed, and does not after
// exitUsage and exitConfig, which no restart can mend.
const (
	exitDone   = 0
	exitFailed = 1 // failed while running
	exitUsage  = 2 // wrong command line
	exitConfig = 3 // the configuration has faults
	exitSilent = 4 // the device did not answer
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, out, errs io.Writer) int {
	root := rootCommand()
	root.SetArgs(shield(args))
	root.SetOut(out)
	root.SetErr(errs)
	running := false
	root.PersistentPreRun = func(*cobra.Command, []string) { running = true }
	command, err := root.ExecuteContextC(ctx)
	var faults configs.Faults
	var wrong usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &faults):
		if !errors.Is(err, errTold) {
			fmt.Fprintln(errs, strings.TrimRight(explain(faults, errs), "\n"))
		}
		return exitConfig
	case !running, errors.As(err, &wrong):
		fmt.Fprintln(errs, "fieldmq:", err)
		if !running && command.HasParent() {
			fmt.Fprintln(errs, "Usage:", command.UseLine())
		}
		fmt.Fprintf(errs, "Try '%s --help'.\n", command.CommandPath())
		return exitUsage
	}
	fmt.Fprintln(errs, "fieldmq:", err)
	if errors.Is(err, drivers.ErrOffline) {
		return exitSilent
	}
	return exitFailed
}

// explain is the faults as lines, and for a person at a terminal with the
// places in the file shown.
func explain(faults configs.Faults, to io.Writer) string {
	if file, ok := to.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return faults.Explain()
	}
	return faults.Error()
}

// errTold marks faults that a command has printed in its own form.
var errTold = errors.New("already told")

// usageError is a command line that is wrong in a way that only the command
// itself can see.
type usageError string

func (e usageError) Error() string { return string(e) }

func usage(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// fileNamed lets a command take its configuration file as a word, too, but not twice.
func fileNamed(c *cobra.Command, args []string, file *string) error {
	if len(args) == 0 {
		return nil
	}
	if c.Flags().Changed("config") {
		return usage("the file is named twice: %s, and %s by --config", args[0], *file)
	}
	*file = args[0]
	return nil
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "fieldmq",
		Short: "Field devices to MQTT: Modbus, serial lines and GPIO on device/<id>/...",
		Long: `fieldmq polls devices over Modbus, serial lines and GPIO, maps them by YAML onto
the MQTT topics device/<id>/..., and serves these from its own broker.

Nothing at hand yet? See it work with simulated devices:

  fieldmq demo

Then describe your own devices in a file, have it checked, and run it:

  fieldmq check site.yaml
  fieldmq run --config site.yaml`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		runCommand(),
		reloadCommand(),
		checkCommand(),
		planCommand(),
		scanCommand(),
		readCommand(),
		writeCommand(),
		explainCommand(),
		learnedCommand(),
		recordCommand(),
		replayCommand(),
		sniffCommand(),
		doctorCommand(),
		demoCommand(),
		simCommand(),
		brokerCommand(),
		passwdCommand(),
		profilesCommand(),
		storeCommand(),
		versionCommand(),
		manCommand(),
	)
	return root
}
