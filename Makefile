# Everything that is checked, and how. CI calls `make test` and nothing else.

LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME ?= 10s
export TOLLGATE_CRASH_ROUNDS ?= 20

.PHONY: help
help: ## print this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

.PHONY: build
build: ## build bin/tollgate
	CGO_ENABLED=0 go build -trimpath -o bin/tollgate ./cmd/tollgate

.PHONY: test
test: format vet install lint race modules fuzz ## everything that CI checks

.PHONY: format
format: ## fail if a file is not formatted
	@bad=$$(gofmt -l admin cmd metrics proxy tokens); if [ -n "$$bad" ]; then echo "not formatted:"; echo "$$bad"; exit 1; fi

.PHONY: vet
vet: ## go vet
	go vet ./...

.PHONY: install
install: ## install what the tests need from the machine
	.ci/install
	cmd/tollgate/bench/install.sh

.PHONY: lint
lint: ## golangci-lint, at a pinned version
	$(LINT) run ./...

.PHONY: race
race: ## all tests, with the race detector; vet has its own target
	go test -race -vet=off -timeout 20m ./...

# Tests with dependencies of their own are modules of their own. Those that run the
# program are always run: go test cannot see that it changed. The contract of stores is
# played once with etcd, by storetest.
.PHONY: modules
modules: ## the tests in a browser, of the image, with S3 programs, with etcd and with AWS's signer
	cd cmd/tollgate/browsertest && go vet ./... && go test -count=1 ./...
	cd cmd/tollgate/packagingtest && go vet ./... && go test -count=1 ./...
	cd cmd/tollgate/s3test && go vet ./... && go test -count=1 ./...
	cd cmd/tollgate/clustertest && go vet ./... && go test -count=1 -timeout 20m . ./members ./model ./process ./storetest && go test -count=1 -short ./enginetest
	cd proxy/sigv4/sdktest && go vet ./... && go test ./...

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME
	.ci/fuzz $(FUZZTIME)

.PHONY: soak
soak: ## the long forms: 200 crashes, 30 minutes a fuzz target, the tests 20 times, 20 rounds of several gateways
	TOLLGATE_CRASH_ROUNDS=200 go test -race -count=1 -timeout 60m -run Crash ./tokens/badgerstore ./cmd/tollgate
	go test -race -count=20 -timeout 120m ./...
	cd cmd/tollgate/clustertest && TOLLGATE_CLUSTER_ROUNDS=20 go test -count=1 -timeout 4h ./...
	.ci/fuzz 30m 30m

.PHONY: bench
bench: ## requests per second beside nginx and haproxy, S3 beside the storage alone, memory, many tokens, and the check by itself
	cmd/tollgate/bench/install.sh
	go run ./cmd/tollgate/bench
	go test -run '^$$' -bench . -benchmem ./proxy/... ./tokens/...
