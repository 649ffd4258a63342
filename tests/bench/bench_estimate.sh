#!/usr/bin/env bash
# What a plan says about time and memory, and what then happened, on three examples: time within a factor of two, memory of a worker within 30 %.
# @row estimate_linear | ridge, 439 rows, elimination to 2 features | - | time within a factor 2, memory within 30 % | - | 1
# @row estimate_boosted | xgboost, 569 rows, 3 rounds | - | time within a factor 2, memory within 30 % | - | 1
# @row estimate_forest | forest, 53,940 rows, one round | - | time within a factor 2, memory within 30 % | - | 1
set -euo pipefail
ORCH=$(realpath "${ORCH:-build/orch}")
examples=$(realpath "$(dirname "$0")/../../examples")
export NO_COLOR=1
work=$(mktemp -d "${TMPDIR:-/tmp}/orch-estimate.XXXXXX")
trap 'rm -rf "$work"' EXIT
export ORCH_CACHE=$work/cache
cd "$work"
case $1 in
estimate_linear) cp "$examples"/nba2k/* . ;;
estimate_boosted) cp "$examples"/breast_cancer/* . ;;
estimate_forest)
	cp "$examples"/diamonds/diamonds.csv .
	cat >campaign.yaml <<YAML
name: forest
data: {source: diamonds.csv, target: price}
split: {folds: {k: 3}}
model: {engine: forest, trees: 30}
hpo: {sampler: grid, space: {max_depth: [6, 12], min_samples_leaf: [5, 50]}}
rfe: {enabled: false}
YAML
	;;
esac
number() { tr -d '\n ' <plan.json | grep -oE "\"$1\":\{[^}]*\}" | grep -oE "\"$2\":[0-9.]+" | grep -oE '[0-9.]+$'; }
"$ORCH" plan --json campaign.yaml >plan.json 2>/dev/null
likely=$(number seconds likely)
planned=$(number memory worker)
began=$(date +%s.%N)
"$ORCH" start -q --dir out campaign.yaml >said 2>&1 || { cat said >&2; exit 1; }
seconds=$(awk "BEGIN {print $(date +%s.%N) - $began}")
happened=$(cat out/telemetry/*.jsonl | grep -oE '"peak_rss": *[0-9]+' | grep -oE '[0-9]+$' | sort -n | tail -n 1)
awk -v s="$seconds" -v l="$likely" -v p="$planned" -v h="$happened" 'BEGIN {
	printf "{\"seconds\": %.3f, \"answer\": [], \"reached\": %s, \"note\": \"time: planned %.1f s, took %.1f s; memory of a worker: planned %.1f MiB, was %.1f MiB\"}\n",
		s, (s / l < 2 && l / s < 2 && p / h < 1.3 && p / h > 0.7) ? "true" : "false", l, s, p / 1048576, h / 1048576}'
