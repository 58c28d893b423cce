# fairlead: every command that a person or CI needs. `make help` lists them.
SHELL   := /bin/bash
GO      ?= go
BIN     := $(CURDIR)/bin
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LINT    := v2.15.0
DIRS    := cmd spec planner executor examples
PKGS    := ./...
export CGO_ENABLED ?= 0
export PATH := $(BIN):$(PATH)

APT   := containerd runc qemu-user-static containernetworking-plugins iptables docker-registry skopeo busybox-static ca-certificates jq curl gcc libc6-dev
TOOLS := github.com/containerd/containerd/v2/cmd/containerd \
         github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2 \
         github.com/containerd/containerd/v2/cmd/ctr \
         github.com/moby/buildkit/cmd/buildkitd \
         github.com/moby/buildkit/cmd/buildctl

.PHONY: help deps build fairlead demo demo-clean test test-race test-plain test-full bench lint fmt check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install what is missing of Debian's packages
	@missing=; for p in $(APT); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

fairlead: ## build fairlead alone into ./bin
	@mkdir -p $(BIN)
	$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN)/ ./cmd/fairlead

# The tools are built again only when the versions in go.mod change.
$(BIN)/.tools: go.mod go.sum
	@mkdir -p $(BIN)
	$(GO) build -trimpath -ldflags '-s -w' -tags 'no_btrfs no_zfs no_devmapper' -o $(BIN)/ $(TOOLS)
	@touch $@

build: $(BIN)/.tools fairlead ## build fairlead, and containerd and buildkit of go.mod's versions, into ./bin

demo: deps build ## see it work: plan, apply, a request, an edit, on a private containerd
	@examples/demo/run

demo-clean: ## take away all that the demo made
	@examples/demo/clean

# The race detector is where goroutines are. The scripts' fairlead has it in test-full: with it they take more than twice as long.
RACE  := ./executor/...
PLAIN := ./spec/... ./planner/... ./cmd/... ./examples/...

test: deps build ## vet, unit tests, every script on containerd 2.4 and those that differ there on 1.6
	@test -z "$$(gofmt -l $(DIRS))" || { echo "not formatted, see make fmt:"; gofmt -l $(DIRS); exit 1; }
	$(GO) vet $(PKGS)
	@$(MAKE) --no-print-directory -j2 test-race test-plain

# Both halves wait a lot, so they are run side by side.
test-race:
	CGO_ENABLED=1 $(GO) test -race -timeout 30m $(RACE)

test-plain:
	$(GO) test -parallel 4 -timeout 40m $(PLAIN)

test-full: APT += mmdebstrap arch-test
test-full: deps build ## what test runs, all of it on both with the race detector, and what takes longer
	CGO_ENABLED=1 FAIRLEAD_TEST_FULL=1 $(GO) test -race -count=1 -timeout 90m $(RACE) ./cmd/... ./examples/...
	FAIRLEAD_TEST_FULL=1 $(GO) test -count=1 -timeout 20m ./spec/... ./planner/...

bench: deps build ## the speed figures, as ratios to a floor of raw client calls
	$(GO) test -run '^$$' -bench . -benchtime 1x ./spec/... ./planner/... ./executor/build/... ./cmd/...

$(BIN)/golangci-lint:
	GOBIN=$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT)

lint: $(BIN)/golangci-lint ## run the linters
	$(BIN)/golangci-lint run $(PKGS)

fmt: ## format the Go files
	@gofmt -l -w $(DIRS)

check: lint ## what must be green before a commit
	@test -z "$$(gofmt -l $(DIRS))" || { gofmt -l $(DIRS); exit 1; }
	$(GO) vet $(PKGS)
