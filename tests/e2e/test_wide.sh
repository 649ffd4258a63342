#!/usr/bin/env bash
# Every one of 500 features left out, by three engines: it runs, each feature has its row, and a worker's memory does not grow with them.
source "$(dirname "$0")/lib.sh"
awk 'BEGIN {
	srand(1); features = 500
	for (j = 1; j <= features; j++) printf "f%d,", j
	print "y"
	for (i = 0; i < 300; i++) {
		y = 0
		for (j = 1; j <= features; j++) {
			x = rand(); printf "%.4f,", x
			if (j <= 3) y += x / j
		}
		printf "%.5f\n", y + 0.1 * rand()
	}
}' >wide.csv
campaign() { # engine, model
	cat >"$1.yaml" <<YAML
name: $1
data: {source: wide.csv, target: y}
split: {holdout: 0, folds: {k: 2}}
metric: rmse
model: $2
lofo: {enabled: true}
rfe: {enabled: false}
resources: {workers: 1}
YAML
}
campaign ridge '{engine: ridge, alpha: 1}'
campaign forest '{engine: forest, trees: 4, max_features: sqrt, min_samples_leaf: 5}'
campaign xgboost '{engine: xgboost, trees: 4, max_depth: 2}'
for engine in ridge forest xgboost; do
	expect "${engine}__leaves_500_features_out" 0 '' "$ORCH" start -q "$engine.yaml"
	rows=$(($(wc -l <"$engine/rounds/round_000/04_lofo/lofo.csv") - 1))
	[ "$rows" -eq 500 ] && ok "${engine}__has_a_row_for_each" || not_ok "${engine}__has_a_row_for_each" "$rows"
done
# One worker does some 30 tasks of 32 left-out sets at most: what is anonymous after each.
kib=$(grep '"stage": *"04_lofo"' xgboost/telemetry/round_000.jsonl | grep -o '"rss_after": *[0-9]*' | grep -o '[0-9]*$' | awk '{y[NR] = $1 / 1024} END {
	for (i = int(NR / 4); i <= NR; i++) {n++; sx += i; sy += y[i]; sxx += i * i; sxy += i * y[i]}
	printf "%.3f", (n * sxy - sx * sy) / (n * sxx - sx * sx) / 20}')
tasks=$(grep -c '"stage": *"04_lofo"' xgboost/telemetry/round_000.jsonl)
[ "$tasks" -ge 30 ] && ok xgboost__many_tasks_in_one_worker || not_ok xgboost__many_tasks_in_one_worker "$tasks"
if awk -v k="$kib" 'BEGIN {exit !(k != "" && k < 1)}'; then ok xgboost__memory_slope_per_feature_is_zero; else not_ok xgboost__memory_slope_per_feature_is_zero "$kib KiB a feature"; fi
finish
