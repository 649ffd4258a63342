# Shared by the end-to-end tests: a scratch folder, a cache of its own, small assertions. Each test prints "ok NAME" or "not ok NAME".
# shellcheck shell=bash
set -u
ORCH=${ORCH:-$PWD/build/orch}
DATA=$PWD/tests/data
EXAMPLES=$PWD/examples
WORK=$(mktemp -d "${TMPDIR:-/tmp}/orch-e2e.XXXXXX")
export ORCH_CACHE=$WORK/cache NO_COLOR=1 ORCH_FAKE_ENGINE=1
trap 'rm -rf "$WORK"' EXIT
cd "$WORK" || exit 1
FAILED=0

ok() { echo "ok $1"; }
not_ok() { # name, what
	echo "not ok $1: $2"
	FAILED=1
}
check() { # name, command...: it must succeed
	local name=$1
	shift
	if "$@" >"$WORK/out" 2>&1; then ok "$name"; else
		not_ok "$name" "exit $? of: $*"
		sed 's/^/    /' "$WORK/out" | tail -n 20
	fi
}
expect() { # name, exit status, pattern, command...: that status, and the pattern (may be empty) in what it prints
	local name=$1 status=$2 pattern=$3 got
	shift 3
	"$@" >"$WORK/out" 2>&1
	got=$?
	if [ "$got" -ne "$status" ]; then
		not_ok "$name" "exit $got, expected $status"
		sed 's/^/    /' "$WORK/out" | tail -n 20
	elif [ -n "$pattern" ] && ! grep -qE -- "$pattern" "$WORK/out"; then
		not_ok "$name" "no line like: $pattern"
		sed 's/^/    /' "$WORK/out" | tail -n 20
	else
		ok "$name"
	fi
}
same() { # name, a, b
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "\"$2\" is not \"$3\""; fi
}
# Bytes of everything that must be identical between two runs of the same campaign.
digest() { (cd "$1" && find rounds bundles -type f ! -path '*/.*' -print0 | sort -z | xargs -0 sha256sum | sha256sum); }
finish() { exit $FAILED; }
