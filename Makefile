# orch: build, test and demo. `make help` explains the targets and knobs.
SHELL := /bin/bash
BUILD ?= build
DEBUG ?= 0
SANITIZE ?=
CC := gcc
VERSION := 0.1.0

# --- what the machine must have -------------------------------------------------------------------------------------
APT_PACKAGES := gcc make pkg-config libc6-dev libsqlite3-dev libjansson-dev libfyaml-dev libopenblas-dev liblapacke-dev \
	libxgboost-dev libgit2-dev libarchive-dev libxlsxwriter-dev nettle-dev libcmocka-dev git sqlite3 strace e2fsprogs zstd procps binutils util-linux bsdextrautils ca-certificates gnuplot-nox fonts-inter fonts-wqy-microhei
# DuckDB's library and header come from npm packages of one version line; the checksums pin them.
DUCKDB_LIBRARY := @duckdb/node-bindings-linux-x64@1.4.4-r.4
DUCKDB_LIBRARY_SHA512 := 8c14cbfd6bdfc312d3a056bfa551df4fa7a532d96d2469dcdf04aec590fd39f325b62b7d614755152dfbbc1150cd7313d59f0e5a3b528cc87eccf2b13b01cb1c
DUCKDB_HEADER := duckdb@1.4.4
DUCKDB_HEADER_SHA512 := 844249e61c9517454b8f776638ba6c5ab411d1bddde1892ab72826ea25178c72430e74aa83f5122b171be6abcdace84560f824b5ac94e9d5c2b603ea7269a9a2
DEPS := build/deps
DUCKDB_DIR ?= $(CURDIR)/$(DEPS)/duckdb

# --- flags ----------------------------------------------------------------------------------------------------------
PKGS := sqlite3 jansson libfyaml openblas lapacke xgboost libgit2 libarchive xlsxwriter nettle
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
ifeq ($(CI),true)
WARN += -Werror
endif
OPT := $(if $(filter 1,$(DEBUG)),-O0 -g3,-O2 -g1)
SAN := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all)
# No contraction and no fast-math: the same bits whatever the optimiser does around them.
CFLAGS_ALL = -std=c17 -D_GNU_SOURCE $(WARN) $(OPT) -ffp-contract=off -fno-math-errno -fvisibility=hidden $(SAN) \
	-I. -I$(BUILD)/generated -isystem $(DUCKDB_DIR)/include $(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(CFLAGS)
# DuckDB and XGBoost are loaded by their adapters when they are needed: a process that does not use them starts in half the time.
LIBS = $(shell pkg-config --libs $(filter-out xgboost,$(PKGS)) 2>/dev/null) -lm -lpthread -ldl

SOURCES := $(sort $(wildcard storage/base/*.c storage/*.c engines/*.c engines/*/*.c reports/*.c orchestrator/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/obj/%.o)
MAIN_OBJECT := $(BUILD)/obj/orchestrator/main.o
LIBRARY := $(BUILD)/liborch.a
ORCH := $(BUILD)/orch
HEADERS := $(sort $(wildcard storage/base/*.h storage/*.h engines/*.h engines/*/*.h reports/*.h orchestrator/*.h))

UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c tests/numeric/test_*.c))
UNIT_TESTS := $(UNIT_SOURCES:%.c=$(BUILD)/%)

.DEFAULT_GOAL := all
.PHONY: all deps demo test unit e2e crash crash-sweep drills fuzz fuzz-run broken-program check-asan asan-tests bench bench-deps check-layers check-headers format install clean help

all: deps $(ORCH) ## build build/orch, installing what is missing

# --- dependencies ---------------------------------------------------------------------------------------------------
deps: $(BUILD)/.apt-stamp $(DUCKDB_DIR)/lib/libduckdb.so

$(BUILD)/.apt-stamp: Makefile
	@mkdir -p $(@D)
	@missing=$$(for p in $(APT_PACKAGES); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || echo $$p; done); \
	command -v npm >/dev/null || [ -f $(DUCKDB_DIR)/lib/libduckdb.so ] || missing="$$missing npm"; \
	if [ -n "$$missing" ]; then \
		echo "installing:" $$missing; sudo=; [ $$(id -u) = 0 ] || sudo=sudo; \
		$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >$(BUILD)/apt.log 2>&1 \
			|| { tail -20 $(BUILD)/apt.log; exit 1; }; \
	fi
	@touch $@

$(DUCKDB_DIR)/lib/libduckdb.so:
	@bash .ci/fetch-duckdb $(DUCKDB_DIR) '$(DUCKDB_LIBRARY)' $(DUCKDB_LIBRARY_SHA512) '$(DUCKDB_HEADER)' $(DUCKDB_HEADER_SHA512)

# --- build ----------------------------------------------------------------------------------------------------------
# The version names orch's own build: its sources and compiler. A campaign started by another build is refused.
$(BUILD)/generated/version.h: $(SOURCES) $(HEADERS) Makefile
	@mkdir -p $(@D)
	@hash=$$({ cat $(SOURCES) $(HEADERS) Makefile; $(CC) --version; echo '$(OPT) $(SAN) $(CFLAGS)'; } | sha256sum | cut -c1-12); \
	printf '#define ORCH_VERSION "%s"\n#define ORCH_BUILD "%s"\n' $(VERSION) $$hash > $@.new; \
	cmp -s $@.new $@ || mv $@.new $@; rm -f $@.new; touch $@

# Engines are where the time goes.
$(BUILD)/obj/engines/%.o: OPT := $(if $(filter 1,$(DEBUG)),-O0 -g3,-O3 -g1)

$(BUILD)/obj/storage/duckdb_adapter.o: CFLAGS_ALL += -DORCH_DUCKDB_LIBRARY='"$(abspath $(DUCKDB_DIR))/lib/libduckdb.so"'
# The report's interactive charts: one script out of pinned npm packages, empty when they cannot be had.
$(BUILD)/generated/charts.js: reports/assets/charts.js reports/assets/package.json reports/assets/package-lock.json .ci/bundle-charts
	@.ci/bundle-charts reports/assets $(DEPS)/charts $@

$(BUILD)/obj/reports/charts.o: CFLAGS_ALL += -DORCH_CHARTS='"$(abspath $(BUILD))/generated/charts.js"'
$(BUILD)/obj/reports/charts.o: $(BUILD)/generated/charts.js

$(BUILD)/tests/numeric/test_xgboost_model $(BUILD)/tests/numeric/test_xgboost_memory: LIBS += -lxgboost

$(BUILD)/obj/%.o: %.c | $(BUILD)/.apt-stamp $(BUILD)/generated/version.h $(DUCKDB_DIR)/lib/libduckdb.so
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(LIBRARY): $(filter-out $(MAIN_OBJECT),$(OBJECTS))
	@rm -f $@; ar rcs $@ $^

$(ORCH): $(MAIN_OBJECT) $(LIBRARY)
	$(CC) $(SAN) $(LDFLAGS) $(MAIN_OBJECT) $(LIBRARY) $(LIBS) -o $@

$(BUILD)/tests/%: tests/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP $< $(LIBRARY) $(LIBS) -lcmocka -o $@

# --- checks ---------------------------------------------------------------------------------------------------------
check-layers: ## includes follow the arrows between the folders
	@.ci/check-layers --self-test && .ci/check-layers

check-headers: deps $(BUILD)/generated/version.h ## every header compiles on its own
	@.ci/check-headers --self-test && CC='$(CC)' FLAGS='$(CFLAGS_ALL)' .ci/check-headers $(HEADERS)

# --- demo -----------------------------------------------------------------------------------------------------------
DEMO := $(BUILD)/demo
demo: all ## run the main job on real data, then say where to look
	@rm -rf $(DEMO) && mkdir -p $(DEMO) && cp examples/diamonds/campaign.yaml examples/diamonds/diamonds.csv $(DEMO)/
	$(ORCH) plan $(DEMO)/campaign.yaml
	$(ORCH) start $(DEMO)/campaign.yaml
	@$(ORCH) show $(DEMO)/diamonds-campaign
	@$(ORCH) verify $(DEMO)/diamonds-campaign
	@echo
	@echo 'The campaign lies in $(DEMO)/diamonds-campaign. Open report/report.html in a browser,'
	@echo 'read summary.json, list a bundle (tar -tf bundles/round_000.tar.zst), or run: $(ORCH) status $(DEMO)/diamonds-campaign'

# --- tests ----------------------------------------------------------------------------------------------------------
E2E_TESTS := $(sort $(wildcard tests/e2e/test_*.sh))
TEST_ENV := ORCH=$(abspath $(ORCH)) ORCH_BROKEN=$(abspath $(BUILD)/broken/orch) BUILD=$(abspath $(BUILD))

CRASH_TESTS := $(filter-out tests/crash/lib.sh tests/crash/soak.sh,$(sort $(wildcard tests/crash/*.sh)))
CRASH_TOOLS := $(BUILD)/tests/crash/cut_power $(BUILD)/tests/crash/replay_power $(BUILD)/tests/crash/hostile.so

FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(filter-out tests/fuzz/fuzz_file.c,$(sort $(wildcard tests/fuzz/fuzz_*.c))))
FUZZ_REPLAYS := $(FUZZ_NAMES:%=$(BUILD)/tests/fuzz/replay_%)

test: all $(UNIT_TESTS) $(CRASH_TOOLS) $(FUZZ_REPLAYS) $(BUILD)/broken/orch ## everything that must pass: unit, numeric, end-to-end, a sample of the drills
	@$(MAKE) --no-print-directory check-layers
	@$(TEST_ENV) tests/run $(UNIT_TESTS) tests/fuzz/replay.sh $(E2E_TESTS) $(CRASH_TESTS)

unit: all $(UNIT_TESTS) ## unit and numeric tests only
	@$(TEST_ENV) tests/run $(UNIT_TESTS)

e2e: all ## end-to-end tests: the built program on small real data
	@$(TEST_ENV) tests/run $(E2E_TESTS)

crash: all $(CRASH_TOOLS) $(BUILD)/broken/orch ## a sample of the fault drills
	@$(TEST_ENV) $(if $(CRASH_POINTS),CRASH_POINTS=$(CRASH_POINTS)) tests/run $(CRASH_TESTS)

crash-sweep: all $(BUILD)/broken/orch ## killed at 240 of its durable steps, resumed each time
	@$(TEST_ENV) CRASH_POINTS=240 tests/run tests/crash/sweep.sh

DRILL_POINTS ?= 240
drills: all $(CRASH_TOOLS) $(BUILD)/broken/orch ## every fault drill at DRILL_POINTS=240 points, then random kills for SOAK_MINUTES=10
	@command -v mkfs.xfs >/dev/null && command -v mkfs.btrfs >/dev/null || DEBIAN_FRONTEND=noninteractive $(if $(filter 0,$(shell id -u)),,sudo) apt-get install -y -qq --no-install-recommends xfsprogs btrfs-progs >/dev/null || true
	@$(TEST_ENV) CRASH_POINTS=$(DRILL_POINTS) CUT_FS='ext4 xfs btrfs' FLIPS=1000 RESTORE_DENSITY=40 SOAK_MINUTES=$(or $(SOAK_MINUTES),10) tests/run $(CRASH_TESTS) tests/crash/soak.sh

$(BUILD)/tests/crash/%: tests/crash/%.c
	@mkdir -p $(@D)
	$(QUIET)$(CC) -std=c17 -D_GNU_SOURCE $(WARN) -O2 -g1 $< -o $@

$(BUILD)/tests/crash/hostile.so: tests/crash/hostile.c
	@mkdir -p $(@D)
	$(QUIET)$(CC) -std=c17 -D_GNU_SOURCE $(WARN) -Wno-missing-prototypes -O2 -g1 -shared -fPIC $< -ldl -o $@

$(BUILD)/tests/fuzz/replay_%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz_file.c tests/fuzz/replay.c $(LIBRARY)
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(CFLAGS_ALL) $^ $(LIBS) -o $@

FUZZ_SECONDS ?= 60
fuzz: ## each fuzz target with libFuzzer for FUZZ_SECONDS=60 (installs clang); what breaks is left in build/fuzz/found
	@command -v clang >/dev/null || DEBIAN_FRONTEND=noninteractive $(if $(filter 0,$(shell id -u)),,sudo) apt-get install -y -qq --no-install-recommends clang libclang-rt-14-dev
	@$(MAKE) --no-print-directory CC=clang BUILD=build/fuzz DUCKDB_DIR=$(DUCKDB_DIR) SANITIZE=address,undefined,fuzzer-no-link fuzz-run

fuzz-run: $(FUZZ_NAMES:%=$(BUILD)/tests/fuzz/fuzz_%)
	@for name in $(FUZZ_NAMES); do mkdir -p $(BUILD)/corpus/$$name $(BUILD)/found; echo "== $$name"; \
		ASAN_OPTIONS=detect_leaks=0 $(BUILD)/tests/fuzz/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -rss_limit_mb=4096 -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/found/$$name. $(BUILD)/corpus/$$name tests/fuzz/seeds/$$name 2>&1 | grep -E 'ERROR|SUMMARY|runtime error|stat::number_of|Test unit' || true; done; \
	found=$$(ls $(BUILD)/found | wc -l); echo "$$found found"; [ $$found = 0 ]

$(BUILD)/tests/fuzz/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz_file.c $(LIBRARY)
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(CFLAGS_ALL) -fsanitize=fuzzer $^ $(LIBS) -o $@

# The same program with one promise broken on purpose (a round is published before its files are complete): the crash tests must catch it.
$(BUILD)/broken/orch: $(ORCH) tests/crash/sweep.sh
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/broken DUCKDB_DIR=$(DUCKDB_DIR) CFLAGS='$(CFLAGS) -DORCH_BROKEN_PUBLISH=1' BROKEN_FROM=$(BUILD) broken-program

broken-program: $(BUILD)/generated/version.h
	@mkdir -p $(BUILD)/obj/storage
	$(QUIET)$(CC) $(CFLAGS_ALL) -c storage/round_dir.c -o $(BUILD)/obj/storage/round_dir.o
	@cp $(BROKEN_FROM)/liborch.a $(BUILD)/liborch.a && ar r $(BUILD)/liborch.a $(BUILD)/obj/storage/round_dir.o
	$(QUIET)$(CC) $(SAN) $(LDFLAGS) $(BROKEN_FROM)/obj/orchestrator/main.o $(BUILD)/liborch.a $(LIBS) -o $(BUILD)/orch

check-asan: ## unit and end-to-end tests under the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan DUCKDB_DIR=$(DUCKDB_DIR) SANITIZE=address,undefined asan-tests

asan-tests: all $(UNIT_TESTS)
	@ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.supp UBSAN_OPTIONS=print_stacktrace=1 $(TEST_ENV) \
		tests/run $(UNIT_TESTS) $(filter-out %/test_memory.sh %/test_estimates.sh,$(E2E_TESTS)) # a sanitizer keeps what was freed: memory is not what was planned

# --- speed ----------------------------------------------------------------------------------------------------------
BENCHES := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/bench/*.c)))
PEERS_PYTHON ?= $(BUILD)/peers/bin/python
bench: all $(BENCHES) ## orch and its peers side by side: seconds, memory, answers, one table (BENCH=row picks rows)
	@BUILD=$(BUILD) ORCH=$(abspath $(ORCH)) PEERS_PYTHON=$(PEERS_PYTHON) tests/bench/run

bench-deps: $(BUILD)/peers/.stamp ## the peers that bench measures against: a Python environment in build/peers, R packages and GNU parallel by apt

$(BUILD)/peers/.stamp: tests/bench/requirements.txt tests/bench/peers.sh
	@bash tests/bench/peers.sh $(@D) tests/bench/requirements.txt && touch $@

# --- house ----------------------------------------------------------------------------------------------------------
format: ## clang-format over our sources
	clang-format -i $(SOURCES) $(HEADERS) $(UNIT_SOURCES)

PREFIX ?= /usr/local
man: $(ORCH) ## manual pages, made from the table of commands, in build/man
	@mkdir -p $(BUILD)/man && rm -f $(BUILD)/man/*.1
	@$(ORCH) help --man >$(BUILD)/man/orch.1
	@for command in $$($(ORCH) help | sed -nE 's/^  ([a-z]+) .*/\1/p'); do $(ORCH) help --man $$command >$(BUILD)/man/orch-$$command.1 || exit 1; done

install: all man ## install orch, its manual pages and completions, and DuckDB's library below PREFIX (/usr/local)
	install -D -m 755 $(ORCH) $(DESTDIR)$(PREFIX)/bin/orch
	install -D -m 644 $(DUCKDB_DIR)/lib/libduckdb.so $(DESTDIR)$(PREFIX)/lib/orch/libduckdb.so
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(BUILD)/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(ORCH) completions bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/orch
	$(ORCH) completions zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_orch
	$(ORCH) completions fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/orch.fish

clean: ## remove what was built; the fetched DuckDB library stays
	@find $(BUILD) -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} + 2>/dev/null || true

help: ## this list
	@echo 'make TARGET [KNOB=value]'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' | column -t -s '|'
	@echo
	@echo 'knobs: DEBUG=1  SANITIZE=address,undefined  BUILD=folder  DUCKDB_DIR=folder with lib/ and include/  V=1 shows commands'

-include $(OBJECTS:.o=.d) $(UNIT_TESTS:=.d) $(BENCHES:=.d)

QUIET := $(if $(V),,@)
