# orch: build, test and demo. `make help` explains the targets and knobs.
SHELL := /bin/bash
BUILD ?= build
DEBUG ?= 0
SANITIZE ?=
CC := gcc
VERSION := 0.1.0

# --- what the machine must have -------------------------------------------------------------------------------------
APT_PACKAGES := gcc make pkg-config libc6-dev libsqlite3-dev libjansson-dev libfyaml-dev libopenblas-dev liblapacke-dev \
	libxgboost-dev libgit2-dev libarchive-dev nettle-dev libcmocka-dev git strace sqlite3 zstd
# DuckDB's library and header come from npm packages of one version line; the checksums pin them.
DUCKDB_LIBRARY := @duckdb/node-bindings-linux-x64@1.4.4-r.4
DUCKDB_LIBRARY_SHA512 := 8c14cbfd6bdfc312d3a056bfa551df4fa7a532d96d2469dcdf04aec590fd39f325b62b7d614755152dfbbc1150cd7313d59f0e5a3b528cc87eccf2b13b01cb1c
DUCKDB_HEADER := duckdb@1.4.4
DUCKDB_HEADER_SHA512 := 844249e61c9517454b8f776638ba6c5ab411d1bddde1892ab72826ea25178c72430e74aa83f5122b171be6abcdace84560f824b5ac94e9d5c2b603ea7269a9a2
DEPS := build/deps
DUCKDB_DIR ?= $(CURDIR)/$(DEPS)/duckdb

# --- flags ----------------------------------------------------------------------------------------------------------
PKGS := sqlite3 jansson libfyaml openblas lapacke xgboost libgit2 libarchive nettle
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
ifeq ($(CI),true)
WARN += -Werror
endif
OPT := $(if $(filter 1,$(DEBUG)),-O0 -g3,-O2 -g1)
SAN := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all)
# No contraction and no fast-math: the same bits whatever the optimiser does around them.
CFLAGS_ALL = -std=c17 -D_GNU_SOURCE $(WARN) $(OPT) -ffp-contract=off -fno-math-errno -fvisibility=hidden $(SAN) \
	-I. -I$(BUILD)/generated -isystem $(DUCKDB_DIR)/include $(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(CFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -L$(DUCKDB_DIR)/lib -lduckdb -Wl,-rpath,$(DUCKDB_DIR)/lib -lm -lpthread -ldl

SOURCES := $(sort $(wildcard storage/base/*.c storage/*.c engines/*.c engines/*/*.c reports/*.c orchestrator/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/obj/%.o)
MAIN_OBJECT := $(BUILD)/obj/orchestrator/main.o
LIBRARY := $(BUILD)/liborch.a
ORCH := $(BUILD)/orch
HEADERS := $(sort $(wildcard storage/base/*.h storage/*.h engines/*.h engines/*/*.h reports/*.h orchestrator/*.h))

UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c tests/numeric/test_*.c))
UNIT_TESTS := $(UNIT_SOURCES:%.c=$(BUILD)/%)

.DEFAULT_GOAL := all
.PHONY: all deps demo test unit e2e crash crash-sweep check-asan check-layers check-headers format tidy install clean help

all: deps $(ORCH)

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
	@hash=$$({ cat $(SOURCES) $(HEADERS) Makefile; $(CC) --version; echo '$(OPT) $(CFLAGS)'; } | sha256sum | cut -c1-12); \
	printf '#define ORCH_VERSION "%s"\n#define ORCH_BUILD "%s"\n' $(VERSION) $$hash > $@.new; \
	cmp -s $@.new $@ || mv $@.new $@; rm -f $@.new; touch $@

# Engines are where the time goes.
$(BUILD)/obj/engines/%.o: OPT := $(if $(filter 1,$(DEBUG)),-O0 -g3,-O3 -g1)

$(BUILD)/obj/%.o: %.c | $(BUILD)/generated/version.h $(DUCKDB_DIR)/lib/libduckdb.so
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

-include $(OBJECTS:.o=.d) $(UNIT_TESTS:=.d)

QUIET := $(if $(V),,@)
