package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// chosen is the variable that chooses a defect in a build that has them.
const chosen = "ACCORD_PLANTED"

func TestOraclesCatchPlantedDefects(t *testing.T) {
	if os.Getenv(chosen) != "" {
		t.Skip("this is the build with the defects")
	}
	list := slices.CompactFunc(slices.Clone(defects), func(a, b defect) bool { return a.name == b.name }) // in several places
	all := len(list)
	switch only := os.Getenv("PLANTED"); only {
	case "all":
	case "":
		list = list[:3]
		t.Logf("three of %d defects: PLANTED=all takes all of them", all)
	default:
		list = slices.DeleteFunc(list, func(d defect) bool {
			return !slices.ContainsFunc(strings.Split(only, ","), func(part string) bool { return strings.Contains(d.name, part) })
		})
	}
	if testing.Short() {
		t.Skip("building with defects takes a while")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go command is not there to build with defects")
	}
	binary := plant(t, tool)
	const row = "%-48v %-16v %6v %6v %8v\n"
	fmt.Printf(row, "defect", "caught by", "seed", "tried", "seconds")
	var printing sync.Mutex
	var trials errgroup.Group
	trials.SetLimit(runtime.GOMAXPROCS(0))
	for _, d := range list {
		trials.Go(func() error {
			v := try(t.Context(), binary, d)
			if v.oracle == "" {
				v.oracle, v.err = "NOT CAUGHT", errors.Join(errors.New("no oracle caught it that should"), v.err)
			}
			printing.Lock()
			defer printing.Unlock()
			fmt.Printf(row, d.name, v.oracle, v.seed, v.tried, fmt.Sprintf("%.1f", v.took.Seconds()))
			if v.err != nil {
				t.Errorf("%s: %v\n%s", d.name, v.err, v.output[max(0, len(v.output)-3000):])
			}
			return nil
		})
	}
	if err := trials.Wait(); err != nil {
		t.Fatal(err)
	}
}

// verdict is what became of one defect.
type verdict struct {
	oracle      string // that caught it; empty = none
	seed, tried int
	took        time.Duration
	err         error
	output      string
}

// try runs the build with one of its defects in force.
func try(ctx context.Context, binary string, d defect) (v verdict) {
	begun := time.Now()
	cmd := exec.CommandContext(ctx, binary, "-test.run", "^TestUntilCaught$", "-test.v")
	cmd.Env = append(os.Environ(), chosen+"="+d.name, "ORACLES="+strings.Join(d.oracles, ","), fmt.Sprint("FIRST=", firstSeeds[d.name]))
	if d.name == defects[0].name {
		cmd.Env = append(cmd.Env, "SHRINK=1")
	}
	out, err := cmd.CombinedOutput()
	v.took, v.err, v.output = time.Since(begun), err, string(out)
	for line := range strings.Lines(v.output) {
		if _, text, ok := strings.Cut(line, caught); ok {
			parts := strings.Split(strings.TrimSpace(text), "/")
			v.oracle = parts[0]
			_, v.err = fmt.Sscan(strings.Join(parts[1:], " "), &v.seed, &v.tried)
			v.err = errors.Join(v.err, err)
		}
	}
	return v
}

// caught begins what the build with the defects says of the one that was chosen.
const caught = "caught by: "

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
	first := number(t, "FIRST", 0)
	for tried := range uint64(201) {
		seed := tried
		if tried == 0 {
			seed = first
		} else if seed == first {
			continue
		}
		if seed == 0 {
			continue
		}
		r := play(t, Options{Seed: seed})
		for _, v := range r.Violations {
			if slices.Contains(oracles, v.Oracle) {
				t.Logf("%s", tell(r, 0))
				t.Logf("%s%s/%d/%d", caught, v.Oracle, seed, max(1, tried))
				if os.Getenv("SHRINK") != "" {
					r.Violations = []Violation{v}
					shrinks(t, r)
				}
				return
			}
			others[v.Oracle]++
		}
	}
	t.Errorf("no oracle of %v in 200 seeds; others: %v", oracles, others)
}
