package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// strictUsage has every command refuse arguments that it has no use for as wrong usage, and say what it takes.
func strictUsage(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		strictUsage(sub)
	}
	check := cmd.Args
	if !cmd.Runnable() {
		check = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no command %q", args[0])
			}
			return nil
		}
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	if check == nil {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return exit{exitUsage, fmt.Errorf("%w\nUsage: %s\nSee `%s --help`", err, cmd.UseLine(), cmd.CommandPath())}
		}
		return nil
	}
}
