#!/usr/bin/env bash
# The elimination path of a ridge: against LOFO, against campaigns on what it keeps, groups whole, the same bytes after a kill, and why there is none.
source "$(dirname "$0")/lib.sh"
spec() { # excluded, further lines
	cat <<YAML
data: {source: $DATA/diabetes.csv, target: y, exclude: [$1]}
split: {folds: {k: 5}, holdout: 0.2}
resources: {workers: 2}
$2
YAML
}
RIDGE='model: {engine: ridge, alpha: 1}'
L=rounds/round_000/04_lofo
field() { python3 -c "import json; p = json.load(open('$1/$L/path.json')); print($2)"; }
mean() { sed -n "$(($2 + 2))p" "$1/$L/path.csv" | cut -d, -f4; } # campaign, step
near() { python3 -c "import sys; a, b = map(float, sys.argv[1:3]); sys.exit(abs(a - b) > 1e-9 * abs(b))" "$@"; }

spec '' "$RIDGE
rfe: {max_rounds: 2}" >whole.yaml
expect plan__tells_the_path 0 'path  *down to one feature' "$ORCH" plan whole.yaml
check whole__starts "$ORCH" start -q whole.yaml
same path__a_row_a_feature "$(cut -d, -f2 whole/$L/path.csv | tail -n +2 | tr '\n' ' ')" "10 9 8 7 6 5 4 3 2 1 "
same path__parquet_has_the_same "$("$ORCH" export whole -q --format csv --what path | grep '^0,' | cut -d, -f2-)" "$(tail -n +2 whole/$L/path.csv)"
# The first to go is the least by LOFO; without it the score is LOFO's.
last=$(tail -n 1 whole/$L/lofo.csv)
same first_step__is_the_least_by_lofo "$(sed -n 3p whole/$L/path.csv | cut -d, -f3)" "${last%%,*}"
check first_step__scores_as_lofo near "$(mean whole 1)" "$(echo "$last" | cut -d, -f9)"
# Campaigns on what is left after some steps, fitted for themselves: same folds, same score.
for step in 4 8; do
	spec "$(sed -n "3,$((step + 2))p" whole/$L/path.csv | cut -d, -f3 | paste -sd,)" "$RIDGE
lofo: {enabled: false}" >"left$step.yaml"
	check "left${step}__starts" "$ORCH" start -q "left$step.yaml"
	check "step_${step}__scores_as_a_campaign_on_it" near "$(mean whole $step)" \
		"$(python3 -c "import json; print(json.load(open('left$step/rounds/round_000/03_baseline/metrics.json'))['cv']['rmse']['mean'])")"
done
# What the rule says: the fewest whose mean is within one standard error of the best.
same chosen__is_the_rule "$(field whole "p['chosen']['features'], len(p['chosen']['kept'])")" \
	"$(awk -F, 'NR > 1 { n[NR] = $2; m[NR] = $4; e[NR] = $6; if (!best || $4 < m[best]) best = NR } END { for (i = 2; i <= NR; i++) if (m[i] <= m[best] + e[best]) least = n[i]; print least, least }' whole/$L/path.csv)"
expect show__tells_the_path 0 'path  *of round 0 down to one: best rmse [0-9.]* with [0-9]* features; .*optimistic' "$ORCH" show whole
expect markdown__tells_the_path 0 'Elimination path of round 0.*one standard error of it: .*optimistic' "$ORCH" report --md whole
check page__has_the_path grep -q 'Elimination path' whole/rounds/round_000/report.html
check plot__is_there grep -q 'Score along the elimination path' whole/rounds/round_000/08_plots/path.svg

# Killed at a durable step: the same bytes.
ORCH_FAULT=count:$WORK/steps "$ORCH" start -q whole.yaml --dir counted >/dev/null 2>&1
steps=$(wc -l <"$WORK/steps")
ORCH_FAULT=kill@$((steps * 4 / 10)) "$ORCH" start -q whole.yaml --dir cut >/dev/null 2>&1
same cut__was_killed $? 137
check cut__resumes "$ORCH" resume -q cut
same cut__same_bytes "$(digest cut)" "$(digest whole)"

spec '' "$RIDGE
metric: r2
lofo: {groups: {blood: [s1, s2, s3]}}
rfe: {enabled: false, min_features: 4}" >groups.yaml
check groups__starts "$ORCH" start -q groups.yaml
same groups__go_whole "$(field groups "p['steps'], p['maximise']") $(awk -F, '$3 == "blood" { print was - $2 } { was = $2 }' groups/$L/path.csv)" "7 True 3"
same groups__first_is_the_least "$(sed -n 3p groups/$L/path.csv | cut -d, -f3)" "$(tail -n 1 groups/$L/lofo.csv | cut -d, -f1)"
check groups__r2_is_that_of_lofo near "$(mean groups 1)" "$(tail -n 1 groups/$L/lofo.csv | cut -d, -f9)"
same groups__keeps_min_features "$(field groups "p['chosen']['features'] >= 4 and p['best']['features'] >= 4")" "True"

# No path, and why.
spec '' "$RIDGE
metric: mae
rfe: {enabled: false}" >mae.yaml
expect mae__plan_says_why 0 'path  *none: mae is no function of squared errors' "$ORCH" plan mae.yaml
check mae__starts "$ORCH" start -q mae.yaml
same mae__says_why "$(field mae "p['why']") $(ls mae/$L | grep -c '^path')" "mae is no function of squared errors: the path is for rmse, mse and r2 1"
check mae__page_says_why grep -q 'mae is no function of squared errors' mae/rounds/round_000/report.html
expect mae__nothing_to_export 2 'no round of .* has the table path' "$ORCH" export mae --format csv --what path
check mae__exports_the_rest "$ORCH" export mae -q --format csv --output tables
same mae__rest_has_no_path "$(ls tables | tr '\n' ' ')" "failures.csv lofo.csv predictions.csv rounds.csv trials.csv "
spec '' "model: {engine: forest, trees: 3}
rfe: {enabled: false}" >forest.yaml
check forest__starts "$ORCH" start -q forest.yaml
same forest__says_why "$(field forest "p['why']")" "only ridge gives the whole path for about the price of one refit; this model is forest"
spec '' "$RIDGE
rfe: {enabled: false, path: false}" >off.yaml
check off__starts "$ORCH" start -q off.yaml
same off__has_none "$(ls off/$L | grep -c '^path')" 0
awk 'BEGIN { for (c = 0; c < 700; c++) printf "x%d,", c; print "y"; for (r = 0; r < 60; r++) { for (c = 0; c < 700; c++) printf "%d,", r * (c + 7) % 101; print r % 17 } }' >wide.csv
spec '' "$RIDGE" | sed "s|source: .*csv|source: wide.csv|" >wide.yaml
expect wide__is_above_the_memory 0 'path  *none: 700 columns over 5 folds may take [0-9.]* MiB, above 256 MiB' "$ORCH" plan wide.yaml
sed 's/workers: 2/workers: 1, memory: 100MiB/' whole.yaml | sed "s|source: .*csv|source: narrow.csv|" >little.yaml
cut -d, -f1-200,701 wide.csv >narrow.csv
expect little__is_above_its_share 0 'path  *none: 200 columns over 5 folds may take [0-9.]* MiB, above 25.0 MiB' "$ORCH" plan little.yaml
spec '' "$RIDGE
rfe: {path: perhaps}" >bad.yaml
expect bad__is_told 2 'rfe.path must be true or false' "$ORCH" plan bad.yaml
finish
