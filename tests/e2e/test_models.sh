#!/bin/bash
# Several models in one search.
. "$(dirname "$0")/lib.sh"

trials() { cat "$1/rounds/round_000/01_hpo/trials.csv"; }

# Several models: each its own space, the best of all goes on; tasks are what each engine shares.
models() { # sampler, hpo keys, workers
	cat <<YAML
data: {source: $DATA/diabetes.csv, target: y}
models:
  - {engine: ridge, alpha: 100000}
  - {engine: forest, trees: 10, space: {max_depth: [3, 6], max_features: [0.3, 1.0]}}
  - {engine: ridge, standardize: true, space: {alpha: [1000, 3000]}}
hpo: {sampler: $1$2}
split: {holdout: 0.2}
rfe: {max_rounds: 2}
resources: {workers: $3}
YAML
}
tables() { (cd "$1/rounds" && find . -path './.*' -prune -o -name '*.csv' -print0 | sort -z | xargs -0 cat | sha256sum); }
models grid '' 1 >models.yaml
expect models__plan_counts_each 0 'forest: 4 configurations, 20 fits in 10 tasks' "$ORCH" plan models.yaml
expect models__log_names_the_best 0 'best rmse [0-9.]*, trial [0-9]* forest \{' "$ORCH" start models.yaml
R=models/rounds/round_000
same models__trials_name_theirs "$(trials models | cut -d, -f2 | uniq -c | awk '{printf "%s:%s ", $2, $1}')" "model:1 ridge:1 forest:4 ridge_2:2 "
same models__the_forest_wins "$(grep -o '"model_name": "[a-z]*"' $R/01_hpo/best.json)" '"model_name": "forest"'
same models__it_is_the_baseline "$(grep -o '"engine": *"[a-z]*"' $R/03_baseline/input.json | head -n 1 | tr -d ' ')" '"engine":"forest"'
same models__compared "$(awk -F, '{print $1, ($8 > 0)}' $R/02_hpo_analysis/models.csv | tail -n +2 | tr '\n' ' ')" "ridge 1 forest 0 ridge_2 1 "
expect models__show_names_the_winner 0 "with      forest; max_depth" "$ORCH" show models
check models__rounds_hold "$ORCH" verify models
models grid '' 5 >models5.yaml
"$ORCH" start models5.yaml >/dev/null 2>&1
same models__five_workers "$(tables models5)" "$(tables models)"
models tpe ', trials: 14, pruner: median' 2 | sed 's/\[0.3, 1.0\]/{float: [0.1, 1]}/' >several.yaml
check models__learned_and_pruned "$ORCH" start several.yaml
same models__trials_are_split "$(trials several | cut -d, -f2 | uniq -c | awk '{printf "%s:%s ", $2, $1}')" "model:1 ridge:1 forest:5 ridge_2:2 "
expect fit__of_the_second_model 0 'fold 4' "$ORCH" fit models --trial 2
# Several metrics, constraints.
cat >front.yaml <<YAML
data: {source: $DATA/diabetes.csv, target: y}
model: {engine: forest, trees: 10}
metric: [rmse, max_error]
constraints: {mae: {max: 47.5}}
hpo: {sampler: random, trials: 20, space: {max_depth: {int: [1, 12]}, max_features: {float: [0.1, 1]}}}
lofo: {enabled: false}
YAML
check front__starts "$ORCH" start front.yaml
F=front/rounds/round_000/01_hpo
same front__both_metrics_are_columns "$(head -n 1 $F/trials.csv | grep -o 'mean,sd,mean_max_error,mean_mae')" mean,sd,mean_max_error,mean_mae
same front__nobody_on_it_is_beaten "$(awk -F, 'NR == FNR { if (FNR > 1) { t[FNR] = $1; r[FNR] = $4; m[FNR] = $6; e[FNR] = $7 } next }
	FNR > 1 { for (i in t) if (e[i] <= 47.5 && r[i] <= $2 && m[i] <= $3 && (r[i] < $2 || m[i] < $3)) print "beaten by", t[i] }' $F/trials.csv $F/front.csv)" ""
same front__the_first_is_taken "$(sed -n 2p $F/front.csv | cut -d, -f1)" "$(grep -o '"trial": [0-9]*' $F/best.json | grep -o '[0-9]*')"
same front__it_meets_the_constraint "$(awk -F, 'NR > 1 && ($4 > 47.5 || !$5)' $F/front.csv)" ""
sed 's/max: 47.5/max: 1/' front.yaml >strict.yaml
expect constraints__none_meets_them 0 'no trial meets all constraints; trial [0-9]* comes nearest' "$ORCH" start strict.yaml
cp out strict.said
MISSED='no trial of round 0 meets all constraints \(mae at most 1\); trial [0-9]* comes nearest'
expect constraints__end_summary_tells 0 "warning +$MISSED" cat strict.said
expect constraints__show_tells 0 "warning +$MISSED" "$ORCH" show strict
expect constraints__report_tells 0 "The constraints are missed: $MISSED" cat strict/report/report.html
expect constraints__markdown_tells 0 'Constraints are missed.*no trial of round 0 meets' "$ORCH" report --md strict
expect constraints__met_is_no_warning 1 '' grep -q 'warning\|are missed' front/report/report.html
sed 's/max_error\]/fit_seconds]/; s/constraints: .*/constraints: {fit_seconds: {max: 100}}/; s/engine: forest/engine: fake/; s/, trees: 10//; s/max_depth: .*}}/x: {float: [0, 1]}}}/' front.yaml >seconds.yaml
check seconds__start "$ORCH" start seconds.yaml
same seconds__are_recorded "$(tail -n +2 seconds/rounds/round_000/01_hpo/trials.csv | cut -d, -f5 | grep -c '^[0-9]')" 20
printf 'data: {source: %s/diabetes.csv, target: y}\nmodel: {engine: forest, trees: 2}\nmetric: accuracy\nsplit: {folds: {k: 2}}\nlofo: {enabled: false}\n' "$DATA" >numbers.yaml
expect metric__makes_classes_of_numbers 0 'warning: metric "accuracy" makes a class of each of the 214 distinct numbers of target "y"' "$ORCH" plan numbers.yaml
expect metric__makes_classes_of_numbers_at_start 0 'warning: metric "accuracy" makes a class of each' "$ORCH" start numbers.yaml
sed -i 's/target: y/&, task: classification/' numbers.yaml
check metric__classes_are_meant bash -c "! '$ORCH' plan numbers.yaml 2>&1 | grep warning"
expect metric__of_another_task 2 'metric: "auc" does not fit this target: it is regression' "$ORCH" plan <(sed 's/max_error/auc/' front.yaml)
finish
