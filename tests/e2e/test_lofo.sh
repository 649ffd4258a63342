#!/bin/bash
# What features are worth, and what goes: groups that are found, pruning before round 0, what the tables hold.
. "$(dirname "$0")/lib.sh"

column() { # file, name: the values of a column
	awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next } { print $at }' "$1"
}
awk 'BEGIN { srand(7); print "a,b,copy,near,k,kind,noise,other,y"
	for (i = 0; i < 400; i++) { a = rand(); b = rand(); n = rand(); kind = i % 3
		printf "%.9f,%.9f,%.9f,%.9f,7,k%d,%.9f,%.9f,%.9f\n", a, b, b, b + n / 100, kind, rand(), rand(), 2 * a + b + (kind == 1) + rand() / 4 } }' >d.csv

cat >auto.yaml <<'YAML'
data: {source: d.csv, target: y, prune: {constants: true}}
model: {engine: ridge}
split: {holdout: 0.2}
lofo: {groups: auto}
rfe: {drop: 1, max_rounds: 3}
YAML
expect groups__plan_tells_what_was_found 0 'groups found: 1 of 3 features' "$ORCH" plan auto.yaml
expect prune__plan_offers_copies 0 'copy \(as b\); data.prune: \{duplicates: true\} leaves it out' "$ORCH" plan auto.yaml
expect prune__start_tells_constants 0 'left out: 1 feature is constant: k' "$ORCH" start auto.yaml
R=auto/rounds/round_000
same prune__reasons_are_written "$(cat $R/00_dataset/pruned.csv)" $'feature,reason,partner,spearman\nk,constant,,'
same prune__round_0_lacks_it "$(grep -c '"k"' $R/00_dataset/features.json)" 0
same groups__are_units "$(column $R/04_lofo/lofo.csv feature | sort | tr '\n' ' ')" "a auto:b kind noise other "
same groups__are_counted "$(grep '^auto:b,' $R/04_lofo/lofo.csv | cut -d, -f14)" 3
same groups__correlation_of_a_copy_is_one "$(sed -n 2p $R/00_dataset/correlation.csv)" b,copy,1
same lofo__each_interval_names_its_folds "$(column $R/04_lofo/lofo.csv folds_used | sort -u)" 5
same lofo__ranks_of_each_fold "$(column $R/04_lofo/folds.csv rank | sort -n | uniq -c | awk '{print $1 "x" $2}' | tr '\n' ' ')" "5x1 5x2 5x3 5x4 5x5 "
check groups__rounds_hold "$ORCH" verify auto
same groups__are_rows_of_what_folds_agree_on "$(grep -oE '>(auto:b|b|copy|near|kind)</text>' auto/report/plots/selection_by_round.svg | sort | tr '\n' ' ')" ">auto:b</text> >kind</text> "

sed 's/constants: true/duplicates: true, correlated: 0.98/' auto.yaml >prune.yaml
check prune__starts "$ORCH" start prune.yaml
same prune__copies_and_correlated "$(cut -d, -f1-3 prune/rounds/round_000/00_dataset/pruned.csv)" $'feature,reason,partner\ncopy,duplicate,b\nnear,correlated,b'
same prune__only_before_round_0 "$(ls prune/rounds/*/00_dataset/pruned.csv | wc -l)" 1

# Of b, copy and near each is worth nothing while the others are there: together they must not go.
cat >many.yaml <<'YAML'
data: {source: d.csv, target: y}
model: {engine: ridge}
split: {holdout: 0.2}
rfe: {drop: insignificant, max_rounds: 4}
YAML
check insignificant__starts "$ORCH" start many.yaml
M=many/rounds/round_000/06_comparison/comparison.json
same insignificant__all_together_got_worse "$(tr -d ' \n' <$M | grep -o '"tried":\[{"units":[0-9]*' | grep -oE '[0-9]+$')" "$(grep -c . <(column many/rounds/round_000/04_lofo/lofo.csv feature | grep -vxE 'a|kind'))"
check insignificant__something_is_taken_back grep -q 'together that got worse, so [0-9]* of [0-9]* are taken back' $M
last=$(ls -d many/rounds/round_* | tail -n 1)
same insignificant__one_of_the_copies_stays "$(grep -cE '"(b|copy|near)"' "$last/00_dataset/features.json")" 1
same insignificant__what_helps_stays "$(grep -cE '"(a|kind)"' "$last/00_dataset/features.json")" 2
same insignificant__noise_is_gone "$(grep -cE '"(k|noise|other)"' "$last/00_dataset/features.json")" 0
check insignificant__verifies "$ORCH" verify many
# killed among the sets, it goes on to the same bytes
ORCH_FAULT=count:$WORK/steps "$ORCH" start -q many.yaml --dir counted >/dev/null 2>&1
for step in $(grep -n 'ledger commit' "$WORK/steps" | cut -d: -f1 | sed -n '5p;7p;9p;12p'); do
	rm -rf killed
	(ORCH_FAULT=kill@$step "$ORCH" start -q many.yaml --dir killed) >/dev/null 2>&1
	"$ORCH" resume -q killed >/dev/null 2>&1
	same "insignificant__killed_at_step_$step" "$(digest killed)" "$(digest many)"
done

# What is clearly worth keeping gets fewer folds; everything else gets all of them, and the same numbers as without adaptive folds.
cat >adaptive.yaml <<'YAML'
data: {source: d.csv, target: y, exclude: [copy, near, k, kind]}
model: {engine: xgboost, trees: 8, max_depth: 3}
split: {folds: {k: 4, repeats: 2}}
lofo: {adaptive: true}
rfe: {drop: 1, max_rounds: 2}
YAML
sed 's/adaptive: true/adaptive: false/' adaptive.yaml >every.yaml
check adaptive__starts "$ORCH" start adaptive.yaml
check adaptive__every_fold_starts "$ORCH" start every.yaml
A=adaptive/rounds/round_000/04_lofo
same adaptive__the_clear_one_needs_three_folds "$(grep '^a,' $A/lofo.csv | cut -d, -f11)" 3
same adaptive__others_get_all "$(grep -E '^(noise|other),' $A/lofo.csv | cut -d, -f11 | sort -u)" 8
same adaptive__others_have_the_same_numbers "$(grep -E '^(noise|other),' $A/lofo.csv | cut -d, -f1-6)" "$(grep -E '^(noise|other),' every/rounds/round_000/04_lofo/lofo.csv | cut -d, -f1-6)"
same adaptive__first_folds_have_the_same_numbers "$(grep -E '^a,[012],' $A/folds.csv | cut -d, -f1-5)" "$(grep -E '^a,[012],' every/rounds/round_000/04_lofo/folds.csv | cut -d, -f1-5)"
same adaptive__says_what_it_saved "$(grep -oE '"fits_saved": [0-9]+' $A/adaptive.json | grep -oE '[0-9]+')" "$(column $A/lofo.csv folds_used | awk '{ saved += 8 - $1 } END { print saved }')"
check adaptive__verifies "$ORCH" verify adaptive
sed 's/^model/resources: {workers: 1}\nmodel/' adaptive.yaml >one.yaml
check adaptive__one_worker_starts "$ORCH" start one.yaml
same adaptive__any_number_of_workers "$(cat $A/*.csv $A/*.json | sha256sum)" "$(cat one/rounds/round_000/04_lofo/*.csv one/rounds/round_000/04_lofo/*.json | sha256sum)"
ORCH_FAULT=count:$WORK/steps "$ORCH" start -q adaptive.yaml --dir counted2 >/dev/null 2>&1
for step in $(grep -n 'ledger commit' "$WORK/steps" | cut -d: -f1 | sed -n '6p;8p'); do
	rm -rf killed
	(ORCH_FAULT=kill@$step "$ORCH" start -q adaptive.yaml --dir killed) >/dev/null 2>&1
	"$ORCH" resume -q killed >/dev/null 2>&1
	same "adaptive__killed_at_step_$step" "$(digest killed)" "$(digest adaptive)"
done
sed 's/xgboost.*/ridge}/' adaptive.yaml >shared.yaml
expect adaptive__tells_where_nothing_is_saved 0 'lofo.adaptive saves nothing here: the engine answers all folds at once' "$ORCH" plan shared.yaml

# A program that says what its model uses is not asked again without the rest.
cat >trainer.sh <<'SH'
echo "$2" >>"$3"
if grep -q noise "$1"; then score=1; used='"a", "noise"'; else score=2; used='"a"'; fi
grep -q '^a$\|"a"' "$1" || { score=5; used=; }
echo "{\"score\": $score, \"features_used\": [$used]}"
SH
sed 's/exclude: .*/exclude: [copy, near, k, kind]}/; s/^lofo.*//' adaptive.yaml | sed "s|xgboost.*|command, run: \"sh ./trainer.sh {features_file} {fold} $WORK/calls\"}|; s/k: 4, repeats: 2/k: 3/; s/max_rounds: 2/max_rounds: 1/" >uses.yaml
check uses__starts "$ORCH" start uses.yaml
U=uses/rounds/round_000/04_lofo/lofo.csv
same uses__unused_have_exactly_no_effect "$(grep -E '^(b|other),' $U | cut -d, -f2-6 | sort -u)" 0,0,0,0,1
same uses__used_are_fitted "$(grep -E '^(a|noise),' $U | cut -d, -f1,2)" $'a,4\nnoise,1'
same uses__nothing_else_is_run "$(sqlite3 uses/ledger.db "SELECT left_out, count(*) FROM fits WHERE stage = '04_lofo' GROUP BY left_out" | tr '\n' ' ')" "a|3 noise|3 "
check uses__verifies "$ORCH" verify uses
sed -i 's/"\$used"/x/; s/\[\$used\]/[\\"zebra\\"]/' trainer.sh
sed 's/^model/name: wrong\nresources: {retries: 0}\nmodel/' uses.yaml >wrong.yaml
expect uses__an_unknown_name_is_told 1 'no usable trial|no trial' "$ORCH" start wrong.yaml
expect uses__it_says_which 0 'names "zebra", which is no feature that it was given' "$ORCH" show wrong

# one feature; nothing but noise, down to min_features; nothing to prune to
edge() { printf 'name: %s\ndata: {source: d.csv, target: %s, exclude: [%s]%s}\nmodel: {engine: ridge}\nsplit: {folds: {k: 3, repeats: 2}}\nrfe: {drop: insignificant, min_features: 2}\n' "$1" "$2" "$3" "$4" >"$1.yaml"; }
edge single y 'b, copy, near, k, kind, noise, other' ''
expect edge__one_feature 0 'one feature or group is left' "$ORCH" start single.yaml
edge noise other 'y, copy, near, k' ''
check edge__all_noise "$ORCH" start noise.yaml
same edge__min_features_stay "$(grep -c '"' "$(ls -d noise/rounds/round_* | tail -n 1)/00_dataset/features.json")" 2
edge needed y 'copy, near, k, noise, other' ''
expect edge__nothing_insignificant 0 'nothing is dropped: every interval is above zero' "$ORCH" start needed.yaml
edge constant y 'a, b, copy, near, kind, noise, other' ', prune: {constants: true}'
expect edge__all_pruned 2 'data.prune leaves no feature' "$ORCH" plan constant.yaml

printf 'data: {source: d.csv, target: y}\nmodel: {engine: ridge}\nlofo: {groups: {a: [b, copy]}}\n' >named.yaml
expect groups__named_like_another_feature 2 'lofo.groups.a has the name of a feature that is not in it' "$ORCH" plan named.yaml
finish
