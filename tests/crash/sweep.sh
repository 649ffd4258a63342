#!/usr/bin/env bash
# The crash contract, tried: one small campaign is killed at many points spread over all its durable steps (see storage/base/fault.h), in the
# orchestrator alone or with its whole process group, also during the recovery itself, and resumed each time. Afterwards
#   - rounds and bundles are byte-identical to those of a run that nothing disturbed,
#   - every fit is in the ledger once, and no fit that was committed before the kill was computed again,
#   - orch verify finds nothing.
# The same checks are then made on a build with one promise broken on purpose; they must find it, or this test could not fail.
#   CRASH_POINTS=24 tests/crash/sweep.sh        (make crash; make crash-sweep takes 240)
source "$(dirname "$0")/lib.sh"
POINTS=${CRASH_POINTS:-24}
undisturbed

# Kill at step N (mode: kill or killgroup), resume (perhaps killed there, too), look. Prints violations; 0 lines is good.
try_point() { # program, step, mode, step of a second kill in the recovery or 0
	local program=$1 step=$2 mode=$3 again=$4 dir=$WORK/p/$2.$3.$4 before=''
	mkdir -p "$dir"
	export ORCH_CACHE=$dir/cache
	setsid env ORCH_FAULT="$mode@$step" "$program" start -q "$WORK/campaign.yaml" --dir "$dir/c" >"$dir/log" 2>&1
	if [ -d "$dir/c" ]; then
		before=$(fits_of "$dir/c")
		if [ "$again" -gt 0 ]; then
			setsid env ORCH_FAULT="$mode@$again" "$program" resume -q "$dir/c" >>"$dir/log" 2>&1
			before=$(fits_of "$dir/c")
		fi
	fi
	ORCH=$program recover "$dir/c" "$before"
	rm -rf "$dir"
}

ORCH_CACHE=$WORK/cache2 "$ORCH" start -q "$WORK/campaign.yaml" --dir "$WORK/counted" >/dev/null 2>&1
same crash__two_runs_give_the_same_bytes "$(digest "$WORK/counted")" "$REFERENCE"
echo "# $STEPS durable steps, $FITS fits; $POINTS points"
[ "$STEPS" -ge 200 ] && ok crash__enough_steps || not_ok crash__enough_steps "only $STEPS durable steps were counted"

bad=0
for ((i = 0; i < POINTS; i++)); do
	step=$(point $i "$POINTS")
	mode=$([ $((i % 2)) = 0 ] && echo kill || echo killgroup)
	again=$([ $((i % 4)) = 3 ] && echo $((1 + (i * 7) % 60)) || echo 0)
	found=$(try_point "$ORCH" "$step" "$mode" "$again")
	if [ -n "$found" ]; then
		bad=$((bad + 1))
		echo "# $mode at step $step ($(sed -n "${step}p" "$WORK/steps")), second at $again: $found"
	fi
done
tell "crash__${POINTS}_points_resume_to_the_same_bytes" $bad "$POINTS" "points broke the contract"

# A worker killed from outside costs an attempt, nothing else.
"$ORCH" start -q "$WORK/campaign.yaml" --dir "$WORK/hunted" >"$WORK/out" 2>&1 &
pid=$!
for ((i = 0; i < 6; i++)); do
	sleep 0.25
	victim=$(pgrep -P $pid | head -n 1)
	[ -z "$victim" ] || kill -9 "$victim" 2>/dev/null
done
wait $pid
same crash__killed_workers_change_nothing "$? $(digest "$WORK/hunted")" "0 $REFERENCE"

# The harness can fail: around the publication of a round the broken build must be caught.
if [ -x "${ORCH_BROKEN:-}" ]; then
	caught=0
	ORCH_CACHE=$WORK/cache3 ORCH_FAULT=count:$WORK/broken_steps "$ORCH_BROKEN" start -q "$WORK/campaign.yaml" --dir "$WORK/broken" >/dev/null 2>&1
	# Stages of round 0, then the round: its rename is the last before a long stretch of other steps. Where it falls differs by a few steps
	# from run to run (the ledger's commits are grouped by time), so the steps around it are tried as well.
	steps=$(grep -n '^rename' "$WORK/broken_steps" | cut -d: -f1 | awk 'NR > 6 && $1 - last > 60 {print last; exit} {last = $1}')
	for offset in 2 5 8 -1 11 -4 -7 14 -10 17; do
		[ -z "$(try_point "$ORCH_BROKEN" $((steps + offset)) kill 0)" ] || caught=$((caught + 1))
		[ $caught = 0 ] || break
	done
	[ $caught -gt 0 ] && ok crash__broken_publication_is_caught || not_ok crash__broken_publication_is_caught "a round published before its files are complete was not noticed"
else
	not_ok crash__broken_publication_is_caught "no broken build at \$ORCH_BROKEN"
fi
finish
