# The steps of tests/run, which calls this. A step waits for what stands behind its colon, and runs beside all else; with
# ALONE it waits for nothing. Each is one command below tests/step, which keeps its log and how long it took.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
STEP := tests/step
CARGO_TEST := cargo test --locked
after = $(if $(ALONE),,$(1))

FAST := fmt shellcheck install deny clippy test doc
ALL := $(FAST) sandbox e2e charts images host

.PHONY: all fast tools $(ALL)
all: $(ALL)
fast: $(FAST)

tools:  ## what is missing on this machine
	@$(STEP) $@ tests/tools install

fmt: tools  ## cargo fmt --check
	@$(STEP) $@ cargo fmt --check -- --color never

shellcheck: tools  ## shellcheck on every script
	@$(STEP) $@ tests/tools shellcheck

install: tools  ## tests/install.sh, install.sh against stand-ins
	@$(STEP) $@ tests/install.sh

deny: tools  ## cargo deny: licences, duplicates, sources, and advisories where their database can be reached
	@$(STEP) $@ tests/tools deny

clippy: tools  ## cargo clippy, warnings are errors
	@$(STEP) $@ cargo clippy --all-targets --locked -- -D warnings

# Many of these wait for a server or a clock, and leave their core to others.
test: tools $(call after,clippy)  ## cargo test, everything that needs no cluster
	@$(STEP) $@ $(CARGO_TEST) --tests -- --test-threads=$$(($$(nproc) * 2))

# A link to what is private reads as plain text in the docs, and helps whoever reads the source.
doc: tools $(call after,clippy)  ## cargo doc, warnings are errors
	@RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" $(STEP) $@ cargo doc --locked --no-deps

# Much of it is waiting for downloads. Whatever the sandbox is called, the tests know its context by a user's name.
sandbox: tools  ## sandbox/up, a cluster for the tests
	@$(STEP) $@ tests/tools sandbox

# From here on, tests wait for pods. Those of these steps that use a cluster use different ones.
e2e: $(call after,sandbox $(FAST))  ## the end-to-end tests in that cluster
	@$(STEP) $@ $(CARGO_TEST) --test e2e -- --ignored --test-threads=1 $(or $(WINDLASS_E2E_ONLY),--skip _long_)

charts: $(call after,sandbox $(FAST))  ## helm lint, what the charts render, and corpora beside Helm and kubectl
	@$(STEP) $@ tests/tools charts

images: $(call after,sandbox $(FAST))  ## the contents of the platform's images
	@$(STEP) $@ sandbox/images/check

host: $(call after,$(FAST))  ## tests/sandbox.sh, that the host never notices a sandbox
	@$(STEP) $@ tests/sandbox.sh
