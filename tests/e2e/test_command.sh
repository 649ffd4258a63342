#!/usr/bin/env bash
# Any program as the model: scores, predictions, failures, hostile parameters, nothing left running.
source "$(dirname "$0")/lib.sh"
cp -r "$EXAMPLES/command-shell" example && cd example || exit 1
expect command__example_runs 0 '' "$ORCH" start -q campaign.yaml
check command__winner_is_known grep -q '"degree": 2' command-campaign/rounds/round_000/01_hpo/best.json
check command__ties_and_params grep -q '"shrink": 0' command-campaign/rounds/round_000/01_hpo/best.json

# a program in shell that writes predictions: the mean of the target over the training rows of its fold (the data as CSV beside, by row number)
cat >mean.sh <<'SH'
fold=$1
echo "row,prediction" >p.csv
i=0; while [ $i -lt 60 ]; do echo "$i,5.5" >>p.csv; i=$((i + 1)); done
echo '{"predictions": "p.csv"}'
SH
spec() { # name, run, space
	printf 'name: %s\ndata: {source: points.csv, target: y}\nsplit: {holdout: 0.2, folds: {k: 3}}\nmetric: rmse\nmodel: {engine: command, run: %s}\nhpo: {sampler: grid, space: {p: %s}}\nlofo: {enabled: false}\nrfe: {enabled: false}\nresources: {retries: 0, fit_timeout: 3s}\n' "$1" "$2" "$3" >"$1.yaml"
}
spec predicts '"sh ./mean.sh {fold} {p}"' '[1]'
expect command__predictions 0 '' "$ORCH" start -q predicts.yaml
check command__predictions_are_scored grep -q '"rmse"' predicts/rounds/round_000/03_baseline/metrics.json
check command__contributions_are_not_known grep -q 'the engine \\"command\\" saves no model that orch can ask' predicts/rounds/round_000/07_diagnostics/shap.json
check command__page_says_so grep -q 'saves no model that orch can ask' predicts/rounds/round_000/report.html
check command__md_says_so bash -c "'$ORCH' report predicts --md | grep -q 'SHAP): none, the engine .*saves no model'"
check command__holdout_is_scored bash -c "! grep -q '\"holdout\": null' predicts/rounds/round_000/03_baseline/metrics.json"

spec fails '"sh -c \"echo broken pipe dream >&2; exit 3\" {p}"' '[1, 2]'
expect command__failure_exit_1 1 'no trial' "$ORCH" start -q fails.yaml
expect command__log_tells_why 1 'exit status 3: broken pipe dream' "$ORCH" start --dir fails-again fails.yaml
expect command__failure_is_told 0 'exit status 3' "$ORCH" show fails
expect command__last_words_are_kept 0 'broken pipe dream' "$ORCH" show fails

# A program that cannot be started is refused before anything is made.
spec absent '"./trainer {p}"' '[1]'
expect program__absent_path 2 'there is no program /.*/trainer \(paths are relative to the campaign file\)' "$ORCH" plan absent.yaml
expect program__absent_path_at_start 2 'there is no program' "$ORCH" start -q absent.yaml
check program__nothing_is_made test ! -e absent
spec unknown '"trainer-of-nobody {p}"' '[1]'
expect program__not_on_path 2 'no program "trainer-of-nobody" is found on PATH' "$ORCH" plan unknown.yaml
printf '#!/bin/sh\necho 1\n' >locked.sh
spec locked '"./locked.sh {p}"' '[1]'
expect program__not_executable 2 'locked.sh cannot be executed: chmod' "$ORCH" plan locked.yaml
chmod +x locked.sh
expect program__executable 0 'fits' "$ORCH" plan locked.yaml
spec root '"/nonexistent/trainer"' '[1]'
expect program__absent_absolute 2 'there is no program /nonexistent/trainer' "$ORCH" plan root.yaml
cat >hostile.yaml <<'YAML'
name: hostile
data: {source: points.csv, target: y}
split: {folds: {k: 3}}
metric: rmse
model: {engine: command, run: "sh ./hostile.sh {p}"}
hpo:
  sampler: grid
  space:
    p: ["; touch hacked", "it's \"quoted\"", "$(touch hacked)", "`touch hacked`", "{fold}", "a\nb"]
lofo: {enabled: false}
rfe: {enabled: false}
YAML
printf 'echo "{\\"score\\": $#}"\n' >hostile.sh
expect command__hostile_parameters 0 '' "$ORCH" start -q hostile.yaml
[ -z "$(find . -name hacked)" ] && ok command__nothing_is_executed || not_ok command__nothing_is_executed "a parameter was run"
check command__one_argument_a_placeholder grep -q '"score": 1.0' hostile/rounds/round_000/01_hpo/best.json
spec nonsense '"sh -c \"echo hello\" {p}"' '[1]'
expect command__no_json 1 'no trial' "$ORCH" start -q nonsense.yaml
expect command__no_json_is_told 0 'no JSON' "$ORCH" show nonsense
spec hangs '"sh -c \"sleep 77 & sleep 77\" {p}"' '[1]'
expect command__hang_is_ended 1 'no trial' "$ORCH" start -q hangs.yaml
sleep 0.3
[ -z "$(pgrep -f '^sleep 77$')" ] && ok command__nothing_survives || not_ok command__nothing_survives "$(pgrep -af 'sleep 77')"
cat >orphan.sh <<'SH'
(sleep 78 &)
echo '{"score": 1}'
SH
spec orphan '"sh ./orphan.sh {p}"' '[1]'
expect command__orphans 0 '' "$ORCH" start -q orphan.yaml
[ -z "$(pgrep -f '^sleep 78$')" ] && ok command__orphans_are_ended || not_ok command__orphans_are_ended "$(pgrep -af 'sleep 78')"
expect command__unknown_placeholder 2 'nonesuch' bash -c "sed 's/{p}/{nonesuch}/' predicts.yaml >u.yaml; '$ORCH' start -q u.yaml --dir u"
finish
