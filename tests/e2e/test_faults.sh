#!/usr/bin/env bash
# What a bad trial costs: one attempt, a cause in the records, and not the campaign.
source "$(dirname "$0")/lib.sh"
spec() { # name, space for behave, further parameters
	cat >"$1.yaml" <<YAML
name: $1
data: {source: $DATA/diabetes.csv, target: y}
split: {folds: {k: 2}}
metric: rmse
model: {engine: fake, seconds: 30$3}
hpo: {sampler: grid, space: {behave: $2, x: [0.2, 0.4]}}
lofo: {enabled: false}
resources: {workers: 2, retries: 1, fit_timeout: 2s, memory: 700MiB}
YAML
}
failed_as() { sqlite3 -readonly "$1/ledger.db" "SELECT count(*) FROM attempts WHERE cause = '$2'"; }
for case in 'crash signal' 'abort signal' 'hang timeout' 'hog memory' 'fail error' 'nan error' 'garbage ok'; do
	set -- $case
	spec "$1" "[ok, $1]" ""
	[ "$1" = hog ] && sed -i 's/fit_timeout: 2s/fit_timeout: 30s/' hog.yaml # touching all that memory may take a while
	expect "$1__campaign_goes_on" 0 '' "$ORCH" start -q "$1.yaml"
	check "$1__best_is_a_good_trial" grep -q '"behave": "ok"' "$1/rounds/round_000/01_hpo/best.json"
	if [ "$2" != ok ]; then
		[ "$(failed_as "$1" "$2")" -ge 4 ] && ok "$1__recorded_as_$2" || not_ok "$1__recorded_as_$2" "$(failed_as "$1" "$2") attempts"
		same "$1__trials_failed" "$(grep -c ',failed$' "$1/rounds/round_000/01_hpo/trials.csv")" 2
	fi
done
spec flaky "[flaky]" ""
expect flaky__second_attempt_counts 0 '' "$ORCH" start -q flaky.yaml
same flaky__no_trial_failed "$(grep -c ',failed$' flaky/rounds/round_000/01_hpo/trials.csv)" 0
spec leak "[leak]" ", megabytes: 150"
expect leak__worker_is_replaced 0 '' "$ORCH" start -q --allow-large leak.yaml
same leak__no_trial_failed "$(grep -c ',failed$' leak/rounds/round_000/01_hpo/trials.csv)" 0
[ "$(grep -o '"pid": *[0-9]*' leak/telemetry/round_000.jsonl | sort -u | wc -l)" -gt 2 ] && ok leak__fresh_workers || not_ok leak__fresh_workers "the same workers went on"
# What travels together ends the same: one trial that kills its worker takes nobody with it, one that fails is tried again by itself.
for batch in 1 16; do
	spec together_$batch "[ok, fail, flaky, crash]" ""
	sed -i "s/x: .0.2, 0.4./x: [0.1, 0.2, 0.3, 0.4, 0.5]/; s/workers: 2/workers: 2, batch: $batch/; s/fit_timeout: 2s/fit_timeout: 20s/" together_$batch.yaml
	expect together_${batch}__campaign_goes_on 0 '' "$ORCH" start -q together_$batch.yaml
	same together_${batch}__crashes_and_first_attempts "$(failed_as together_$batch signal)" 30
	same together_${batch}__failures_are_tried_again "$(failed_as together_$batch error)" 20
done
same together__same_trials "$(sha256sum <together_1/rounds/round_000/01_hpo/trials.csv)" "$(sha256sum <together_16/rounds/round_000/01_hpo/trials.csv)"
grep -q '"tasks": *1[0-9]' together_16/telemetry/round_000.jsonl && ok together__in_one_message || not_ok together__in_one_message "no task of several"
# Killed in the search: trials that have ended are taken from their own rows, fits of the others one by one, and nothing is done twice.
cat >killed.yaml <<YAML
name: killed
data: {source: $DATA/diabetes.csv, target: y}
split: {folds: {k: 3}}
metric: rmse
model: {engine: fake}
hpo: {sampler: random, trials: 3000, space: {x: {float: [0, 1]}, y: {float: [0, 1]}}}
lofo: {enabled: false}
resources: {workers: 2, batch: 8}
YAML
ORCH_FAULT=count:$PWD/steps "$ORCH" start -q killed.yaml --dir whole >/dev/null 2>&1
ORCH_FAULT=kill@$(grep -n '^ledger committed' steps | sed -n 15p | cut -d: -f1) "$ORCH" start -q killed.yaml >/dev/null 2>&1
expect killed__goes_on 0 "[1-9][0-9]* of 9000 fits kept from the ledger" "$ORCH" resume killed
same killed__same_trials "$(sha256sum <killed/rounds/round_000/01_hpo/trials.csv)" "$(sha256sum <whole/rounds/round_000/01_hpo/trials.csv)"
same killed__each_fit_once "$(sqlite3 -readonly killed/ledger.db "SELECT count(*) FROM fits WHERE stage = '01_hpo'")" 9000
spec all "[fail]" ""
expect all_fail__exit_1 1 'no trial' "$ORCH" start -q all.yaml
finish
