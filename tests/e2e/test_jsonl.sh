#!/usr/bin/env bash
# A user's program that stays alive and takes fits as JSON lines: many fits, deaths, limits, wrong answers; its features, its progress.
source "$(dirname "$0")/lib.sh"
cp -r "$EXAMPLES/command-c" c && cd c || exit 1
check jsonl__c_example_compiles cc -O2 -Wall -Wextra -Werror -o trainer trainer.c
expect jsonl__c_example_runs 0 '' "$ORCH" start -q campaign.yaml
check jsonl__noise_is_dropped grep -q '"noise"' c-campaign/rounds/round_000/05_dropped/dropped.json
check jsonl__progress_is_kept grep -q '"progress":\[{"variant":0,"fold":0,"values":\[\[0,' <(tr -d ' ' <c-campaign/telemetry/round_000.jsonl)
check jsonl__what_it_says_is_kept grep -q 'trainer: 120 rows' c-campaign/telemetry/round_000.jsonl
sed 's/^rfe.*/rfe: {enabled: false}/; s/0.01, 0.1//; s/lofo.*//' campaign.yaml >one.yaml
echo 'lofo: {enabled: false}' >>one.yaml
"$ORCH" start -q one.yaml --dir one1 && sed -i 's/fit_timeout/workers: 1, fit_timeout/' one.yaml && "$ORCH" start -q one.yaml --dir one2
same jsonl__workers_do_not_matter "$(sha256sum <one1/rounds/round_000/03_baseline/predictions.parquet)" "$(sha256sum <one2/rounds/round_000/03_baseline/predictions.parquet)"

# a program in shell that misbehaves as its parameter says; each start leaves a line in "starts"
cat >server.sh <<'SH2'
echo start >>"$1"
while read -r line; do
	p=$(sed -E 's/.*"p": ?"([a-z_]+)".*/\1/' <<<"$line")
	id=$(sed -E 's/.*"id": ?([0-9]+).*/\1/' <<<"$line")
	good="{\"type\": \"result\", \"id\": $id, \"score\": 2.5}"
	case $p in
	ok) echo "$good" ;;
	chatter) echo "loading model"; echo "{\"type\": \"progress\", \"step\": 1, \"value\": 3}"; echo "$good" ;;
	dies) echo "out of luck" >&2; exit 3 ;;
	ends) echo "$good"; exit 0 ;;
	hangs) sleep 8171 & sleep 8171 ;;
	wrong_id) echo '{"type": "result", "id": 99999, "score": 1}' ;;
	wrong_type) echo '{"type": "reply", "score": 1}' ;;
	no_score) echo '{"type": "result"}' ;;
	long) printf '{"type": "progress", "step": 1, "value": 3, "more": "%0300000d"}\n' 0; printf '{"type": "result", "score": 2.5, "more": "%0300000d"}\n' 0 ;;
	shuts) exec >&-; sleep 8171 ;;
	says_no) echo "{\"type\": \"error\", \"id\": $id, \"text\": \"matrix is singular\"}" ;;
	esac
done
SH2
cp "$EXAMPLES/command-shell/points.csv" .
run() { # name, values of p
	printf 'name: %s\ndata: {source: points.csv, target: y}\nsplit: {folds: {k: 2}}\nmetric: rmse\nmodel: {engine: command, run: "bash ./server.sh %s", protocol: jsonl}\nhpo: {sampler: grid, space: {p: [%s]}}\nlofo: {enabled: false}\nrfe: {enabled: false}\nresources: {retries: 0, workers: 1, fit_timeout: 4s}\n' "$1" "$PWD/starts_$1" "$2" >"$1.yaml"
	"$ORCH" start -q "$1.yaml" >"$1.log" 2>&1
}
starts() { wc -l <"starts_$1"; }
failed() { grep -c ',failed$' "$1/rounds/round_000/01_hpo/trials.csv"; }
run lives 'ok, chatter'
same jsonl__is_started_once "$(starts lives)" 1
same jsonl__chatter_is_no_answer "$(failed lives)" 0
run long 'ok, long'
same jsonl__a_long_line_is_taken_whole "$(failed long) $(starts long)" "0 1"
for case in 'shuts:closed its stdout' 'dies:exit status 3 in the middle of a fit' 'hangs:timeout: the program was ended after 4 s' 'wrong_id:answered fit 99999' 'wrong_type:of the type .reply' \
	'no_score:neither a finite' 'says_no:matrix is singular'; do
	name=${case%%:*}
	run "$name" "ok, $name"
	same "jsonl__${name}_costs_a_trial" "$(failed "$name")" 1
	expect "jsonl__${name}_is_told" 0 "${case#*:}" "$ORCH" show "$name"
done
expect jsonl__failure_shows_the_task 0 'task: .*"type": ?"fit"' "$ORCH" show dies
expect jsonl__failure_shows_last_words 0 'out of luck' "$ORCH" show dies
same jsonl__an_error_is_an_answer "$(starts says_no)" 1
run ends 'ok, ends'
same jsonl__may_end_between_fits "$(failed ends)" 0
[ -z "$(pgrep -f '^sleep 8171')" ] && ok jsonl__nothing_survives || not_ok jsonl__nothing_survives "$(pgrep -af 'sleep 8171')"
finish
