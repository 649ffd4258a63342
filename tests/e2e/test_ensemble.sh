#!/usr/bin/env bash
# Ensembles: the best configurations combined, beside the best alone; killed at any step of it, the same bytes.
source "$(dirname "$0")/lib.sh"
ensemble() { # ensemble, further lines
	cat <<YAML
data: {source: $DATA/diabetes.csv, target: y}
split: {folds: {k: 3}, holdout: 0.2}
models:
  - {engine: ridge, space: {alpha: [0.1, 10]}}
  - {engine: forest, trees: 10, space: {max_depth: [3, 6]}}
ensemble: $1
lofo: {enabled: false}
rfe: {enabled: false}
resources: {workers: 2}
YAML
}
B=rounds/round_000/03_baseline
field() { python3 -c "import json,sys; e = json.load(open('$1/$B/ensemble.json')); print($2)"; }
ensemble '{method: average}' >whole.yaml
expect plan__counts_the_members 0 'fits  *20 in all' "$ORCH" plan whole.yaml
check average__starts "$ORCH" start whole.yaml
same average__best_of_each_model "$(field whole "' '.join(sorted(m['model'] for m in e['members']))")" "forest ridge"
same average__chosen_first "$(field whole "e['members'][0]['trial']")" "$(grep -m 1 -o '"trial": [0-9]*' whole/rounds/round_000/01_hpo/best.json | grep -o '[0-9]*')"
same average__every_fold_and_the_holdout "$(field whole "len(e['cv']['rmse']['folds']), e['holdout']['rmse'] > 0, None in e['cv']['rmse']['folds']")" "3 True False"
same average__only_the_chosen_has_a_model "$(find whole/$B -name 'model.*' | wc -l)" 1
check average__rounds_hold "$ORCH" verify whole
expect average__show_compares 0 'ensemble  *average of 2: rmse [0-9.]*, holdout [0-9.]*; [0-9.e-]* (better|worse) than the best alone' "$ORCH" show whole
expect average__markdown_compares 0 'ensemble of 2, average: [0-9]' "$ORCH" report --md whole
check average__page_compares grep -q 'all together' whole/rounds/round_000/report.html
# Killed at durable steps spread over the round.
ORCH_FAULT=count:$WORK/steps "$ORCH" start -q whole.yaml --dir counted >/dev/null 2>&1
steps=$(wc -l <"$WORK/steps")
for part in 4 6; do
	ORCH_FAULT=kill@$((steps * part / 10)) "$ORCH" start -q whole.yaml --dir cut$part >/dev/null 2>&1
	same "cut${part}__was_killed" $? 137
	check "cut${part}__resumes" "$ORCH" resume -q cut$part
	same "cut${part}__same_bytes" "$(digest cut$part)" "$(digest whole)"
done
ensemble '{method: average, from: trials, top: 4}' | sed 's/, holdout: 0.2//' >trials.yaml
check trials__starts "$ORCH" start -q trials.yaml
same trials__all_four "$(field trials "len(e['members']), len(set(m['trial'] for m in e['members'])), e.get('holdout')")" "4 4 None"
ensemble '{method: weighted, from: trials, top: 4}' >weighted.yaml
check weighted__starts "$ORCH" start -q weighted.yaml
same weighted__weights_are_whole "$(field weighted "sorted(set(round(sum(w), 9) for w in zip(*[[m['weight']] + m['weights'] for m in e['members']])))")" "[1.0]"
check weighted__page_has_weights grep -q 'weights chosen on the others' weighted/rounds/round_000/report.html
# Folds drawn anew test the same rows: what scores a fold is chosen on the others of its own drawing.
ensemble '{method: weighted, from: trials, top: 4}' >once.yaml
sed 's/{k: 3}/{k: 3, repeats: 3}/' once.yaml >thrice.yaml
check weighted_repeats__start eval '"$ORCH" start -q once.yaml && "$ORCH" start -q thrice.yaml'
first="sorted((m['trial'], m['weights'][:3]) for m in e['members'])"
same weighted_repeats__other_drawings_do_not_count "$(field thrice "$first")" "$(field once "$first")"
ensemble '{method: vote}' | sed 's/diabetes/breast_cancer/; s/engine: ridge/engine: logistic/' >vote.yaml
check vote__starts "$ORCH" start -q vote.yaml
same vote__is_scored "$(field vote "e['method'], 0 <= e['holdout']['accuracy'] <= 1")" "vote True"
expect vote__is_for_classes 2 'ensemble.method: vote is for classes' "$ORCH" plan <(ensemble '{method: vote}')
finish
