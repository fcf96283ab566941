# The project's commands; what they do is in .ci/. PG=18 chooses another major version of Postgres than 15, and
# PG_CONFIG=/path/to/pg_config a server that was built from source.
SHELL := /bin/bash
export PG ?= 15

help:
	@echo 'make demo            a cluster with the demo application, and the gateway; make demo-stop ends them'
	@echo 'make test            every test; make check: format, lints, dependency directions'
	@echo 'make unit            the tests in src/; make unit TEST=name: those with that in their path'
	@echo 'make regress         the SQL regression tests; make regress TEST=name: one of them'
	@echo 'make regress-accept  takes the last run'"'"'s results as expected'
	@echo 'make sessions        the programs of several sessions; make sessions TEST=cursor: one of them;'
	@echo '                     make sessions TEST=cursor PART=serializable: parts with that in their name'
	@echo 'make soak            the tests on random schemas, frames and disturbances at full size: minutes; ORACLE_SCHEMAS=1000: more of them'
	@echo 'make postgres-suites Postgres'"'"'s own regression and isolation tests with every table captured: before a release'
	@echo 'make bench           the measured claims; make bench BENCH=name: one of them'
	@echo 'make package         a .tar.gz and a .deb for one version of Postgres (PG=16, or PG_CONFIG=/path/to/pg_config)'
	@echo 'make install PG_CONFIG=/path/to/pg_config   builds for that server and installs there'

check:
	@.ci/check

test:
	@.ci/test

unit:
	@.ci/prepare
	@.ci/unit $(TEST)

regress:
	@.ci/prepare
	@.ci/install dev "$$(. .ci/env && server_bin pg)/pg_config"
	@.ci/cluster start regress pg fsync=off
	@eval "$$(.ci/cluster env regress)" && .ci/regress $(TEST); status=$$?; .ci/cluster stop regress; exit $$status

regress-accept:
	@.ci/regress --accept

ifdef PART
sessions: export PGREALTIME_PART = $(PART)
endif
sessions:
	@.ci/prepare
	@.ci/install dev "$$(. .ci/env && server_bin pg)/pg_config"
	@.ci/sessions $(TEST)

soak: export ORACLE_SCHEMAS ?= 200
soak: export PGREALTIME_SECONDS ?= 300
soak: export GATEWAY_CLIENTS ?= 100
soak: export GATEWAY_SECONDS ?= 300
soak: export GATEWAY_HOSTILE_SOCKETS ?= 2000
soak: export GATEWAY_HOSTILE_MESSAGES ?= 100000
soak:
	@.ci/prepare
	@.ci/install dev "$$(. .ci/env && server_bin pg)/pg_config"
	@.ci/sessions oracle neighbours gateway_oracle gateway_hostile
	@PGREALTIME_FUZZ_SECONDS=$${PGREALTIME_FUZZ_SECONDS:-60} cargo test --quiet --locked -p pgrealtime-gateway --test codec_fuzz -- --nocapture

postgres-suites:
	@.ci/prepare
	@.ci/install dev "$$(. .ci/env && server_bin pg)/pg_config"
	@.ci/postgres-suites $(TEST)

bench:
	@.ci/bench $(BENCH)

demo:
	@demo/demo.sh

demo-stop:
	@demo/background.sh stop
	@.ci/cluster stop demo

package:
	@.ci/package $(PG_CONFIG)

install:
	@.ci/install dist "$(or $(PG_CONFIG),$(error say for which server: make install PG_CONFIG=/path/to/pg_config))"

.PHONY: help check test unit regress regress-accept sessions soak postgres-suites bench demo demo-stop install package
