package simulation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A defect is planted in the engine by changing its source for one build of this test: the engine itself carries no
// switch for it. All defects are in one build, and an environment variable chooses one.
type defect struct {
	name    string
	oracles []string // any of these must catch it
	file    string   // below engine
	old     string   // stands there once
	new     string   // "planted" stands for the chosen defect's name
}

var defects = []defect{
	{"ownership is ignored", []string{"ownership"}, "merge/resolve.go",
		`r.owned(x, record.Side(f.Owner&1))`,
		`if planted == "ownership is ignored" { r.either(x) } else { r.owned(x, record.Side(f.Owner&1)) }`},
	{"the older edit wins", []string{"no lost edit"}, "merge/field.go",
		`if x.edits[record.Right] > x.edits[record.Left] && x.edits[record.Left] > 0 {`,
		`if (planted == "the older edit wins") != (x.edits[record.Right] > x.edits[record.Left] && x.edits[record.Left] > 0) {`},
	{"held fields are written", []string{"no lost edit"}, "merge/field.go",
		`case contract.ConflictHold:`,
		"case contract.ConflictHold:\nif planted == \"held fields are written\" { break }"},
	{"equal values are written", []string{"economy", "at rest"}, "merge/field.go",
		`if previous != nil && equal(want, previous) {`,
		`if previous != nil && equal(want, previous) && planted != "equal values are written" {`},
	{"drift is let be", []string{"agreement"}, "merge/field.go",
		`case x.field.OnDrift == contract.DriftIgnore:`,
		`case x.field.OnDrift == contract.DriftIgnore || planted == "drift is let be":`},
	{"hidden counts as deleted", []string{"removals"}, "merge/resolve.go",
		`gone[s] = seen != nil && (seen.State == record.Archived || seen.State == record.Deleted)`,
		`gone[s] = seen != nil && (seen.State == record.Archived || seen.State == record.Deleted || planted == "hidden counts as deleted" && seen.State == record.Missing)`},
	{"the condition is not asked", []string{"existence"}, "merge/create.go",
		`if !qualified {`, `if !qualified && planted != "the condition is not asked" {`},
	{"the key column is forgotten", []string{"no duplicates"}, "merge/create.go",
		`Key: r.in.Seen[source].ID, Fields: record.Fields{}}`,
		`Key: map[bool]string{false: r.in.Seen[source].ID}[planted == "the key column is forgotten"], Fields: record.Fields{}}`},
	{"a lost create is repeated unseen", []string{"no duplicates"}, "pipeline/deliver.go",
		`if doubt {`,
		`if doubt && planted == "a lost create is repeated unseen" {
			outcomes[i] = ledger.Outcome{IntentID: in.ID, Retry: &ledger.Retry{At: p.cfg.Clock(), Error: "planted"}}
		} else if doubt {`},
	{"a repetition gets a new key", []string{"no duplicates"}, "pipeline/recover.go",
		`return true, p.send(ctx, o, side, b, b.Sent)`,
		"if planted == \"a repetition gets a new key\" { b.Key += b.ID + age.String() }\nreturn true, p.send(ctx, o, side, b, b.Sent)"},
	{"a locked row counts as written", []string{"agreement", "no lost edit"}, "pipeline/deliver.go",
		`if r.Err == nil {`,
		`if r.Err == nil || planted == "a locked row counts as written" && in.Op == record.Update && provider.KindOf(r.Err) == provider.Locked {`},
	{"a passing failure stops the sync", []string{"stays up"}, "pipeline/pipeline.go",
		`return kind.Retriable() || kind == provider.Unknown`,
		`return (kind.Retriable() || kind == provider.Unknown) && planted != "a passing failure stops the sync"`},
	{"the watermark moves too far", []string{"agreement", "existence", "removals"}, "pipeline/backfill.go",
		`since = record.Version(n)`,
		"since = record.Version(n)\nif planted == \"the watermark moves too far\" { since += 30_000 }"},
	{"the base moves before confirmation", []string{"agreement", "no lost edit"}, "ledger/resolve.go",
		`for _, c := range r.Conflicts {
		c.Object, c.PairID = p.Object, p.ID`,
		`if planted == "the base moves before confirmation" {
		for _, i := range r.Intents {
			for _, side := range record.Sides {
				if i.Agreed[side] != nil {
					p.Base[side], p.changed = merged(p.Base[side], i.Agreed[side]), true
				}
			}
		}
	}
	for _, c := range r.Conflicts {
		c.Object, c.PairID = p.Object, p.ID`},
	{"what arrives last wins", []string{"agreement", "no lost edit", "economy", "ownership"}, "ledger/seen.go",
		`	case version < have.Version:
		return false, false`,
		`	case version < have.Version && planted != "what arrives last wins":
		return false, false`},
	{"failures for good are forgotten", []string{"agreement", "existence", "removals"}, "ledger/settle.go",
		`s.dead = append(s.dead, d)`,
		`if planted != "failures for good are forgotten" { s.dead = append(s.dead, d) }`},
	{"a write is sent that a newer edit overtook", []string{"no lost edit"}, "ledger/capture.go",
		`if p.stored {`,
		`if p.stored && planted != "a write is sent that a newer edit overtook" {`},
	{"a change in hand is taken off", []string{"agreement", "no lost edit", "existence", "removals"}, "ledger/resolve.go",
		`p.gen != r.Gen`, `p.gen != r.Gen && planted != "a change in hand is taken off"`},
	{"a retry loses its write", []string{"conservation", "agreement", "existence", "removals"}, "ledger/settle.go",
		`	case o.Retry != nil:
`, `	case o.Retry != nil && planted == "a retry loses its write":
		_, err := s.exec("DELETE FROM intent WHERE id = $1", i.ID)
		return err
	case o.Retry != nil:
`},
	{"links are not written", []string{"agreement"}, "merge/resolve.go",
		`if r.in.Object.Ends[s].Key.Name == ""`,
		`if planted == "links are not written" || r.in.Object.Ends[s].Key.Name == ""`},
	{"values are carried while they are typed", []string{"settle"}, "pipeline/resolve.go",
		`unsettled, rested := p.unsettled(o, w)`,
		"unsettled, rested := p.unsettled(o, w)\nif planted == \"values are carried while they are typed\" { unsettled = nil }"},
	{"fights go on", []string{"fights end"}, "pipeline/fight.go",
		`if n < fightRounds {`, `if n < fightRounds || planted == "fights go on" {`},
	{"each try of an action is a new one", []string{"triggers once"}, "pipeline/fire.go",
		`sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", f.Trigger, f.Occurrence, f.Began.UnixMilli()))`,
		`sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", f.Trigger, f.Occurrence, f.Began.UnixMilli()+int64(map[bool]int{true: f.Attempts}[planted == "each try of an action is a new one"])))`},
	{"triggers forget what they saw", []string{"triggers once"}, "pipeline/trigger.go",
		"	r.Saw = after\n", "	if r.Saw = after; planted == \"triggers forget what they saw\" { r.Saw = nil }\n"},
	{"actions that fail are forgotten", []string{"triggers once"}, "pipeline/fire.go",
		`p.cfg.Logger.Error("dead letter", "trigger"`,
		"if planted == \"actions that fail are forgotten\" { return ledger.FiringOutcome{Done: true} }\np.cfg.Logger.Error(\"dead letter\", \"trigger\""},
	{"unanswered calls are not audited", []string{"audit"}, "ledger/auditlog.go",
		`if err != nil || found {`, `if err != nil || found || planted == "unanswered calls are not audited" {`},
	{"an outcome counts before its call is audited", []string{"audit"}, "pipeline/deliver.go",
		`if err := p.cfg.Audited(ctx); err != nil {`,
		`if planted == "an outcome counts before its call is audited" { return nil }
	if err := p.cfg.Audited(ctx); err != nil {`},
	{"everybody gets the lane", []string{"no duplicates", "no lost edit", "economy", "triggers once", "agreement", "audit", "conservation"}, "ledger/lane.go",
		"WHERE lane.lease_until <= $4 OR lane.lease_by = excluded.lease_by\n",
		"WHERE lane.lease_until <= $4 OR lane.lease_by = excluded.lease_by` + map[bool]string{true: ` OR 1 = 1`}[planted == \"everybody gets the lane\"] + `\n"},
	{"everybody gets the lane", nil, "ledger/lane.go",
		`if !found || token != lane.Token || until <= t.now {`,
		`if planted != "everybody gets the lane" && (!found || token != lane.Token || until <= t.now) {`},
	{"a change wakes nothing", []string{"conservation"}, "ledger/capture.go",
		`w.enqueue(p, c.Priority, notBefore, "changed")`,
		`if planted != "a change wakes nothing" || !p.stored || observations[i].Full { w.enqueue(p, c.Priority, notBefore, "changed") }`},
	{"an interrupted load is sent anew", []string{"no duplicates"}, "pipeline/recover.go",
		`p.cfg.Logger.Info("take up an unanswered load again"`,
		"if planted == \"an interrupted load is sent anew\" { b.Key += age.String() }\np.cfg.Logger.Info(\"take up an unanswered load again\""},
	{"a vendor's spelling is taken for an edit", []string{"economy"}, "ledger/seen.go",
		`if have.Written && (o.Ours || o.Full && version <= have.Version) {`,
		`if have.Written && (o.Ours || o.Full && version <= have.Version) && planted != "a vendor's spelling is taken for an edit" {`},
}

// chosen is the variable that chooses a defect in a build that has them.
const chosen = "ACCORD_PLANTED"

func TestOraclesCatchPlantedDefects(t *testing.T) {
	if os.Getenv(chosen) != "" {
		t.Skip("this is the build with the defects")
	}
	list := defects
	switch only := os.Getenv("PLANTED"); only {
	case "all":
	case "":
		list = list[:3]
		t.Logf("three of %d defects: PLANTED=all takes all of them", len(defects))
	default:
		list = slices.DeleteFunc(slices.Clone(list), func(d defect) bool { return !strings.Contains(d.name, only) })
	}
	if testing.Short() {
		t.Skip("building with defects takes a while")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go command is not there to build with defects")
	}
	list = slices.CompactFunc(list, func(a, b defect) bool { return a.name == b.name }) // in several places
	binary := plant(t, tool)
	var table strings.Builder
	fmt.Fprintf(&table, "%-42s %-20s %6s %8s\n", "defect", "caught by", "seeds", "seconds")
	for _, d := range list {
		begun := time.Now()
		cmd := exec.CommandContext(t.Context(), binary, "-test.run", "^TestUntilCaught$", "-test.v")
		cmd.Env = append(os.Environ(), chosen+"="+d.name, "ORACLES="+strings.Join(d.oracles, ","))
		if d.name == defects[0].name {
			cmd.Env = append(cmd.Env, "SHRINK=1")
		}
		out, err := cmd.CombinedOutput()
		verdict := "NOT CAUGHT"
		for line := range strings.Lines(string(out)) {
			if _, v, ok := strings.Cut(line, "verdict: "); ok {
				verdict = strings.TrimSpace(v)
			}
		}
		oracle, seeds, caught := strings.Cut(verdict, "/")
		if err != nil || !caught {
			t.Errorf("%s: %s, %v\n%s", d.name, verdict, err, out[max(0, len(out)-3000):])
		}
		fmt.Fprintf(&table, "%-42s %-20s %6s %8.1f\n", d.name, oracle, seeds, time.Since(begun).Seconds())
	}
	fmt.Print(table.String())
}

// plant builds this test with all defects, and none in force unless it is chosen.
func plant(t *testing.T, tool string) string {
	t.Helper()
	engine, changed := defective(t)
	dir := t.TempDir()
	replace := map[string]string{}
	for file, source := range changed {
		at := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(at, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(engine, file)] = at
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "simulation.test")
	if out, err := exec.CommandContext(t.Context(), tool, "test", "-c", "-overlay", file, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build with defects: %v\n%s", err, bytes.TrimSpace(out))
	}
	return binary
}

// TestEveryDefectFits finds the places of all defects: after a change of the engine, somebody must say where one belongs now.
func TestEveryDefectFits(t *testing.T) {
	if _, changed := defective(t); len(changed) < 2 {
		t.Errorf("%d files have defects", len(changed))
	}
}

// defective is the engine's folder, and those of its files that have defects, with them.
func defective(t *testing.T) (engine string, changed map[string]string) {
	t.Helper()
	engine, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	changed = map[string]string{}
	for _, d := range defects {
		if changed[d.file] == "" {
			source, err := os.ReadFile(filepath.Join(engine, d.file))
			if err != nil {
				t.Fatal(err)
			}
			changed[d.file] = string(source)
		}
		if n := strings.Count(changed[d.file], d.old); n != 1 {
			t.Fatalf("defect %q no longer fits engine/%s: %q stands there %d times; say where it belongs now", d.name, d.file, d.old, n)
		}
		changed[d.file] = strings.Replace(changed[d.file], d.old, d.new, 1)
		pkg := filepath.Dir(d.file)
		changed[pkg+"/planted.go"] = "package " + pkg + "\n\nimport \"os\"\n\nvar planted = os.Getenv(\"" + chosen + "\")\n"
	}
	return engine, changed
}

// TestUntilCaught runs seeds until an oracle that should catch the chosen defect does.
func TestUntilCaught(t *testing.T) {
	if os.Getenv(chosen) == "" {
		t.Skip("for the build with defects only")
	}
	oracles := strings.Split(os.Getenv("ORACLES"), ",")
	others := map[string]int{}
	for seed := uint64(1); seed <= 200; seed++ {
		r := play(t, Options{Seed: seed})
		for _, v := range r.Violations {
			if slices.Contains(oracles, v.Oracle) {
				t.Logf("%s", tell(r, 0))
				t.Logf("verdict: %s/%d", v.Oracle, seed)
				if os.Getenv("SHRINK") != "" {
					r.Violations = []Violation{v}
					shrinks(t, r)
				}
				return
			}
			others[v.Oracle]++
		}
	}
	t.Errorf("verdict: not caught in 200 seeds; other oracles: %v", others)
}
