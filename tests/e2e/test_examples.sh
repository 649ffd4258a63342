#!/usr/bin/env bash
# Every campaign under examples/ runs as it stands (the diamonds with a smaller search on every fifth row: `make demo` runs all of it).
source "$(dirname "$0")/lib.sh"
for example in nba2k breast_cancer; do
	cp -r "$EXAMPLES/$example" "$example"
	expect "example_${example}__runs" 0 '' "$ORCH" start -q "$example/campaign.yaml" --dir "$example/c"
	check "example_${example}__whole" "$ORCH" verify -q "$example/c"
	check "example_${example}__chosen" grep -q '"chosen": {' "$example/c/summary.json"
done
cp -r "$EXAMPLES/diamonds" diamonds
awk 'NR == 1 || NR % 5 == 0' "$EXAMPLES/diamonds/diamonds.csv" >diamonds/diamonds.csv
sed -i 's/trees: \[50, 100, 200\].*/trees: [20, 40]/; s/learning_rate: .*/learning_rate: [0.3]/; s/min_child_weight: .*/min_child_weight: [1]/; s/max_rounds: 4/max_rounds: 3/' diamonds/campaign.yaml
expect example_diamonds__runs 0 '' "$ORCH" start -q diamonds/campaign.yaml --dir diamonds/c
same example_diamonds__three_rounds "$(ls diamonds/c/rounds | wc -l)" 3
check example_diamonds__model_is_xgboosts_own grep -q '"learner"' diamonds/c/rounds/round_000/03_baseline/model.json
check example_diamonds__groups_are_dropped_together grep -q '^size,' diamonds/c/rounds/round_000/04_lofo/lofo.csv
cp -r "$EXAMPLES/command-shell" shell && expect example_command_shell__runs 0 '' "$ORCH" start -q shell/campaign.yaml
cp -r "$EXAMPLES/command-c" c && cc -O2 -o c/trainer c/trainer.c && expect example_command_c__runs 0 '' "$ORCH" start -q c/campaign.yaml
cp -r "$EXAMPLES/command-python" python
if python3 -c 'import pandas, pyarrow, sklearn' 2>/dev/null; then
	expect example_command_python__runs 0 '' "$ORCH" start -q python/campaign.yaml
	expect example_command_python__jsonl_runs 0 '' "$ORCH" start -q python/campaign-jsonl.yaml
	same example_command_python__forms_agree "$(grep -c done python/python-jsonl-campaign/rounds/round_000/01_hpo/trials.csv)" 3
else
	echo "# Python here lacks pandas, pyarrow or scikit-learn: the Python examples are skipped"
fi
mkdir demo && cd demo || exit 1
expect init_demo__writes 0 '' "$ORCH" init --demo
expect init_demo__runs 0 '' "$ORCH" start -q campaign.yaml
expect doctor__runs 0 'sqlite|SQLite' "$ORCH" doctor
expect schema__is_json 0 'json-schema.org' "$ORCH" schema
expect schema__keys 0 'split.folds.k' "$ORCH" schema --keys
for command in init plan start resume status stop show verify bundle doctor schema; do
	expect "help__$command" 0 'usage: orch' "$ORCH" "$command" --help
done
finish
