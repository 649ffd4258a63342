#!/usr/bin/env bash
# What a plan says about memory, and what then happened; a measurement that is kept; workers and their memory as they were when it started.
source "$(dirname "$0")/lib.sh"
spec() { # name, data, target, model, space
	cat >"$1.yaml" <<YAML
name: $1
data: {source: $DATA/$2, target: $3}
split: {folds: {k: 3}}
model: $4
hpo: {sampler: grid, space: $5}
rfe: {enabled: false}
resources: {workers: 2}
YAML
}
number() { grep -oE "\"$1\": *[0-9]+" | head -n 1 | grep -oE '[0-9]+$'; }
spec linear diabetes.csv y '{engine: ridge}' '{alpha: [0.1, 1, 10, 100]}'
spec boosted diamonds_sample.csv price '{engine: xgboost, trees: 40}' '{max_depth: [3, 6], learning_rate: [0.1, 0.3]}'
spec forest diamonds_sample.csv price '{engine: forest, trees: 20}' '{max_depth: [4, 12]}'
awk 'BEGIN {srand(1); print "a,b,c,y"; for (i = 0; i < 60000; i++) {a = rand(); b = rand(); print a "," b "," rand() "," a * b + rand() / 9}}' >many.csv
DATA=. spec ensemble many.csv y '{engine: ridge}' '{alpha: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]}'
printf '%s\n' 'ensemble: {method: weighted, top: 16}' 'lofo: {enabled: false}' >>ensemble.yaml # what its members predicted is most of the memory
for name in linear boosted forest ensemble; do
	planned=$("$ORCH" plan --json $name.yaml 2>/dev/null | tr -d '\n' | grep -oE '"memory": *\{[^}]*\}' | number worker)
	expect "${name}__runs" 0 '' "$ORCH" start -q $name.yaml
	happened=$(grep -oE '"peak_rss": *[0-9]+' $name/telemetry/round_000.jsonl | grep -oE '[0-9]+$' | sort -n | tail -n 1)
	if awk -v p="$planned" -v h="$happened" 'BEGIN {exit !(p > 0 && h > 0 && p / h < 1.3 && p / h > 0.7)}'; then
		ok "${name}__memory_within_30_percent"
	else
		not_ok "${name}__memory_within_30_percent" "planned $planned, happened $happened"
	fi
done
same linear__memory_of_a_worker_is_kept "$(grep -cE '"memory_each": *[1-9]' linear/campaign.json)" 1
expect plan__prints_choice_and_reason 0 'workers +2 x 1 thread: as the campaign says' "$ORCH" plan linear.yaml
expect plan__likely_time 0 'time .* about ' "$ORCH" plan linear.yaml
finish
