# Go alone is needed. PostgreSQL, Node and Chromium are used where they are found; what needs them says so when it is skipped.

GO ?= go
BIN := bin/accord
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c

.PHONY: help build demo test race lint storm simulate-emulated simulate simulate-long simulate-planted laws bench fuzz golden generate clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/accord
	@mkdir -p bin
	$(GO) build -trimpath -o $(BIN) ./cmd/accord

demo: build ## The whole story on emulated vendors: plan, apply, first sync, edits both ways
	./$(BIN) demo

test: ## Vet and run all tests
	$(GO) vet ./...
	$(GO) test -timeout 20m ./...

race: ## All tests under the race detector
	$(GO) test -race -timeout 40m ./...

lint: ## What CI checks about the form of the code
	@unformatted=$$(gofmt -l cmd engine providers examples); if [ -n "$$unformatted" ]; then echo "gofmt these files:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# Run in its own folder, a test prints what it has to say when it passes, too.
SIMULATION = cd engine/simulation && SEED=$(SEED) SEEDS=$(SEEDS) FROM=$(FROM) STEPS=$(STEPS) SKIP=$(SKIP) WITHOUT=$(WITHOUT) TWICE=$(TWICE) PLANTED="$(or $(PLANTED),all)" $(GO) test -count=1 -timeout 240m

simulate: ## Storms and quiets over in-memory vendors: SEEDS=500 for more, SEED=7 repeats one
	$(SIMULATION) -run '^(TestAgreementSurvivesTheStorm|TestASeedDecidesEverything)$$'

simulate-long: ## Ten thousand seeds
	$(MAKE) simulate SEEDS=10000

simulate-planted: ## Each planted defect, and the oracle that catches it
	$(SIMULATION) -run '^TestOraclesCatchPlantedDefects$$'

laws: ## The laws of lenses, of each pair of types and of merge, with the number of cases each was tried on
	@$(GO) test -count=1 -v ./engine/lens ./engine/merge -rapid.checks=1000 | awk '/passed [0-9]+ tests/ { n += $$5 } /^--- / && n { printf "%-6s %8d cases  %s\n", $$2, n, $$3; n = 0 } /^(FAIL|ok)/ { print }'
	@$(GO) test -count=1 -v -run '^TestPairs' ./cmd/accord -rapid.checks=1000 | grep -E '^(---|ok|FAIL)|pairs of types'

storm: ## Real processes, faults and kills, judged through the vendors' APIs: STORM=5m, LIVES=1 with merges and restores, LEDGER=sqlite for one worker, SEED=7 draws the same again
	STORM=$(or $(STORM),5m) SEED=$(SEED) LEDGER=$(LEDGER) LIVES=$(LIVES) $(GO) test -count=1 -v -timeout 240m -run '^TestStorm$$' ./cmd/accord

simulate-emulated: ## The same in virtual time, in one process: SEEDS=20, SEED=7 draws one again, STORM=10m
	SEED=$(SEED) SEEDS=$(SEEDS) STORM=$(STORM) $(GO) test -count=1 -v -timeout 240m -run '^TestRehearsal$$' ./cmd/accord/internal/rehearsal

bench: ## Benchmarks, with calls, points and allocations
	$(GO) test -run '^$$' -bench . -benchmem ./...

fuzz: ## Each fuzz target for a short while
	@for target in $$(grep -rho 'func Fuzz[A-Za-z0-9_]*' --include='*_test.go' cmd engine providers | awk '{print $$2}' | sort -u); do \
		pkg=$$(dirname $$(grep -rl "func $$target(" --include='*_test.go' cmd engine providers | head -1)); \
		echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime 15s ./$$pkg || exit 1; done

golden: ## Rewrite golden files from what the code does now
	UPDATE_GOLDEN=1 $(GO) test ./...

generate: ## Rebuild generated code
	$(GO) generate ./...

clean: ## Remove what was built
	rm -rf bin
