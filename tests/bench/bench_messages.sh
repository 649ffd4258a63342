#!/usr/bin/env bash
# What is not in the tasks themselves, by processor time (user and system), which a busy machine does not change. Workers and orchestrator count their own, it
# is in telemetry/: of the tasks; of messages (reading, writing and waiting for the lines that carry tasks and results, on both sides); of all the rest that
# the orchestrator does (proposing, scheduling, recording, watching memory, status). Two runs of a different number of trials, so that what is done once
# cancels out.
# @row messages_forest | fits of some 9 ms, as many in a message as orch chooses | - | under 2 % of the processor time beside the tasks, messages and all the rest | - | 1
# @row messages_alone | the same, each alone in its message | - | - | - | 1
set -euo pipefail
ORCH=$(realpath "${ORCH:-build/orch}")
export NO_COLOR=1
work=$(mktemp -d "${TMPDIR:-/tmp}/orch-messages.XXXXXX")
trap 'rm -rf "$work"' EXIT
export ORCH_CACHE=$work/cache
cd "$work"
awk 'BEGIN {srand(1); print "a,b,c,d,e,y"; for (i = 0; i < 1500; i++) {a = rand(); b = rand(); print a "," b "," rand() "," rand() "," rand() "," a * b + rand() / 9}}' >data.csv
run() { # trials: milliseconds of tasks, messages and the rest
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
	"$ORCH" start -q "m$1.yaml" >said 2>&1 || { cat said >&2; exit 1; }
	cat "m$1"/telemetry/*.jsonl | awk '
		function value(name) { return match($0, "\"" name "\": *[0-9.e-]+") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0 : 0 }
		{ messages += value("message_cpu_seconds") }
		/"event": *"task"/ { tasks += value("cpu_seconds") }
		/"event": *"orchestrator"/ { rest += value("cpu_seconds") - value("message_cpu_seconds"); said++ }
		END { if (!said || !tasks || !messages) exit 1; printf "%.3f %.3f %.3f\n", tasks * 1000, messages * 1000, rest * 1000 }'
}
began=$(date +%s.%N)
less=$(run 150 "$1")
more=$(run 550 "$1")
awk -v less="$less" -v more="$more" -v s="$(awk "BEGIN {print $(date +%s.%N) - $began}")" -v row="$1" 'BEGIN {
	split(less, a); split(more, b)
	tasks = b[1] - a[1]; messages = b[2] - a[2]; rest = b[3] - a[3]; all = tasks + messages + rest
	printf "{\"seconds\": %.3f, \"answer\": [], \"reached\": %s, \"note\": \"%.2f ms of processor time a fit; beside the tasks %.2f %%: messages %.2f %%, scheduling and recording %.2f %%\"}\n",
		s, row == "messages_alone" || messages + rest < 0.02 * all ? "true" : "false", all / 800, 100 * (messages + rest) / all, 100 * messages / all, 100 * rest / all }'
