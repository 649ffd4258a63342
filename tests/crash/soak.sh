#!/usr/bin/env bash
# Soak: one long campaign of real and of fake fits, killed at random moments (the orchestrator, its group, a worker), stopped and woken, interrupted, and
# resumed, for SOAK_MINUTES; then left alone to its end. Memory and open files of the orchestrator are watched on the way: neither may grow. At the
# end the bytes are those of the same campaign that nothing disturbed. A seed makes the moments repeatable as far as a clock can: SOAK_SEED=1.
source "$(dirname "$0")/lib.sh"
MINUTES=${SOAK_MINUTES:-2}
RANDOM=${SOAK_SEED:-1}
cat >"$WORK/campaign.yaml" <<YAML
name: soak
data: {source: $DATA/diabetes.csv, target: y}
split: {holdout: 0.2, folds: {k: 5}}
metric: rmse
model: {engine: forest, trees: 60}
hpo: {sampler: random, trials: $((150 * MINUTES)), space: {max_features: {float: [0.1, 1.0]}, min_samples_leaf: {int: [1, 20]}, max_depth: [4, 8, null]}}
rfe: {drop: 2, min_features: 4, max_rounds: 4}
resources: {workers: 2, retries: 50}
YAML
"$ORCH" start -q --allow-large "$WORK/campaign.yaml" --dir "$WORK/reference" >"$WORK/out" 2>&1 || { cat "$WORK/out"; not_ok soak__reference "the undisturbed run failed"; finish; }
REFERENCE=$(digest "$WORK/reference")
FITS=$(fits_of "$WORK/reference" | wc -l)

dir=$WORK/soak kills=0 highest_memory=0 highest_files=0 end=$((SECONDS + 60 * MINUTES))
run() { if [ -d "$dir" ]; then exec "$ORCH" resume -q "$dir"; else exec "$ORCH" start -q --allow-large "$WORK/campaign.yaml" --dir "$dir"; fi; }
while [ $SECONDS -lt $end ]; do
	before=$([ ! -d "$dir" ] || fits_of "$dir")
	setsid bash -c "$(declare -f run); ORCH=$ORCH WORK=$WORK dir=$dir; run" >>"$WORK/log" 2>&1 &
	pid=$!
	for ((k = RANDOM % 40 + 5; k > 0; k--)); do
		sleep 0.1
		memory=$(awk '/RssAnon/ {print $2}' /proc/$pid/status 2>/dev/null)
		files=$(find /proc/$pid/fd 2>/dev/null | wc -l)
		[ "${memory:-0}" -le $highest_memory ] || highest_memory=$memory
		[ "$files" -le $highest_files ] || highest_files=$files
	done
	case $((RANDOM % 5)) in
	0) kill -9 $pid ;;
	1) kill -9 -- -$pid ;;
	2) kill -9 "$(pgrep -P $pid | head -n 1)" && sleep 0.5 && kill -9 -- -$pid ;;
	3) kill -STOP $pid && sleep 0.5 && kill -CONT $pid && kill -TERM $pid ;;
	4) kill -INT $pid ;;
	esac 2>/dev/null
	wait $pid 2>/dev/null
	[ $? != 0 ] || break
	kills=$((kills + 1))
	lost=$(comm -23 <(printf '%s\n' "$before" | sed '/^$/d') <(fits_of "$dir"))
	[ -z "$lost" ] || not_ok soak__nothing_committed_is_lost "after kill $kills: $lost"
done
echo "# disturbed $kills times; at most $highest_memory kB of anonymous memory and $highest_files descriptors"
same soak__the_end_is_the_same_bytes "$(recover "$dir" "$(fits_of "$dir")" again)" ''
[ $kills -ge "$MINUTES" ] && ok soak__was_disturbed || not_ok soak__was_disturbed "only $kills times"
[ $highest_memory -gt 0 ] && [ $highest_memory -lt 65536 ] && ok soak__memory_is_flat || not_ok soak__memory_is_flat "$highest_memory kB"
[ $highest_files -lt 64 ] && ok soak__descriptors_are_few || not_ok soak__descriptors_are_few "$highest_files"
finish
