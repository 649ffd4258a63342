#!/usr/bin/env bash
# What the system may do to orch and to the libraries it uses (see hostile.c): short and interrupted reads and writes, a clock that jumps, file systems without locks or
# without the flags of rename, and the N-th write, sync, rename or open failing inside SQLite or DuckDB as well as in orch. Either nothing is to be
# seen of it, or the run ends with a message; resumed, the bytes are those of a run that nothing disturbed.
#   CRASH_POINTS=8 tests/crash/system.sh
source "$(dirname "$0")/lib.sh"
POINTS=${CRASH_POINTS:-8}
HOSTILE_LIBRARY=${BUILD:-$OLDPWD/build}/tests/crash/hostile.so
undisturbed
export HOSTILE_ROOT=$WORK/hostile
mkdir -p "$HOSTILE_ROOT"
hostile() { # HOSTILE, dir
	HOSTILE=$1 LD_PRELOAD=$HOSTILE_LIBRARY timeout -k 10 60 "$ORCH" start -q "$WORK/campaign.yaml" --dir "$2" >"$WORK/log" 2>&1
}

for how in short clock no-renameat2; do
	export ORCH_CACHE=$HOSTILE_ROOT/cache-$how
	hostile $how "$HOSTILE_ROOT/$how"
	same "system__${how}_changes_nothing" "$? $(tail -n 1 "$WORK/log") $(violations "$HOSTILE_ROOT/$how" '')" "0  "
done
# DuckDB takes an interrupted write for a failed one (local files are never interrupted): that may end the run, but nothing else.
export ORCH_CACHE=$HOSTILE_ROOT/cache
hostile eintr "$HOSTILE_ROOT/eintr"
status=$?
[ $status = 0 ] || grep -q 'Interrupted system call' "$WORK/log" || not_ok system__eintr_is_told "exit $status: $(tail -n 2 "$WORK/log")"
same system__eintr_costs_nothing_finished "$(recover "$HOSTILE_ROOT/eintr" '' again)" ''
hostile no-locks "$HOSTILE_ROOT/no-locks"
status=$?
grep -qi 'lock' "$WORK/log" && [ $status -ne 0 ] && ok system__no_locks_is_refused || not_ok system__no_locks_is_refused "exit $status: $(tail -n 2 "$WORK/log")"
same system__no_locks_leaves_nothing_in_the_way "$(recover "$HOSTILE_ROOT/no-locks" '')" ''

CALLS=(write fsync rename open) ERRORS=(ENOSPC EIO EROFS EMFILE EDQUOT)
bad=0
for ((i = 0; i < POINTS; i++)); do
	call=${CALLS[i % 4]}
	error=${ERRORS[i % 5]}
	[ $call = fsync ] && error=EIO
	at=$((1 + i * 37 % 400))
	[ $call = rename ] && at=$((1 + i * 7 % 40))
	dir=$HOSTILE_ROOT/$i
	export ORCH_CACHE=$dir.cache
	hostile "$call@$at:$error" "$dir"
	status=$?
	found=''
	case $status in
	0 | 1 | 2 | 75) ;;
	5) grep -qE 'ledger|damage' "$WORK/log" || found="exit 5" ;;
	*) found="exit $status: $(tail -n 2 "$WORK/log")" ;;
	esac
	found+=$(recover "$dir" "$([ ! -f "$dir/ledger.db" ] || fits_of "$dir")" again)
	if [ -n "$found" ]; then
		bad=$((bad + 1))
		echo "# $error at $call $at: $found"
	fi
	rm -rf "$dir" "$dir.cache"
done
tell "system__${POINTS}_failing_calls_end_in_the_same_bytes" $bad "$POINTS" "broke the contract"
finish
