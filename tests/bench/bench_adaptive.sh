#!/usr/bin/env bash
# A whole campaign as a user runs it, start-up, reports and bundles included: every feature left out, folds added only where they are needed.
# @row boosted_lofo_adaptive | campaign: boosted LOFO with adaptive folds, 50 features, 5 folds, 5,000 rows, 100 trees, depth 6 | XGBRegressor, all folds, 2 of 50 features, extrapolated | 3 | - | 1
set -euo pipefail
rows=${BENCH_ROWS:-5000}
data=$(realpath "$BENCH_DATA") orch=$(realpath "$ORCH") table=$BENCH_DATA/adaptive_$rows.csv
[ -f "$table" ] || "$BUILD/tests/bench/data" "$rows" 50 reg "$table"
rm -rf "$data/adaptive"
mkdir -p "$data/adaptive"
cd "$data/adaptive"
cat >campaign.yaml <<YAML
name: adaptive
data: {source: $data/adaptive_$rows.csv, target: y}
split: {holdout: 0, folds: {k: 5}}
metric: rmse
model: {engine: xgboost, trees: 100, max_depth: 6}
lofo: {adaptive: true}
rfe: {enabled: false}
resources: {workers: 2}
YAML
start=$(date +%s.%N)
ORCH_CACHE=$data/adaptive/cache "$orch" start -q campaign.yaml >&2
end=$(date +%s.%N)
awk -F, -v start="$start" -v end="$end" 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == "folds_used") column = i; next} {folds += $column; units++} END {
	printf "{\"seconds\": %.3f, \"note\": \"%d features, %.1f folds each\"}\n", end - start, units, folds / units}' adaptive/rounds/round_000/04_lofo/lofo.csv
