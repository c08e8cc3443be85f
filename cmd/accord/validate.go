package main

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"accord/engine/contract"
	"accord/engine/lens"
	"accord/engine/provider"
	"accord/engine/record"
	"accord/providers/monday"
	"accord/providers/salesforce"
)

func validateCommand(w *workspace) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the contract without asking any vendor",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := w.contract(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			fields := 0
			for _, o := range c.Objects {
				fields += len(o.Fields)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The contract is valid: %d objects, %d fields, %d picklists, %d triggers, %d policies.\n",
				len(c.Objects), fields, len(c.Picklists), len(c.Triggers), len(c.Policies))
			return nil
		},
	}
	w.variableFlags(cmd)
	return cmd
}

// checkLenses finds fields whose two ends can't be joined, as far as their types are named in the contract.
func checkLenses(c *contract.Contract) hcl.Diagnostics {
	// The shapes of types are a provider's knowledge, not a connection's: no connection is made.
	vendors := map[string]provider.Structure{"monday": (*monday.Provider)(nil), "salesforce": (*salesforce.Provider)(nil)}
	problems := lens.Check(c, func(system string, nf contract.NativeField) (record.Shape, bool) {
		return vendors[system].FieldShape(nf.Type)
	})
	var diags hcl.Diagnostics
	for _, p := range problems {
		var at hcl.Range
		if p.Native != nil {
			at = p.Native.Range
		} else if p.Field != nil {
			at = p.Field.Range
		}
		diags = append(diags, contract.NewDiagnostic(p.Code, at, p.Summary, p.Detail))
	}
	return diags
}
