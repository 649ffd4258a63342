#!/usr/bin/env bash
# The limits of a fit: time, memory, output. What meets one costs an attempt with that cause, and nothing it started is left.
source "$(dirname "$0")/lib.sh"
cp "$EXAMPLES/command-shell/points.csv" .
spec() { # name, run, space, further resources
	printf 'name: %s\ndata: {source: points.csv, target: y}\nsplit: {folds: {k: 2}}\nmetric: rmse\nmodel: {engine: command, run: %s}\nhpo: {sampler: grid, space: {p: %s}}\nlofo: {enabled: false}\nrfe: {enabled: false}\nresources: {retries: 0%s}\n' "$1" "$2" "$3" "$4" >"$1.yaml"
}
causes() { sqlite3 -readonly "$1/ledger.db" "SELECT count(*) FROM attempts WHERE cause = '$2'"; }
# limits: what a program starts may hide in other sessions and be deaf to TERM; nothing is left, with control groups and without
cat >escape.sh <<'SH'
echo going away >&2
setsid sh -c 'setsid sleep 7911 & sleep 7912 & exit 0' &
(setsid sh -c 'trap "" TERM; sleep 7913; sleep 7914' &)
[ "$1" = quick ] && echo '{"score": 1}' && exit 0
sleep 7915
SH
nothing_left() { [ -z "$(pgrep -f '^sleep 791')" ] && ok "$1" || not_ok "$1" "$(pgrep -af '^sleep 791')"; }
spec escape '"sh ./escape.sh {p}"' '[quick, slow]' ', fit_timeout: 1s'
for groups in 1 0; do
	expect limits__escape_costs_a_trial_$groups 0 '' env ORCH_CONTROL_GROUPS=$groups "$ORCH" start -q escape.yaml --dir escape$groups
	nothing_left limits__nothing_escapes_$groups
	same limits__cause_is_timeout_$groups "$(causes escape$groups timeout)" 2
done
expect limits__timeout_tells_its_last_words 0 'going away' "$ORCH" show escape1
expect limits__timeout_tells_the_command 0 'command: sh .*escape.sh slow' "$ORCH" show escape1
# killed with its orchestrator: the program goes, too
spec escape '"sh ./escape.sh {p}"' '[slow]' ''
"$ORCH" start -q escape.yaml --dir killed 2>/dev/null &
for _ in $(seq 100); do pgrep -f '^sleep 7915' >/dev/null && break; sleep 0.05; done
kill -9 $!
wait $! 2>/dev/null
for _ in $(seq 60); do [ -z "$(pgrep -f '^sleep 791')" ] && break; sleep 0.05; done
nothing_left limits__nothing_outlives_a_killed_orchestrator
printf 'echo eating >&2\nhead -c 900m /dev/zero | tail | wc -c\necho "{\\"score\\": 1}"\n' >hog.sh
spec hog '"sh ./hog.sh {p}"' '[1]' ', fit_memory: 80MiB'
for groups in 1 0; do
	expect limits__hog_$groups 1 'no trial' env ORCH_CONTROL_GROUPS=$groups "$ORCH" start -q hog.yaml --dir hog$groups
	expect limits__hog_is_told_$groups 0 'memory: .*over its .*limit of 80' "$ORCH" show hog$groups
	same limits__cause_is_memory_$groups "$(causes hog$groups memory)" 2
done
for flood in 'file:head -c 3m /dev/zero >big' 'files:for i in 1 2 3 4 5; do head -c 900k /dev/zero >f$i; done; sleep 30' 'stdout:yes' 'stderr:yes >\&2'; do
	name=${flood%%:*}
	printf '%b\necho "{\\"score\\": 1}"\n' "${flood#*:}" | sed 's/\\&/\&/' >flood.sh
	spec "flood_$name" '"sh ./flood.sh {p}"' '[1]' ', fit_output: 2MiB'
	expect "limits__flood_of_$name" 1 'no trial' "$ORCH" start -q "flood_$name.yaml"
	expect "limits__flood_of_${name}_is_told" 0 'wrote more than 2.0 MiB' "$ORCH" show "flood_$name"
	same "limits__cause_of_${name}_is_output" "$(causes "flood_$name" output)" 2
done
printf 'echo "note to self" >&2\necho "{\\"score\\": 1}"\n' >said.sh
spec said '"sh ./said.sh {p}"' '[1]' ''
check limits__stderr_of_a_good_trial "$ORCH" start -q said.yaml
check limits__stderr_is_kept grep -q '"text": *"note to self' said/telemetry/round_000.jsonl
printf 'name: small\ndata: {source: %s, target: y}\nmodel: {engine: ridge}\nlofo: {enabled: false}\nrfe: {enabled: false}\nresources: {retries: 0, fit_output: 4KiB}\nsplit: {folds: {k: 2}}\n' "$DATA/diabetes.csv" >small.yaml
"$ORCH" start -q small.yaml 2>/dev/null
expect limits__of_a_built_in_engine_is_told 0 'its predictions and model are .*more than 4.0 KiB' "$ORCH" show small
finish
