package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"accord/cmd/accord/internal/emulation"
)

func emulateCommand(w *workspace) *cobra.Command {
	var o emulation.Options
	var envFile, limits string
	cmd := &cobra.Command{
		Use:   "emulate",
		Short: "Serve emulated monday.com and Salesforce on this machine",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Limits, err = parseLimits(limits); err != nil {
				return err
			}
			o.Logger = w.logger(cmd.ErrOrStderr())
			e, err := emulation.Start(o)
			if err != nil {
				return err
			}
			defer func() {
				if err := e.Close(); err != nil {
					o.Logger.Warn("stop the emulators", "error", err)
				}
			}()
			describeEmulation(cmd.OutOrStdout(), e, limits)
			if envFile != "" {
				if err := e.WriteEnv(envFile); err != nil {
					return err
				}
			}
			return e.Wait(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&o.DataDir, "data", "", "folder with the org's data and metadata: CSV, Salesforce tree JSON with plans, SFDX source-format objects")
	cmd.Flags().StringVar(&envFile, "env-file", "", "write the variables that clients need to this file, once everything is served")
	cmd.Flags().StringVar(&o.StateDir, "state", "", "folder to keep both sides in across restarts")
	cmd.Flags().StringVar(&o.Host, "host", "127.0.0.1", "loopback address to serve on")
	cmd.Flags().IntVar(&o.Port, "port", 0, "first of four ports in a row; 0 = any that are free")
	cmd.Flags().Int64Var(&o.Seed, "seed", 1, "ids, credentials and everything random come from it")
	cmd.Flags().StringVar(&o.Plan, "plan", "enterprise", "monday plan whose limits hold: free, standard, pro or enterprise")
	cmd.Flags().Float64Var(&o.Pace, "pace", 1, "how many times as fast as the wall clock time goes; $EMULATOR_ADMIN/monday/clock and /salesforce/clock move it by hand")
	cmd.Flags().StringVar(&limits, "limits", "off", "off: counted but not enforced; published; or x10: ten times what is published")
	return cmd
}

func parseLimits(text string) (float64, error) {
	switch text {
	case "off":
		return 0, nil
	case "published":
		return 1, nil
	}
	scale, err := strconv.ParseFloat(strings.TrimPrefix(text, "x"), 64)
	if err != nil || scale <= 0 {
		return 0, exit{exitUsage, fmt.Errorf("--limits %s: off, published, or a scale such as x10", text)}
	}
	return scale, nil
}

// describeEmulation says what is served and what it holds.
func describeEmulation(out io.Writer, e *emulation.Emulation, limits string) {
	fmt.Fprintf(out, "monday      %s\nSalesforce  %s   events %s\ncounters    %s/counters\nlimits      %s\n",
		e.Get("MONDAY_URL"), e.Get("SF_URL"), e.Get("SF_PUBSUB"), e.Get("EMULATOR_ADMIN"), limits)
	loaded := e.Salesforce.Loaded()
	for _, name := range slices.Sorted(maps.Keys(loaded.Records)) {
		fmt.Fprintf(out, "loaded      %6d %s\n", loaded.Records[name], name)
	}
	for _, warning := range loaded.Warnings {
		fmt.Fprintf(out, "warning     %s\n", warning)
	}
}
