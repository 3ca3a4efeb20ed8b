package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value *string
	words []string
}

func (c *choice) String() string { return *c.value }

func (c *choice) Type() string { return strings.Join(c.words, "|") }

func (c *choice) Set(word string) error {
	if !slices.Contains(c.words, word) {
		return fmt.Errorf("must be one of %s", strings.Join(c.words, ", "))
	}
	*c.value = word
	return nil
}

// Choice adds a flag to cmd that takes one of words, which the shell completes.
func Choice(cmd *cobra.Command, value *string, name, initial, usage string, words ...string) {
	*value = initial
	cmd.Flags().Var(&choice{value, words}, name, usage)
	Complete(cmd, name, words...)
}

// Complete makes the shell complete a flag that cmd has with words.
func Complete(cmd *cobra.Command, name string, words ...string) {
	err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic("cli: " + err.Error())
	}
}

// Required marks flags of cmd that must be given.
func Required(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic("cli: " + err.Error())
		}
	}
}

// AddCompletion adds the command "completion", which prints a script that
// completes in the shell. Cobra adds it by itself to a command that has others.
func AddCompletion(root *cobra.Command) {
	shells := map[string]func(io.Writer) error{
		"bash":       func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"fish":       func(w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": root.GenPowerShellCompletionWithDesc,
		"zsh":        root.GenZshCompletion,
	}
	names := slices.Sorted(maps.Keys(shells))
	root.AddCommand(&cobra.Command{
		Use:       "completion SHELL",
		Short:     "Print a completion script for " + strings.Join(names, ", "),
		Example:   "  source <(" + root.Name() + " completion bash)",
		Args:      Args("SHELL"),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := shells[args[0]]
			if !ok {
				return Usagef("unknown shell %q, want %s", args[0], strings.Join(names, ", "))
			}
			return write(cmd.OutOrStdout())
		},
	})
}
