package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"accord/cmd/accord/internal/sheet"
	"accord/cmd/accord/internal/view"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/record"
)

// judge turns the rows of a review file into verdicts, and says what is wrong with them.
type judge struct {
	contract *contract.Contract
	known    map[place]standing
	decided  map[place]int // by line
	verdicts map[string][]ledger.Review
	texts    map[string][]string // what each verdict does, by object
	done     int                 // decisions that are carried out already
	left     int                 // rows without a decision
	counts   map[ledger.Verdict]int
}

// place names a record.
type place struct {
	object string
	side   record.Side
	id     string
}

// standing is what the ledger knows of a record.
type standing struct {
	pair    string
	partner string // "" = none
	half    bool   // there, and without a partner
}

func newJudge(ctx context.Context, l *ledger.Ledger, c *contract.Contract, rows []sheet.Row) (*judge, error) {
	j := &judge{contract: c, known: map[place]standing{}, decided: map[place]int{}, verdicts: map[string][]ledger.Review{},
		texts: map[string][]string{}, counts: map[ledger.Verdict]int{}}
	ids := map[string]*[2][]string{}
	for _, r := range rows {
		side, err := sideNamed(r.System)
		if err != nil || c.Object(r.Object) == nil || r.Decision == "" {
			continue
		}
		if ids[r.Object] == nil {
			ids[r.Object] = &[2][]string{}
		}
		ids[r.Object][side] = append(ids[r.Object][side], r.ID)
		ids[r.Object][side.Other()] = append(ids[r.Object][side.Other()], r.OtherID)
	}
	for object, both := range ids {
		for _, side := range record.Sides {
			if err := j.look(ctx, l, object, side, both[side]); err != nil {
				return nil, err
			}
		}
	}
	return j, nil
}

// look finds out how records stand now.
func (j *judge) look(ctx context.Context, l *ledger.Ledger, object string, side record.Side, ids []string) error {
	slices.Sort(ids)
	byRecord, err := l.PairByRecord(ctx, object, side, slices.Compact(ids))
	if err != nil {
		return err
	}
	var pairs []string
	for _, p := range byRecord {
		pairs = append(pairs, p)
	}
	partners, err := l.RecordByPair(ctx, side.Other(), pairs)
	if err != nil {
		return err
	}
	halves := map[string]bool{}
	err = l.Unpaired(ctx, object, side, func(h ledger.HalfPair) error {
		halves[h.PairID] = true
		return nil
	})
	if err != nil {
		return err
	}
	for id, p := range byRecord {
		j.known[place{object, side, id}] = standing{p, partners[p], halves[p]}
	}
	return nil
}

func (j *judge) judge(rows []sheet.Row) (problems []sheet.Problem) {
	for _, r := range rows {
		if r.Object == "" || r.System == "" || r.ID == "" {
			continue // told already
		}
		if r.Decision == "" {
			j.left++
			continue
		}
		if text := j.row(r); text != "" {
			problems = append(problems, sheet.Problem{Line: r.Line, Text: text})
		}
	}
	return problems
}

// row takes one decision in, or says what is wrong with it.
func (j *judge) row(r sheet.Row) string {
	o := j.contract.Object(r.Object)
	if o == nil {
		return fmt.Sprintf("the contract in force has no object %q", r.Object)
	}
	side, err := sideNamed(r.System)
	if err != nil {
		return fmt.Sprintf("%q is no system: write %s or %s", r.System, contract.Systems[0], contract.Systems[1])
	}
	at, other := place{o.Name, side, r.ID}, place{o.Name, side.Other(), r.OtherID}
	switch v := ledger.Verdict(r.Decision); v {
	case ledger.VerdictPair:
		return j.pair(at, other, r)
	case ledger.VerdictCreate, ledger.VerdictIgnore:
		if v == ledger.VerdictCreate && o.Creates[side.Other()] == nil {
			return fmt.Sprintf("the contract creates no records of %s in %s: add a create block, or ignore the record", o.Name, contract.Systems[side.Other()])
		}
		if now, ok := j.known[at]; ok && now.partner != "" && v == ledger.VerdictCreate {
			j.done++
			return ""
		}
		if text := j.free(at, r.Line); text != "" {
			return text
		}
		j.add(at, v, ledger.Review{Verdict: v, Pair: j.known[at].pair}, fmt.Sprintf("%s %s record %s", v, contract.Systems[side], r.ID))
		return ""
	default:
		return fmt.Sprintf("%q is no decision: write pair, create or ignore, or leave it empty", r.Decision)
	}
}

func (j *judge) pair(at, other place, r sheet.Row) string {
	if r.OtherID == "" {
		return fmt.Sprintf("pair %s with what? Put the id of the other record into column other_id", r.ID)
	}
	if now := j.known[at]; now.partner == other.id && now.partner != "" {
		j.done++
		return ""
	}
	for _, p := range []place{at, other} {
		if text := j.free(p, r.Line); text != "" {
			return text
		}
	}
	left, right := at, other
	if at.side == record.Right {
		left, right = other, at
	}
	j.add(at, ledger.VerdictPair, ledger.Review{Verdict: ledger.VerdictPair, Pair: j.known[left].pair, With: j.known[right].pair},
		fmt.Sprintf("pair %s with %s", left.id, right.id))
	return ""
}

// free says why nothing can be decided about a record; "" when something can. From then on it is decided.
func (j *judge) free(p place, line int) string {
	now, ok := j.known[p]
	switch {
	case !ok:
		return fmt.Sprintf("no %s record %s of object %s is known: run `accord matches export` again", contract.Systems[p.side], p.id, p.object)
	case now.partner != "":
		return fmt.Sprintf("%s record %s is paired with %s already", contract.Systems[p.side], p.id, now.partner)
	case !now.half:
		return fmt.Sprintf("%s record %s is not there any more", contract.Systems[p.side], p.id)
	case j.decided[p] != 0:
		return fmt.Sprintf("%s record %s is decided about on line %d already", contract.Systems[p.side], p.id, j.decided[p])
	}
	j.decided[p] = line
	return ""
}

func (j *judge) add(at place, v ledger.Verdict, r ledger.Review, text string) {
	j.verdicts[at.object] = append(j.verdicts[at.object], r)
	j.texts[at.object] = append(j.texts[at.object], text)
	j.counts[v]++
}

func (j *judge) count() int {
	return j.counts[ledger.VerdictPair] + j.counts[ledger.VerdictCreate] + j.counts[ledger.VerdictIgnore]
}

// tell shows what carrying the verdicts out would do.
func (j *judge) tell(out io.Writer) {
	const most = 20
	for _, o := range j.contract.Objects {
		list := j.texts[o.Name]
		if len(list) == 0 {
			continue
		}
		fmt.Fprintf(out, "%s\n", o.Name)
		for _, t := range list[:min(most, len(list))] {
			fmt.Fprintf(out, "  %s\n", view.Line(t))
		}
		if n := len(list) - most; n > 0 {
			fmt.Fprintf(out, "  and %d more\n", n)
		}
	}
	fmt.Fprintf(out, "%d to pair, %d to create, %d to ignore; %d done before, %d rows without a decision.\n",
		j.counts[ledger.VerdictPair], j.counts[ledger.VerdictCreate], j.counts[ledger.VerdictIgnore], j.done, j.left)
}

// carryOut tells the ledger. It may be repeated with the same file after it broke off.
func (j *judge) carryOut(ctx context.Context, l *ledger.Ledger, out io.Writer) error {
	void := 0
	for _, o := range j.contract.Objects {
		for part := range slices.Chunk(j.verdicts[o.Name], 500) {
			left, err := l.Judge(ctx, o.Name, part)
			if err != nil {
				return err
			}
			void += len(left)
		}
	}
	fmt.Fprintf(out, "Done: `accord sync` carries it across.\n")
	if void > 0 {
		return exit{exitIncomplete, fmt.Errorf("%d records changed meanwhile and were left alone: give the file again to see which", void)}
	}
	return nil
}
