#!/usr/bin/env bash
# Pruners that look at fits under way: the same trials and the same round whatever the number of workers and the interruptions.
. "$(dirname "$0")/lib.sh"
R=rounds/round_000/01_hpo
cp "$EXAMPLES/command-shell/points.csv" .

# a program in shell, in both forms: its value falls from x + 5 to x over five steps; what it was asked for and how far it got are told in a log
cat >fit.sh <<'SH'
x=$1 log=$2
for step in 1 2 3 4 5; do
	echo "{\"type\": \"progress\", \"step\": $step, \"value\": $(awk "BEGIN {print $x + 5 - $step}")}"
	echo "step $step" >>"$log"
	sleep "${3:-0.02}"
done
echo "{\"score\": $x}"
SH
cat >server.sh <<'SH'
log=$1 knows=$2
echo start >>"$log"
while read -r line; do
	case $line in *'"stop"'*) [ "$knows" ] || exit 9; continue ;; esac
	x=$(sed -E 's/.*"x": ?([0-9.]+).*/\1/' <<<"$line")
	id=$(sed -E 's/.*"id": ?([0-9]+).*/\1/' <<<"$line")
	for step in 1 2 3 4 5; do
		echo "{\"type\": \"progress\", \"id\": $id, \"step\": $step, \"value\": $(awk "BEGIN {print $x + 5 - $step}")}"
		if [ "$knows" ] && read -r -t 0.04 line; then
			echo "{\"type\": \"stopped\", \"id\": $id}"
			echo stopped >>"$log"
			continue 2
		fi
	done
	echo "{\"type\": \"result\", \"id\": $id, \"score\": $x}"
done
SH

campaign() { # folder, model, hpo, workers
	mkdir -p "$1" && cp points.csv fit.sh server.sh "$1" && (
		cd "$1" && cat >c.yaml <<YAML
data: {source: ${SOURCE:-points.csv}, target: y}
split: {folds: {k: 2}}
model: $2
hpo: {$3}
lofo: {enabled: false}
rfe: {enabled: false}
resources: {workers: $4, retries: 0}
YAML
	)
}
run() { campaign "$@" && (cd "$1" && "$ORCH" start -q c.yaml) >"$1.log" 2>&1 || not_ok "$1__starts" "$(tail -n 3 "$1.log")"; }
tables() { (cd "$1/c/rounds" && find . -type f ! -name 'report.html' ! -name COMPLETE ! -name MANIFEST.sha256 -print0 | sort -z | xargs -0 sha256sum | sha256sum); }
column() { awk -F, -v name="$2" 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == name) c = i; next} {print $c}' "$1/c/$R/trials.csv"; }
count() { column "$1" state | grep -c "^$2\$"; }
# killed twice, each time when so many trials have ended
interrupted() { # folder, model, hpo, workers
	campaign "$@"
	(
		cd "$1" || exit 1
		"$ORCH" start -q c.yaml >log 2>&1 &
		for rows in 11 18; do
			for _ in $(seq 1500); do [ "$(sqlite3 -readonly c/ledger.db 'select count(*) from trials' 2>/dev/null || echo 0)" -ge $rows ] && break; sleep 0.02; done
			kill -9 $! 2>/dev/null
			wait $! 2>/dev/null
			"$ORCH" resume -q c >>log 2>&1 &
		done
		wait $!
		[ -f c/rounds/round_000/COMPLETE ] || "$ORCH" resume -q c >>log 2>&1 # the second was told off while the first was still dying
	)
}
command -v sqlite3 >/dev/null || sqlite3() { python3 -c 'import sqlite3, sys; print(sqlite3.connect("file:" + sys.argv[2] + "?mode=ro", uri=True).execute(sys.argv[3]).fetchone()[0])' "$@"; }

SPACE='space: {x: {float: [0, 1]}, y: {float: [0, 1]}}'
FAKE='{engine: fake, steps: 6, behave: slow, seconds: 0.02}'
for pruner in median halving hyperband; do
	hpo="sampler: random, trials: 24, pruner: $pruner, $SPACE"
	for workers in 1 5; do run "$pruner$workers" "$FAKE" "$hpo" $workers; done
	same "curve_${pruner}__five_workers" "$(tables ${pruner}5)" "$(tables ${pruner}1)"
done
run median2 "$FAKE" "sampler: random, trials: 24, pruner: median, $SPACE" 2
same curve_median__two_workers "$(tables median2)" "$(tables median1)"
check curve__some_are_stopped_under_way [ "$(wc -l <median1/c/$R/stopped.csv)" -gt 3 ]
same curve__those_are_pruned "$(tail -n +2 median1/c/$R/stopped.csv | cut -d, -f1 | sort -nu | while read -r t; do column median1 state | sed -n "$((t + 1))p"; done | sort -u)" pruned
same curve__none_has_failed "$(count median1 failed)" 0
same curve__the_first_cohort_is_whole "$(column median1 state | head -n 10 | sort -u)" done
expect curve__status_counts_them 0 "trials +$(count median1 done) done, $(count median1 pruned) pruned" "$ORCH" status median1/c
check curve__round_holds "$ORCH" verify median1/c
interrupted cut "$FAKE" "sampler: random, trials: 24, pruner: median, $SPACE" 2
same curve__killed_and_resumed "$(tables cut)" "$(tables median1)"
interrupted cutlearned "$FAKE" "sampler: tpe, trials: 24, pruner: hyperband, $SPACE" 5
run learned "$FAKE" "sampler: tpe, trials: 24, pruner: hyperband, $SPACE" 1
same curve__learned_killed_and_resumed "$(tables cutlearned)" "$(tables learned)"

# boosting: stopped ones save rounds, the others are what they are without a pruner
SOURCE=$DATA/diabetes.csv
BOOST='{engine: xgboost, trees: 60}'
SPACE='space: {max_depth: {int: [1, 8]}, learning_rate: {float: [0.01, 0.5], log: true}}'
run boost1 "$BOOST" "sampler: random, trials: 20, pruner: median, $SPACE" 1
run boost5 "$BOOST" "sampler: random, trials: 20, pruner: median, $SPACE" 5
run whole "$BOOST" "sampler: random, trials: 20, $SPACE" 2
same curve_boost__five_workers "$(tables boost5)" "$(tables boost1)"
check curve_boost__some_are_stopped [ -s boost1/c/$R/stopped.csv ]
same curve_boost__the_others_are_as_ever "$(grep ',done$' boost1/c/$R/trials.csv | grep -vxFf whole/c/$R/trials.csv)" ''

# programs: TERM in the template form, "stop" in the other; what does not know it is started again
SOURCE=points.csv
SPACE='space: {x: {float: [0, 9]}}'
hpo="sampler: sobol, trials: 16, pruner: median, $SPACE"
run template "{engine: command, run: 'bash ./fit.sh {x} $WORK/template.steps 0.05'}" "$hpo" 2
run template5 "{engine: command, run: 'bash ./fit.sh {x} $WORK/template5.steps 0'}" "$hpo" 5
same curve_template__workers_do_not_matter "$(cat template5/c/$R/{trials,stopped}.csv)" "$(cat template/c/$R/{trials,stopped}.csv)"
check curve_template__stopped_ones_save_steps [ "$(wc -l <template.steps)" -lt $((5 * ($(count template done) * 3 + $(count template pruned)))) ]
run jsonl "{engine: command, protocol: jsonl, run: 'bash ./server.sh $WORK/jsonl.log knows'}" "$hpo" 2
same curve_jsonl__as_the_other_form "$(cat jsonl/c/$R/{trials,stopped}.csv)" "$(cat template/c/$R/{trials,stopped}.csv)"
same curve_jsonl__who_knows_stop_lives_on "$(grep -c start jsonl.log)" 2
check curve_jsonl__it_is_told_to_stop grep -q stopped jsonl.log
run deaf "{engine: command, protocol: jsonl, run: 'bash ./server.sh $WORK/deaf.log'}" "$hpo" 2
same curve_jsonl__who_does_not_is_started_again "$(cat deaf/c/$R/{trials,stopped}.csv)" "$(cat template/c/$R/{trials,stopped}.csv)"

expect curve__plan_says_it 0 'pruner +median: .* fits under way by the values they report' "$ORCH" plan median1/c.yaml
campaign grid '{engine: xgboost}' 'sampler: grid, pruner: median, space: {trees: [10, 20, 30], max_depth: [2, 3, 4, 5, 6]}' 1
expect pruner__plan_says_where_all_are_one_group 0 'median can decide nothing: .* all are one group' "$ORCH" plan grid/c.yaml
sed -i 's/pruner: median/pruner: halving/' grid/c.yaml
expect pruner__halving_needs_no_other_group 0 'halving: stops poor trials after some of their folds; ' "$ORCH" plan grid/c.yaml
finish
