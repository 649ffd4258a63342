#!/usr/bin/env bash
# on_finish: run when a campaign ends, whatever way; its failure changes nothing; orch notify --test tries it.
source "$(dirname "$0")/lib.sh"
spec() { # name, command, further lines
	printf 'name: %s\ndata: {source: %s/diabetes.csv, target: y}\nsplit: {folds: {k: 2}}\nmetric: rmse\nmodel: {engine: fake, behave: %s, seconds: 0.2}\nhpo: {sampler: grid, space: {x: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}}\nrfe: {enabled: false}\nlofo: {enabled: false}\nresources: {workers: 1, retries: 0}\non_finish: %s\n' \
		"$1" "$DATA" "${3:-ok}" "$2" >"$1.yaml"
}
cat >hook.sh <<'SH2'
env | grep '^ORCH_[A-Z]*=' | grep -vE '^ORCH_(CACHE|FAKE)' | sort >"$1.env"
cat >"$1.json"
echo "told $ORCH_NAME"
SH2
spec good '"sh ./hook.sh good"'
expect finish__done 0 '' "$ORCH" start -q good.yaml
check finish__name grep -qx 'ORCH_NAME=good' good.env
check finish__state grep -qx 'ORCH_STATE=done' good.env
check finish__exit grep -qx 'ORCH_EXIT=0' good.env
check finish__dir grep -qx "ORCH_DIR=$PWD/good" good.env
check finish__summary grep -qE '^ORCH_SUMMARY=good: done, rmse [0-9.]{1,10} with 10 features \(round 0 of 1\)$' good.env
check finish__best grep -qE '^ORCH_BEST=[0-9.]+$' good.env
check finish__summary_on_stdin cmp good.json good/summary.json
check finish__output_is_kept grep -qx 'told good' good/telemetry/on_finish.log
check finish__campaign_is_whole "$ORCH" verify -q good
spec bad '"echo no mail server >&2; exit 9"'
expect finish__its_failure_changes_nothing 0 'warning: on_finish: it ended with exit status 9' "$ORCH" start -q bad.yaml
check finish__its_failure_is_kept grep -q 'no mail server' bad/telemetry/on_finish.log
spec failed '"sh ./hook.sh failed"' fail
expect finish__failed 1 '' "$ORCH" start -q failed.yaml
check finish__state_failed grep -qx 'ORCH_STATE=failed' failed.env
check finish__exit_of_failed grep -qx 'ORCH_EXIT=1' failed.env
check finish__no_summary_is_an_empty_object grep -qx '{}' failed.json
spec cut '"sh ./hook.sh cut"' slow
"$ORCH" start -q cut.yaml 2>/dev/null &
pid=$!
sleep 1.2
kill -INT $pid
wait $pid
same finish__interrupted_exits_75 $? 75
check finish__state_interrupted grep -qx 'ORCH_STATE=interrupted' cut.env
expect finish__resumed_is_done 0 '' "$ORCH" resume -q cut
check finish__state_after_resume grep -qx 'ORCH_STATE=done' cut.env
expect notify__of_a_campaign 0 'told good' "$ORCH" notify --test good
check notify__state_is_test grep -qx 'ORCH_STATE=test' good.env
expect notify__of_a_file 0 'told good' "$ORCH" notify --test good.yaml
expect notify__tells_a_failure 1 'exit status 9' "$ORCH" notify --test bad.yaml
expect notify__asks_for_test 2 'orch notify --test' "$ORCH" notify good
sed -i '/^on_finish/d' good.yaml
expect notify__without_on_finish 2 'has no on_finish' "$ORCH" notify --test good.yaml
finish
