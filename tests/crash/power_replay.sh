#!/usr/bin/env bash
# Power cuts by the model: one campaign is traced (every write, sync, rename of all its processes, SQLite's and DuckDB's included); then the file
# system is rebuilt as a cut after N operations may leave it - what was synced, and none, all, or an arbitrary part of the rest, with torn writes (see
# replay_power.c) - and the campaign resumed. A round that was announced must be there, and the end must be the same bytes.
# The same with fsync made a no-op must fail, or this test could not. Needs strace; says so and passes where processes may not be traced.
#   CRASH_POINTS=10 tests/crash/power_replay.sh
source "$(dirname "$0")/lib.sh"
POINTS=${CRASH_POINTS:-10}
REPLAY=${BUILD:-$OLDPWD/build}/tests/crash/replay_power
HOW=(none journal any names journal any contents)
if ! strace -o /dev/null true 2>/dev/null; then
	ok "power_replay__not_tried_here # strace is not there, or not allowed"
	finish
fi
undisturbed

root=$WORK/root
record() { # trace, further options of strace
	local trace=$1
	shift
	rm -rf "$root" && mkdir "$root"
	ORCH_CACHE=$root/cache strace -f -y -xx -s 4000000 "$@" -e trace="$("$REPLAY" calls)" -o "$trace" \
		"$ORCH" start "$WORK/campaign.yaml" --dir "$root/c" >"$WORK/out" 2>&1 || not_ok power_replay__traced "$(tail -n 2 "$WORK/out")"
}

cut_at() { # trace, operations, how
	local announced
	rm -rf "$root" && mkdir "$root"
	announced=$("$REPLAY" build "$1" "$root" "$2" "$3" 7) || { echo "no replay"; return; }
	for round in $announced; do
		[ -d "$root/c/rounds/$round" ] || echo "$round was announced and is gone"
	done
	export ORCH_CACHE=$root/cache
	recover "$root/c" "" again
}

cuts() { # trace, points: prints how many broke the contract, the last found in $WORK/found
	local bad=0 i at found operations
	operations=$("$REPLAY" count "$1" "$root")
	echo "# $operations operations" >&2
	for ((i = 0; i < $2; i++)); do
		at=$((1 + i * (operations - 1) / ($2 > 1 ? $2 - 1 : 1)))
		found=$(cut_at "$1" $at "${HOW[i % ${#HOW[@]}]}")
		if [ -n "$found" ]; then
			bad=$((bad + 1))
			echo "# cut after operation $at, ${HOW[i % ${#HOW[@]}]}: $found" >&2
		fi
	done
	echo $bad
}

record "$WORK/trace"
rm -rf "$root" && mkdir "$root"
"$REPLAY" build "$WORK/trace" "$root" 100000000 any 1 >/dev/null
same power_replay__the_trace_holds_the_whole_run "$(digest "$root/c")" "$REFERENCE"
tell "power_replay__${POINTS}_cuts_resume_to_the_same_bytes" "$(cuts "$WORK/trace" "$POINTS")" "$POINTS" "cuts broke the contract"
grep -vE '^[0-9]+ +(<\.\.\. )?(fsync|fdatasync)' "$WORK/trace" >"$WORK/unsynced"
[ "$(cuts "$WORK/unsynced" 8 2>/dev/null)" -gt 0 ] && ok power_replay__missing_syncs_are_caught || not_ok power_replay__missing_syncs_are_caught "a run without a single fsync was taken for safe"
finish
