// Package cli is what the programs have in common: how a command ends, where it
// writes, what it shows while it works. Main runs a program and returns its
// exit code, Execute runs its command tree, WriteFile writes an output that is
// whole or not there, NewProgress shows progress to people.
//
// What goes where: results go to standard output, and nothing else does, so
// that a command can stand in a pipe. Standard error has the one line that says
// why a command failed, and the progress bar if it is a terminal; a command that
// succeeds leaves nothing there but what it was asked to say.
package cli

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
	"github.com/spf13/pflag"
)

// Exit codes.
const (
	ExitFailure     = 1
	ExitInterrupted = 130 // as a shell reports a program that SIGINT ended
	ExitBrokenPipe  = 141 // as a shell reports a program that SIGPIPE ended
)

// ErrInterrupted is the cause of the context's end after SIGINT, SIGTERM or SIGHUP.
var ErrInterrupted = errors.New("interrupted")

// Program is a whole program, with everything that it touches as arguments.
type Program func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error

// Main runs p with the process's arguments and streams and returns the exit
// code. SIGINT, SIGTERM and SIGHUP cancel the context; a second one ends the process
// at once. The error goes to standard error as one line.
func Main(p Program) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		signal.Stop(signals)
		cancel(ErrInterrupted)
	}()
	// Without this the first write to a closed pipe ends the process before it
	// can remove what it has not finished.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	line, code := verdict(ctx, p(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	if line != "" {
		fmt.Fprintln(os.Stderr, line)
	}
	return code
}

// verdict returns what is said about err, and the exit code.
func verdict(ctx context.Context, err error) (line string, code int) {
	interrupted := context.Cause(ctx) == ErrInterrupted
	switch {
	case err == nil:
		return "", 0
	case errors.Is(err, syscall.EPIPE) && !interrupted:
		// Whoever read the output has seen enough.
		return "", ExitBrokenPipe
	case errors.Is(err, ErrInterrupted):
		return OneLine(err), ExitInterrupted
	case interrupted && errors.Is(err, context.Canceled):
		var named *commandError
		if errors.As(err, &named) {
			return named.command + ": " + ErrInterrupted.Error(), ExitInterrupted
		}
		return ErrInterrupted.Error(), ExitInterrupted
	}
	return OneLine(err), ExitFailure
}

// OneLine returns err's text on one line.
func OneLine(err error) string {
	var parts []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, "; ")
}

// commandError puts the command in front of its error.
type commandError struct {
	command string
	err     error
}

func (e *commandError) Error() string { return e.command + ": " + e.err.Error() }
func (e *commandError) Unwrap() error { return e.err }

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Usagef reports a mistake in the command line; Execute adds where to look it
// up.
func Usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// Execute runs the command tree under root. The error begins with the command
// that it is about.
func Execute(ctx context.Context, root *cobra.Command, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return noEmptyFlags(cmd) }
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return nil
	}
	var usage usageError
	if errors.As(err, &usage) {
		err = fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())
	}
	return &commandError{cmd.CommandPath(), err}
}

// noEmptyFlags refuses flags like --model "$MODEL" where the shell knows no
// MODEL: to take that for the default would hide the slip.
func noEmptyFlags(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" && err == nil {
			err = Usagef("--%s is empty", f.Name)
		}
	})
	return err
}

// Args returns a check for exactly the named arguments.
func Args(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return Usagef("%s is missing", names[len(args)])
		case len(args) > len(names):
			return Usagef("unexpected argument %q", args[len(names)])
		}
		for i, name := range names {
			if args[i] == "" {
				return Usagef("%s is empty", name)
			}
		}
		return nil
	}
}

// Group makes cmd a command that only holds others: alone it shows its help,
// and a name that none of them has is an error with the nearest one.
func Group(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		cmd.SuggestionsMinimumDistance = 2
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return Usagef("unknown command %q; did you mean %q?", args[0], near[0])
		}
		return Usagef("unknown command %q", args[0])
	}
}
