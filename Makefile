# Every target installs what it needs first (npm ci), and runs on the Node 24 that npm installs here.
SHELL := /bin/sh
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# What Node strips and compiles, it keeps: a service starts in a third of the time.
export NODE_COMPILE_CACHE ?= $(CURDIR)/.pressferry/cache/compile
.DEFAULT_GOAL := help

.PHONY: help install up demo clean test test-all check fix proto docs chart-test chart-test-live alerts-live images sbom fuzz contract chaos bench-ingress bench-pipeline bench-plugin bench-enrolment plugin-zip plugin-languages

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install the npm packages of package-lock.json, if they are not there
	@node scripts/install.mjs

up: install ## Start the whole stack in the foreground; Ctrl-C stops it (ARGS="--replicas ingress=3")
	@node packages/devstack/src/main.ts up $(ARGS)

demo: install ## Start the stack and a WordPress, publish a post, show its way there and back (ARGS=--once ends afterwards)
	@node packages/devstack/src/main.ts demo $(ARGS)

clean: install ## Remove the data of `up` and `demo`; downloads stay
	@node packages/devstack/src/main.ts clean $(ARGS)

test: install ## Run every lane of tests (LANES="check services" runs some of them)
	@node tests/run.ts $(LANES)

test-all: install ## Run every lane, the slow one too: the plugin through an outage (in earnest: OUTAGE_MINUTES=10)
	@node tests/run.ts check units services wordpress end-to-end slow

check: install ## Check types, lint, format, protobuf, and that generated files are up to date
	@node tests/run.ts check

fix: install ## Format the code and repair what the linter can
	@biome check --write .

proto: install ## Generate TypeScript from proto/, the test vectors, and the plugin's share of the wire
	@node proto/generate.ts && node proto/vectors/generate.ts && node wordpress/generate.ts

docs: install ## Generate the tables of docs/, and the chart's schema and README, from the code
	@node scripts/docs.ts && node scripts/chart.ts

chart-test: install ## Test the chart, its alerts and their runbooks; needs helm and promtool, and says so
	@node --test tests/chart/*.test.ts tests/repository/alerts.test.ts

chart-test-live: install ## Install, upgrade, roll back and uninstall the chart on the cluster of KUBECONFIG (an API server without nodes will do); a few minutes
	@node --test --test-timeout=600000 tests/chart/live/chart.live.ts

alerts-live: install ## Provoke faults on a running stack and watch the alerts tell of them; needs Prometheus and Alertmanager; a quarter of an hour
	@node --test --test-timeout=1200000 tests/operations/live/alerts.live.ts

images: install ## Build the image with buildah and try it: every service, an event and its result (ARGS="--base IMAGE --runtime IMAGE")
	@node scripts/images/main.ts $(ARGS)

sbom: install ## Write the software bill of materials of the image, CycloneDX, to sbom.cdx.json
	@node scripts/images/sbom.ts

fuzz: install ## Fuzz ingress for five minutes (ARGS="--seconds 30")
	@node services/ingress/fuzz/main.ts $(ARGS)

contract: install ## Run Schemathesis (installed from PyPI) against an ingress of its own
	@node tests/contract/schemathesis.ts $(ARGS)

chaos: install ## Break a whole stack in every way we know, and prove that nothing is lost; ten minutes (ARGS=--quick)
	@node tests/chaos/main.ts $(ARGS)

bench-plugin: install ## Measure what the plugin costs a visitor, and how fast it sends; writes bench/results/plugin.json (ARGS=--quick)
	@node wordpress/bench/main.ts $(ARGS)

plugin-zip: install ## Make the plugin's archives in dist/: to upload, as a must-use plugin for fleets, as a Playground blueprint
	@node wordpress/package/archive.ts dist

plugin-languages: install ## Write the plugin's .pot from its sources, bring the translations up to it and compile them
	@node wordpress/package/languages.ts

bench-enrolment: install ## Enrol 500 sites by script against a stack of its own (ARGS="--sites 50 --rsa")
	@node bench/enrolment/main.ts $(ARGS)

bench-ingress: install ## Measure what an event costs ingress and NATS; writes bench/results/ingress.json
	@node bench/ingress/main.ts $(ARGS)

bench-pipeline: install ## Measure the whole journey, from event to acknowledgement; writes bench/results/pipeline.json (ARGS=--quick)
	@node bench/pipeline/main.ts $(ARGS)
