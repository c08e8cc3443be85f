package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"accord/cmd/accord/internal/view"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/lens"
	"accord/engine/record"
)

func deadlettersCommand(w *workspace) *cobra.Command {
	cmd := &cobra.Command{Use: "deadletters", Short: "List, show, retry or discard writes that failed for good"}
	var filter ledger.Filter
	var asJSON bool
	list := &cobra.Command{
		Use: "list", Short: "List dead letters", Args: cobra.NoArgs,
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, _ []string) error {
			if err := checkFilter(ctx, l, filter, ledger.StateOpen, ledger.StateRetried, ledger.StateDiscarded); err != nil {
				return err
			}
			letters, err := shownDeadLetters(ctx, l, filter)
			if err != nil {
				return err
			}
			if asJSON {
				return view.DeadLettersJSON(cmd.OutOrStdout(), letters, w.style(cmd.OutOrStdout()))
			}
			return view.DeadLetters(cmd.OutOrStdout(), letters, w.style(cmd.OutOrStdout()))
		}),
	}
	filterFlags(list, &filter)
	show := &cobra.Command{
		Use: "show ID", Short: "Show one dead letter, whole", Args: cobra.ExactArgs(1),
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, args []string) error {
			id, err := number(args[0])
			if err != nil {
				return err
			}
			letters, err := shownDeadLetters(ctx, l, ledger.Filter{State: "all"})
			if err != nil {
				return err
			}
			for _, d := range letters {
				switch {
				case d.ID == id && asJSON:
					return view.DeadLettersJSON(cmd.OutOrStdout(), []ledger.DeadLetter{d}, w.style(cmd.OutOrStdout()))
				case d.ID == id:
					return view.DeadLetter(cmd.OutOrStdout(), d, w.style(cmd.OutOrStdout()))
				}
			}
			return onIDsOf("dead letter", "deadletters").problem(id, ledger.ErrNotFound)
		}),
	}
	for _, c := range []*cobra.Command{list, show} {
		c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	}
	letters := onIDsOf("dead letter", "deadletters")
	retry := letters.command(w, "retry", "Try dead letters again, once their cause is mended",
		"will be tried again with the sync's next round", (*ledger.Ledger).RetryDeadLetter)
	w.orAll(retry, letters, "will be tried again with the sync's next round")
	cmd.AddCommand(list, show, retry,
		letters.command(w, "discard", "Close dead letters without writing them", "discarded: it is not tried again by itself",
			(*ledger.Ledger).DiscardDeadLetter))
	return cmd
}

// orAll lets a command retry every open dead letter, or those of one object, instead of some by their ids.
func (w *workspace) orAll(cmd *cobra.Command, on things, done string) {
	var all bool
	var object string
	some := cmd.RunE
	cmd.Use = "retry ID... | --all"
	cmd.Args = nil
	cmd.Flags().BoolVar(&all, "all", false, "all that are open")
	cmd.Flags().StringVar(&object, "object", "", "with --all: only those of this object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case all && len(args) > 0:
			return exit{exitUsage, fmt.Errorf("give ids, or --all, not both")}
		case !all && object != "":
			return exit{exitUsage, fmt.Errorf("--object goes with --all")}
		case !all && len(args) == 0:
			return exit{exitUsage, fmt.Errorf("say which: ids from `accord deadletters list`, or --all")}
		case !all:
			return some(cmd, args)
		}
		return w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, _ []string) error {
			filter := ledger.Filter{Object: object}
			if err := checkFilter(ctx, l, filter); err != nil {
				return err
			}
			letters, err := l.DeadLetters(ctx, filter)
			if err != nil {
				return err
			}
			ids := make([]string, 0, len(letters))
			for _, d := range slices.Backward(letters) { // the oldest first
				ids = append(ids, fmt.Sprint(d.ID))
			}
			if len(ids) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "No dead letters.")
				return nil
			}
			return on.each(ctx, cmd, l, ids, done, (*ledger.Ledger).RetryDeadLetter)
		})(cmd, args)
	}
}

// shownDeadLetters lists dead letters without the values of sensitive fields.
func shownDeadLetters(ctx context.Context, l *ledger.Ledger, filter ledger.Filter) ([]ledger.DeadLetter, error) {
	letters, err := l.DeadLetters(ctx, filter)
	if err != nil {
		return nil, err
	}
	c, err := inForce(ctx, l)
	if err != nil {
		return nil, err
	}
	for i := range letters {
		letters[i].Payload = shownPayload(c, &letters[i])
	}
	return letters, nil
}

// shownPayload is what a dead letter was to write, for people to see. Values of fields that are sensitive, or that no
// contract knows any more, are not shown, nor what a trigger wrote about an object that has such a field: it may have put it
// into any of its texts.
func shownPayload(c *contract.Contract, d *ledger.DeadLetter) json.RawMessage {
	var payload map[string]json.RawMessage
	var fields map[string]json.RawMessage
	if json.Unmarshal(d.Payload, &payload) != nil || json.Unmarshal(payload["fields"], &fields) != nil && d.Trigger == "" {
		return nil
	}
	var o *contract.Object
	if c != nil {
		o = c.Object(d.Object)
	}
	hidden, err := json.Marshal(lens.Redacted)
	if err != nil {
		return nil
	}
	delete(payload, "changes") // for the ledger's account only
	if d.Trigger == "" {
		for name, raw := range fields {
			var v record.Value
			if json.Unmarshal(raw, &v) != nil || !public(o, d.Side, name) {
				fields[name] = hidden
			} else if text, err := json.Marshal(v.String()); err == nil {
				fields[name] = text
			}
		}
	} else if sensitive(o) && d.Object != "" {
		shown := map[string]json.RawMessage{}
		for _, name := range []string{"side", "connection"} {
			if raw, ok := payload[name]; ok {
				shown[name] = raw
			}
		}
		payload = shown
		for name := range fields {
			fields[name] = hidden
		}
	}
	if fields != nil {
		if payload["fields"], err = json.Marshal(fields); err != nil {
			return nil
		}
	}
	text, err := json.Marshal(payload)
	if err != nil {
		return nil
	}
	return text
}

// public says whether anybody may see a native field of an object.
func public(o *contract.Object, side record.Side, native string) bool {
	if o == nil {
		return false
	}
	shown := false
	for _, f := range o.Fields {
		for _, n := range f.Ends[side] {
			if n.Name == native {
				if f.Sensitive != "" {
					return false
				}
				shown = true
			}
		}
	}
	return shown
}

// sensitive says whether an object has a field that not everybody may see, as far as is known.
func sensitive(o *contract.Object) bool {
	return o == nil || slices.ContainsFunc(o.Fields, func(f *contract.Field) bool { return f.Sensitive != "" })
}
