#!/usr/bin/env bash
# What is not in the tasks themselves: messages, scheduling, recording. Judged by processor time, which a busy machine does not change: what all processes
# used, less what the workers used within their tasks (telemetry). Two runs of a different number of trials, so that start, data, pages and bundle cancel out.
# @row messages_forest | fits of some 9 ms, as many in a message as orch chooses | - | under 2 % of the processor time beside the tasks | - | 1
# @row messages_alone | the same, each alone in its message | - | - | - | 1
set -euo pipefail
ORCH=$(realpath "${ORCH:-build/orch}")
export NO_COLOR=1
work=$(mktemp -d "${TMPDIR:-/tmp}/orch-messages.XXXXXX")
trap 'rm -rf "$work"' EXIT
export ORCH_CACHE=$work/cache
cd "$work"
awk 'BEGIN {srand(1); print "a,b,c,d,e,y"; for (i = 0; i < 1500; i++) {a = rand(); b = rand(); print a "," b "," rand() "," rand() "," rand() "," a * b + rand() / 9}}' >data.csv
run() { # trials: milliseconds of all processes, and of the tasks
	cat >"m$1.yaml" <<YAML
name: m$1
data: {source: data.csv, target: y}
split: {folds: {k: 2}}
model: {engine: forest, trees: 24}
hpo: {sampler: random, trials: $1, space: {max_features: {float: [0.3, 1]}}}
lofo: {enabled: false}
rfe: {enabled: false}
resources: {workers: 2$([ "$2" = messages_alone ] && echo ', batch: 1')}
YAML
	TIMEFORMAT='%U %S'
	{ time "$ORCH" start -q "m$1.yaml" >said 2>&1; } 2>times || { cat said >&2; exit 1; }
	awk '{printf "%.0f ", ($1 + $2) * 1000}' times
	grep -ohE '"cpu_seconds": *[0-9.e-]+' "m$1"/telemetry/*.jsonl | grep -oE '[0-9.e-]+$' | awk '{sum += $1} END {printf "%.0f\n", sum * 1000}'
}
began=$(date +%s.%N)
read -r all1 fits1 < <(run 150 "$1")
read -r all2 fits2 < <(run 550 "$1")
awk -v a="$((all2 - all1))" -v f="$((fits2 - fits1))" -v s="$(awk "BEGIN {print $(date +%s.%N) - $began}")" -v row="$1" 'BEGIN {
	share = (a - f) / a
	printf "{\"seconds\": %.3f, \"answer\": [], \"reached\": %s, \"note\": \"%.2f ms of processor time a fit, %.2f %% of it beside the tasks\"}\n",
		s, row == "messages_alone" || share < 0.02 ? "true" : "false", a / 800, 100 * share}'
