package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"accord/engine/contract"
	"accord/engine/lens"
)

func explainCommand(*workspace) *cobra.Command {
	return &cobra.Command{
		Use:   "explain CODE",
		Short: "Explain a message at length by its code",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code := strings.ToUpper(args[0])
			if c, ok := contract.Explain(code); ok {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n\n%s\n", c.Code, c.Title, c.Text)
				return nil
			}
			for _, c := range lens.Codes() {
				if c.Code == code {
					fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n\n%s\n", c.Code, c.Title, c.Explanation)
					return nil
				}
			}
			return exit{exitUsage, fmt.Errorf("there is no message with code %s", args[0])}
		},
	}
}

// version is set by release builds.
var version = "0.1.0"

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			goVersion := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				goVersion = info.GoVersion
			}
			fmt.Fprintf(cmd.OutOrStdout(), "accord %s (%s)\n", version, goVersion)
			return nil
		},
	}
}
