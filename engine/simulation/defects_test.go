package simulation

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
		`case doubt:`,
		`case doubt && planted == "a lost create is repeated unseen":
			outcomes[i] = ledger.Outcome{IntentID: in.ID, Retry: &ledger.Retry{At: p.cfg.Clock(), Error: "planted"}}
		case doubt:`},
	{"a repetition gets a new key", []string{"no duplicates"}, "pipeline/recover.go",
		`return true, p.send(ctx, o, side, b, b.Sent)`,
		"if planted == \"a repetition gets a new key\" { b.Key += b.ID + age.String() }\nreturn true, p.send(ctx, o, side, b, b.Sent)"},
	{"a locked row counts as written", []string{"agreement", "no lost edit"}, "pipeline/deliver.go",
		`if r.Err == nil {`,
		`if r.Err == nil || planted == "a locked row counts as written" && in.Op == record.Update && provider.KindOf(r.Err) == provider.Locked {`},
	{"a passing failure stops the sync", []string{"stays up"}, "pipeline/stall.go",
		`errors.Is(err, ledger.ErrLaneLost) || !errors.As(err, &e) {`,
		`errors.Is(err, ledger.ErrLaneLost) || !errors.As(err, &e) || planted == "a passing failure stops the sync" && passing(err) {`},
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
	{"everybody gets the lane", []string{"fencing", "no duplicates", "no lost edit", "economy", "triggers once", "agreement", "audit", "conservation"}, "ledger/lane.go",
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
		`if have.Written && (o.Ours || o.Full && have.echoes(rec, name, v)) {`,
		`if have.Written && (o.Ours || o.Full && have.echoes(rec, name, v)) && planted != "a vendor's spelling is taken for an edit" {`},
	{"a vendor's spelling is taken for an edit", nil, "ledger/seen.go",
		`if have.Written && !have.Value.Equal(v) && have.echoes(rec, name, v) {`,
		`if have.Written && !have.Value.Equal(v) && have.echoes(rec, name, v) && planted != "a vendor's spelling is taken for an edit" {`},
	{"the intent is skipped", []string{"no duplicates"}, "ledger/dispatch.go",
		"		if _, err := t.execAmong(`UPDATE intent SET state = 'sent'",
		"		if planted == \"the intent is skipped\" { ids = nil }\n		if _, err := t.execAmong(`UPDATE intent SET state = 'sent'"},
	{"base and seen are swapped", []string{"agreement", "no lost edit"}, "merge/field.go",
		"	return x\n}\n\n// gather", "	if planted == \"base and seen are swapped\" && x.based == [2]bool{true, true} && x.shown == x.based { x.base, x.seen = x.seen, x.base }\n	return x\n}\n\n// gather"},
	{"an event is dropped", []string{"acknowledged"}, "pipeline/capture.go",
		`c.Observations = append(c.Observations, ledger.Observation{
				Object: ch.Object,`,
		`if planted == "an event is dropped" && ch.Partial { continue }
			c.Observations = append(c.Observations, ledger.Observation{
				Object: ch.Object,`},
	{"an event is acknowledged before it is captured", []string{"acknowledged"}, "pipeline/capture.go",
		`		if err != nil {
			return fmt.Errorf("capture %d changes of %s: %w", len(changes), address, err)`,
		`		if planted == "an event is acknowledged before it is captured" { err = nil }
		if err != nil {
			return fmt.Errorf("capture %d changes of %s: %w", len(changes), address, err)`},
	{"a former holder writes on", []string{"fencing"}, "ledger/lane.go",
		`	for _, lane := range t.l.lanes {
`, `	for _, lane := range t.l.lanes {
		if planted == "a former holder writes on" { break }
`},
	{"the value that lost is not kept", []string{"conservation"}, "merge/field.go",
		`	r.unheal(c.Field)
	r.conflict(c)
`, `	r.unheal(c.Field)
	if planted != "the value that lost is not kept" { r.conflict(c) }
`},
	{"who left the scope counts as deleted", []string{"removals"}, "merge/bereave.go",
		`	if partner.State == record.Outside {
`, `	if partner.State == record.Outside && planted != "who left the scope counts as deleted" {
`},
	{"an action counts as done before it is called", []string{"triggers once"}, "pipeline/fire.go",
		`			result, err = p.act(`, `			if planted == "an action counts as done before it is called" {
				if err := h.ledger.SettleFiring(ctx, f, ledger.FiringOutcome{Done: true}); err != nil {
					return err
				}
			}
			result, err = p.act(`},
	{"guards are not asked", []string{"guards"}, "pipeline/guard.go",
		`		h := policy.Check(o.Guard, round)
`, `		h := policy.Check(o.Guard, round)
		if planted == "guards are not asked" { h = nil }
`},
	{"lost events are not counted", []string{"lost events"}, "ledger/tally.go",
		`at >= w.untold[0] && at < w.untold[1] {`, `at >= w.untold[0] && at < w.untold[1] && planted != "lost events are not counted" {`},
	{"a revert runs over later edits", []string{"revert"}, "pipeline/revert.go",
		`case !f.Now.Equal(f.After) && !(f.Now.Alike(f.After) && now.OriginOf(name).Ours):`, `case !f.Now.Equal(f.After) && planted != "a revert runs over later edits":`},
	{"a person's word is not kept", []string{"a person's word"}, "pipeline/resolve.go",
		`	if env.awards, err = p.cfg.Ledger.Awards(ctx, pairsOf(work)); err != nil {
		return false, fmt.Errorf("read what operators decided about %s: %w", o.Name, err)
	}
`, `	if env.awards, err = p.cfg.Ledger.Awards(ctx, pairsOf(work)); err != nil {
		return false, fmt.Errorf("read what operators decided about %s: %w", o.Name, err)
	}
	if planted == "a person's word is not kept" { env.awards = nil }
`},
	{"a person's word holds for ever", []string{"a person's word"}, "pipeline/award.go",
		`!view(o, f, w, env, record.Left).Equal(a.Left) || !view(o, f, w, env, record.Right).Equal(a.Right) {`,
		`planted != "a person's word holds for ever" && (!view(o, f, w, env, record.Left).Equal(a.Left) || !view(o, f, w, env, record.Right).Equal(a.Right)) {`},
	{"who came back stays closed", []string{"agreement", "existence", "removals", "conservation"}, "ledger/capture.go",
		`case p.State == PairClosed && s.state == record.Live && before != record.Live:`,
		`case p.State == PairClosed && s.state == record.Live && before != record.Live && planted != "who came back stays closed":`},
	{"who waited is not woken", []string{"agreement", "conservation"}, "ledger/identity.go",
		"	_, err := w.execAmong(`UPDATE pending SET waits_for = ''",
		"	if planted == \"who waited is not woken\" { w.woken = nil }\n	_, err := w.execAmong(`UPDATE pending SET waits_for = ''"},
	{"what a sweep lists is read once more", []string{"bounded calls"}, "pipeline/backfill.go",
		`Side: side, Record: r, Full: true,`, `Side: side, Record: r, Full: true, Partial: planted == "what a sweep lists is read once more",`},
	{"what is held is decided again and again", []string{"converges"}, "pipeline/resolve.go",
		`	p.watchTriggers(o, w, env, &d, &r)
`, `	if planted == "what is held is decided again and again" && len(d.Conflicts) > 0 && r.RetryAt.IsZero() {
		r.RetryAt = p.cfg.Clock().Add(time.Minute)
	}
	p.watchTriggers(o, w, env, &d, &r)
`},
	{"a dead letter is retried twice", []string{"replay"}, "ledger/deadletter.go",
		"UPDATE deadletter SET state = $1, resolved_at = $2 WHERE id = $3 AND state = 'open'\n",
		"UPDATE deadletter SET state = $1, resolved_at = $2 WHERE id = $3 AND (state = 'open'` + map[bool]string{true: ` OR 1 = 1`}[planted == \"a dead letter is retried twice\"] + `)\n"},
}

// firstSeeds are tried first, for speed: each caught its defect before. The others follow where one does so no more.
var firstSeeds = map[string]uint64{
	"held fields are written":                        9,
	"equal values are written":                       2,
	"hidden counts as deleted":                       8,
	"a lost create is repeated unseen":               2,
	"a repetition gets a new key":                    3,
	"a locked row counts as written":                 3,
	"a passing failure stops the sync":               2,
	"the watermark moves too far":                    4,
	"what arrives last wins":                         19,
	"failures for good are forgotten":                6,
	"a write is sent that a newer edit overtook":     133,
	"a change in hand is taken off":                  20,
	"values are carried while they are typed":        4,
	"fights go on":                                   22,
	"each try of an action is a new one":             14,
	"actions that fail are forgotten":                10,
	"unanswered calls are not audited":               3,
	"an outcome counts before its call is audited":   4,
	"a vendor's spelling is taken for an edit":       6,
	"the intent is skipped":                          16,
	"an event is acknowledged before it is captured": 2,
	"who left the scope counts as deleted":           6,
	"an action counts as done before it is called":   3,
	"guards are not asked":                           3,
	"lost events are not counted":                    2,
	"a person's word is not kept":                    5,
	"a person's word holds for ever":                 5,
	"who came back stays closed":                     50,
	"who waited is not woken":                        7,
	"what is held is decided again and again":        2,
	"a dead letter is retried twice":                 4,
}
