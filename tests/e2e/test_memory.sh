#!/usr/bin/env bash
# After each task a worker's memory returns: 2,000 tasks in one worker, anonymous memory after each, slope zero (less than 1 KiB a task).
source "$(dirname "$0")/lib.sh"
slope() { # engine, model, space: KiB a task over the last three quarters
	cat >"$1.yaml" <<YAML
name: $1
data: {source: $DATA/diabetes.csv, target: y}
split: {folds: {k: 4}}
metric: rmse
model: $2
hpo: {sampler: random, trials: 500, space: $3}
lofo: {enabled: false}
resources: {workers: 1, batch: 1}
YAML
	expect "$1__runs" 0 '' "$ORCH" start -q "$1.yaml"
	grep -o '"rss_after": *[0-9]*' "$1/telemetry/round_000.jsonl" | grep -o '[0-9]*$' | awk '{y[NR] = $1 / 1024} END {
		for (i = int(NR / 4); i <= NR; i++) {n++; sx += i; sy += y[i]; sxx += i * i; sxy += i * y[i]}
		printf "%.4f", (n * sxy - sx * sy) / (n * sxx - sx * sx)}'
}
for engine in fake xgboost; do
	case $engine in
	fake) model='{engine: fake}' space='{x: {float: [0, 1]}}' ;;
	xgboost) model='{engine: xgboost, trees: 3}' space='{learning_rate: {float: [0.05, 0.5]}}' ;;
	esac
	result=$(slope $engine "$model" "$space")
	kib=$(tail -n 1 <<<"$result")
	head -n -1 <<<"$result"
	if awk -v k="$kib" 'BEGIN {exit !(k < 1 && k > -4)}'; then ok "${engine}__memory_slope_is_zero"; else not_ok "${engine}__memory_slope_is_zero" "$kib KiB a task"; fi
	tasks=$(grep -c '"stage": *"01_hpo"' "$engine/telemetry/round_000.jsonl")
	[ "$tasks" -ge 2000 ] && ok "${engine}__2000_tasks" || not_ok "${engine}__2000_tasks" "$tasks"
done
finish
