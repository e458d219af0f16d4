# The commands of this repository. `make` lists them.

# Prepared machines set HOME to nothing or to a folder that cannot be written; Go and Chromium need one that can.
ifeq ($(shell test -n "$$HOME" && test -w "$$HOME" && echo yes),)
export HOME := $(or $(TMPDIR),/tmp)/tsunagu-home
$(shell mkdir -p "$(HOME)")
endif
# Without this a checkout that belongs to another user cannot be built. `make build` names the commit itself.
export GOFLAGS := $(filter-out -buildvcs=%,$(GOFLAGS)) -buildvcs=false
# Screenshots of the pages, kept by the browser tests.
export TEST_ARTIFACTS ?= $(CURDIR)/test-artifacts

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 10s
BENCH       ?= .

.PHONY: help test install lint bench chaos fuzz pictures demo build clean

help: ## what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 16

test: install lint ## everything a change has to pass, on a fresh machine too
	$(GO) test -race -timeout 20m ./...

install: # PostgreSQL, Chromium, Japanese fonts and a C compiler, where they are missing and may be installed
	@.ci/install

lint: ## gofmt, go vet and staticcheck
	@files=$$($$($(GO) env GOROOT)/bin/gofmt -l .) && test -z "$$files" || { echo "gofmt would change:" $$files; exit 1; }
	$(GO) vet ./...
	@if $(GO) run $(STATICCHECK) -version >/dev/null 2>&1; \
	then echo "staticcheck ./..."; $(GO) run $(STATICCHECK) ./...; \
	else echo "staticcheck is left out: $(STATICCHECK) cannot be fetched"; fi

bench: ## the figures of the README against their yardsticks, a quarter of an hour; BENCH=regexp picks some
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 90m ./cmd/tsunagu

chaos: ## processes and databases killed under load, every fault of LINE for ten minutes, 10,000 histories of gifts
	CI=true CHAOS=long $(GO) test -run Chaos -timeout 90m -parallel 32 -v ./cmd/tsunagu
	CI=true CHAOS=long $(GO) test -run GiftHistories -timeout 30m -v ./store/ledger

fuzz: ## each fuzz target for FUZZTIME (10s)
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

pictures: ## the README's pictures, of the phone page in Chromium
	PICTURES=$(CURDIR)/docs $(GO) test -run 'TestPictures' -count=1 ./cmd/tsunagu

demo: ## the whole product here and now, without an account or a server
	$(GO) run ./cmd/tsunagu demo

build: ## bin/tsunagu, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -tags timetzdata \
		-ldflags "-s -w -X main.commit=$$(git rev-parse --short HEAD 2>/dev/null)" -o bin/tsunagu ./cmd/tsunagu

clean: ## removes what make made
	rm -rf bin test-artifacts
