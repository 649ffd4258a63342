#!/bin/bash
# The search: samplers that learn, pruners; the same trials whatever the number of workers and the interruptions.
. "$(dirname "$0")/lib.sh"

trials() { cat "$1/rounds/round_000/01_hpo/trials.csv"; }
states() { trials "$1" | awk -F, 'NR > 1 {print $NF}' | sort | uniq -c | awk '{printf "%s:%s ", $2, $1}'; }

spec() { # sampler, pruner, trials, workers
	cat <<YAML
data: {source: $DATA/diabetes.csv, target: y}
model: {engine: forest, trees: 10}
hpo:
  sampler: $1
  pruner: $2
  trials: $3
  space:
    max_depth: {int: [1, 12]}
    max_features: {float: [0.1, 1.0]}
lofo: {enabled: false}
resources: {workers: $4}
YAML
}

# A campaign that is killed twice, and resumed.
interrupted() { # name
	"$ORCH" start "$1.yaml" >/dev/null 2>&1 &
	for _ in $(seq 200); do [ -f "$1/progress.jsonl" ] && break; sleep 0.05; done
	for _ in 1 2; do
		sleep 0.7
		kill -9 $! 2>/dev/null
		wait $! 2>/dev/null
		"$ORCH" resume "$1" >/dev/null 2>&1 &
	done
	wait $!
	[ -f "$1/rounds/round_000/COMPLETE" ] || "$ORCH" resume "$1" >/dev/null 2>&1
}

for kind in gp:none tpe:halving random:median; do
	sampler=${kind%:*} pruner=${kind#*:}
	counts="1 5"
	[ "$kind" = tpe:halving ] && counts="1 2 5"
	for workers in $counts; do
		spec "$sampler" "$pruner" 24 "$workers" >"$sampler$pruner$workers.yaml"
		"$ORCH" start "$sampler$pruner$workers.yaml" >out 2>&1 || { not_ok "${sampler}_${pruner}__starts" "$(tail -n 3 out)"; continue; }
	done
	[ "$kind" = tpe:halving ] && same "${sampler}_${pruner}__two_workers" "$(trials "$sampler${pruner}2")" "$(trials "$sampler${pruner}1")"
	same "${sampler}_${pruner}__five_workers" "$(trials "$sampler${pruner}5")" "$(trials "$sampler${pruner}1")"
	spec "$sampler" "$pruner" 24 2 >"cut$sampler$pruner.yaml"
	interrupted "cut$sampler$pruner"
	same "${sampler}_${pruner}__killed_and_resumed" "$(trials "cut$sampler$pruner")" "$(trials "$sampler${pruner}1")"
	same "${sampler}_${pruner}__best_too" "$(cat "cut$sampler$pruner/rounds/round_000/01_hpo/best.json")" "$(cat "$sampler${pruner}1/rounds/round_000/01_hpo/best.json")"
	check "${sampler}_${pruner}__rounds_hold" "$ORCH" verify "cut$sampler$pruner"
done
same gp__all_trials_are_done "$(states gpnone1)" "done:24 "
same halving__most_are_stopped "$(states tpehalving1 | grep -c 'pruned:1[0-9]\|pruned:2')" 1
best=$(grep -o '"trial": [0-9]*' tpehalving1/rounds/round_000/01_hpo/best.json | grep -o '[0-9]*')
same halving__the_best_has_all_folds "$(trials tpehalving1 | grep "^$best," | awk -F, '{print $NF, ($6 != "" && $10 != "")}')" "done 1"
same halving__skipped_fits_are_not_done "$("$ORCH" status --json tpehalving1 | grep -o '"failed": *[0-9]*' | sort -u)" '"failed": 0'
expect halving__status_counts_the_stopped 0 "trials +[0-9]+ done, [0-9]+ pruned" "$ORCH" status tpehalving1
counted() { "$ORCH" status "$1" | grep -oE 'trials +[0-9]+ done, [0-9]+ pruned'; }
before=$(counted tpehalving1)
"$ORCH" resume -q tpehalving1 >/dev/null 2>&1
same halving__a_resume_counts_the_stopped_alike "$(counted tpehalving1)" "$before"
expect fit__a_trial_again 0 'fold 4' "$ORCH" fit gpnone1 --trial 23

# Warm start: the other campaign's trials are known, and kept: it may go.
spec tpe none 12 2 | sed 's/  trials: 12/  trials: 12\n  warm_start: randommedian1/' >warm.yaml
expect warm__plan_counts_them 0 'warm start from [0-9]+ trials of randommedian1' "$ORCH" plan warm.yaml
check warm__same_data_is_no_warning bash -c "! '$ORCH' plan warm.yaml 2>&1 | grep warning"
check warm__starts "$ORCH" start warm.yaml
spec tpe none 12 2 >cold.yaml
check warm__a_cold_one_starts "$ORCH" start cold.yaml
same warm__tries_other_things "$([ "$(trials warm)" != "$(trials cold)" ] && echo other)" other
sed 's/workers: 2/workers: 5/' warm.yaml >cutwarm.yaml
"$ORCH" start cutwarm.yaml >/dev/null 2>&1 &
pid=$!
for _ in $(seq 100); do [ -f cutwarm/progress.jsonl ] && grep -q campaign_started cutwarm/progress.jsonl && break; sleep 0.1; done
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
mv randommedian1 elsewhere
check warm__resumes_without_the_other "$ORCH" resume cutwarm
same warm__resumed_alike "$(trials cutwarm)" "$(trials warm)"
expect warm__no_such_campaign 2 'hpo.warm_start: .*randommedian1 is no campaign folder' "$ORCH" plan warm.yaml
mv elsewhere randommedian1
head -n 300 "$DATA/diabetes.csv" >other.csv
sed 's#source: [^,}]*#source: other.csv#' warm.yaml >otherdata.yaml
expect warm__of_other_data 0 'warning: hpo.warm_start: randommedian1 was of other data' "$ORCH" plan otherdata.yaml
expect warm__of_other_data_at_start 0 'warning: hpo.warm_start: randommedian1 was of other data' "$ORCH" start otherdata.yaml
sed '/^lofo/imetric: mae' warm.yaml >metric.yaml
expect warm__of_another_metric 2 'randommedian1 optimised the metric of its task, this campaign mae: name the same metric' "$ORCH" plan metric.yaml

spec random halving 10 1 | sed 's/engine: forest, trees: 10/engine: ridge/; s/max_depth: .*/alpha: {float: [0.1, 10]}/; /max_features/d' >shared.yaml
expect pruner__plan_says_where_it_has_nothing_to_do 0 'halving has nothing to stop: the engine answers all folds at once' "$ORCH" plan shared.yaml
spec tpe none 0 1 | sed '/trials: 0/d' >none.yaml
expect tpe__needs_trials 2 'sampler tpe needs hpo.trials' "$ORCH" plan none.yaml
finish
