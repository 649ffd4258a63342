#!/usr/bin/env bash
# What a person may get wrong, and what they must be told: exit status and message of each. Nothing may be left behind by a refused start.
source "$(dirname "$0")/lib.sh"
head -n 40 "$DATA/diabetes.csv" >good.csv
touch empty.csv
head -n 1 good.csv >header.csv
mkdir folder.csv
bad_csv() { awk -F, -v OFS=, "$2" good.csv >"$1.csv"; }
bad_csv constant 'NR > 1 {$NF = 5} 1'
bad_csv nan_column 'NR > 1 {$3 = ""} 1'
bad_csv no_target_values 'NR > 1 {$NF = ""} 1'
bad_csv one_target_missing 'NR == 7 {$NF = ""} 1'
bad_csv text_in_number 'NR == 9 {$3 = "oops"} 1'
bad_csv duplicate_names 'NR == 1 {$2 = "age"} 1'
bad_csv one_class 'NR > 1 {$NF = "yes"} 1'
bad_csv ragged 'NR == 5 {$0 = $0 ",1,2,3"} 1'
bad_csv infinite 'NR == 6 {$3 = "inf"} 1'
bad_csv groups 'NR == 1 {$0 = $0 ",who"} NR > 1 {$0 = $0 "," (NR % 2)} 1'
bad_csv negative_weight 'NR == 1 {$0 = $0 ",w"} NR > 1 {$0 = $0 "," (NR == 8 ? -1 : 1)} 1'
bad_csv twice 'NR == 1 {$0 = $0 ",id"} NR > 1 {$0 = $0 ",7"} 1'
head -c 3000 /dev/urandom >binary.csv

n=0
refused() { # name, exit status, pattern, YAML lines
	local name=$1 status=$2 pattern=$3
	n=$((n + 1))
	printf '%b' "$4" >"$name.yaml"
	expect "error__$name" "$status" "$pattern" "$ORCH" start -q "$name.yaml" --dir "made_$name"
	[ ! -e "made_$name" ] || not_ok "error__$name" "a folder was left behind"
}
base='data: {source: good.csv, target: y}\nmodel: {engine: ridge}\n'
with() { printf '%s' "data: {source: $1, target: y}\nmodel: {engine: ridge}\n"; }

# the file
expect error__no_such_spec 2 'nothing.yaml' "$ORCH" start nothing.yaml
expect error__no_such_spec_is_all_that_is_said 1 '' grep -q 'schema --keys' out
expect error__no_argument 2 'FILE' "$ORCH" start
expect error__unknown_command 2 'did you mean.*start' "$ORCH" strat
expect error__unknown_option 2 'did you mean.*--dir' "$ORCH" start --dri x good.yaml
refused empty_spec 2 'empty' ''
refused not_a_mapping 2 'list|mapping' '- a\n- b\n'
refused broken_yaml 2 'yaml:[0-9]+:[0-9]+' 'data: {source: good.csv\nmodel: x\n'
refused tab 2 'yaml:[0-9]+' 'data:\n\tsource: good.csv\n'
refused unknown_key 2 'did you mean.*target' 'data: {source: good.csv, traget: y}\nmodel: {engine: ridge}\n'
refused unknown_section 2 'did you mean.*model' "${base}modle: {engine: ridge}\n"
refused duplicate_key 2 'twice|duplicate' "${base}seed: 1\nseed: 2\n"
refused no_model 2 'model' 'data: {source: good.csv, target: y}\n'
refused no_target 2 'target' 'data: {source: good.csv}\nmodel: {engine: ridge}\n'
refused source_and_sql 2 'source.*sql|sql.*source' "data: {source: good.csv, sql: SELECT 1, id: a, target: y}\nmodel: {engine: ridge}\n"
refused wrong_type 2 'number|integer' "${base}seed: many\n"
refused absurd_folds 2 'k' "${base}split: {folds: {k: 1000000000}}\n"
refused one_fold 2 'k' "${base}split: {folds: {k: 1}}\n"
refused huge_holdout 2 'holdout' "${base}split: {holdout: 1.5}\n"
refused unknown_engine 2 'engine' "data: {source: good.csv, target: y}\nmodel: {engine: rigde}\n"
refused unknown_parameter 2 'alpha' "data: {source: good.csv, target: y}\nmodel: {engine: ridge, alhpa: 1}\n"
refused bad_parameter 2 'alpha' "data: {source: good.csv, target: y}\nmodel: {engine: ridge, alpha: -1}\n"
refused unknown_metric 2 'did you mean.*rmse' "${base}metric: rsme\n"
refused wrong_metric 2 'auc' "data: {source: good.csv, target: y, task: regression}\nmodel: {engine: ridge}\nmetric: auc\n"
refused grid_range 2 'grid' "${base}hpo: {sampler: grid, space: {alpha: {float: [0, 1]}}}\n"
refused grid_trials 2 'trials' "${base}hpo: {sampler: grid, trials: 5, space: {alpha: [1, 2]}}\n"
refused not_available 2 'not available yet' "${base}hpo: {}\nexecutor: slurm\n"
refused no_by 2 'by' "${base}split: {folds: {kind: group}}\n"
refused bad_memory 2 'memory' "${base}resources: {memory: lots}\n"
refused all_at_once 2 'seed(.|\n)*' "${base}seed: x\nmetric: rsme\nlimits: {hours: -1}\n"
same error__all_are_told "$(grep -cE 'yaml:[0-9]+:[0-9]+' out)" 3

# the data
refused missing_file 2 'nowhere.csv' "$(with nowhere.csv)"
refused no_glob_match 2 'none_\*|no file' "$(with "'none_*.csv'")"
refused empty_file 2 'empty' "$(with empty.csv)"
refused header_only 2 'no rows|header' "$(with header.csv)"
refused a_folder 2 'folder' "$(with folder.csv)"
refused binary 2 'binary.csv' "$(with binary.csv)"
refused target_missing 2 'price' 'data: {source: good.csv, target: price}\nmodel: {engine: ridge}\n'
refused constant_target 2 'constant|same value|one value' "$(with constant.csv)"
refused empty_target 2 'missing' "$(with no_target_values.csv)"
refused target_gap 2 'missing' "$(with one_target_missing.csv)"
refused nan_column 2 'bmi' "$(with nan_column.csv)"
refused text_in_number 2 'bmi(.|\n)*oops|oops(.|\n)*bmi' "$(with text_in_number.csv)"
refused duplicate_names 2 'age' "$(with duplicate_names.csv)"
refused one_class 2 'class|one value' "$(with one_class.csv)"
refused ragged 2 'ragged.csv' "$(with ragged.csv)"
refused infinite 2 'bmi' "$(with infinite.csv)"
refused more_folds_than_rows 2 'folds' "${base}split: {folds: {k: 60}}\n"
refused few_groups 2 'group' "data: {source: groups.csv, target: y}\nmodel: {engine: ridge}\nsplit: {folds: {kind: group, by: who, k: 5}}\n"
refused unknown_group_column 2 'customer' "${base}split: {folds: {kind: group, by: customer}}\n"
refused negative_weight 2 'w' "data: {source: negative_weight.csv, target: y, weight: w}\nmodel: {engine: ridge}\n"
refused id_twice 2 'id' "data: {sql: SELECT * FROM 'twice.csv', id: id, target: y}\nmodel: {engine: ridge}\n"
refused unknown_exclude 2 'nope' "data: {source: good.csv, target: y, exclude: [nope]}\nmodel: {engine: ridge}\n"
refused bad_expression 2 'ratio' "data: {source: good.csv, target: y, features: {ratio: bmi / nothing}}\nmodel: {engine: ridge}\n"
refused bad_level 2 'sex' "data: {source: good.csv, target: y, categories: {sex: ['1']}}\nmodel: {engine: ridge}\n"
refused unknown_lofo_group 2 'nobody' "${base}lofo: {groups: {g: [bmi, nobody]}}\n"

# limits and places
refused too_many 3 'limits.configurations' "${base}hpo: {sampler: grid, space: {alpha: [$(seq -s, 1 80)], standardize: [true, false], fit_intercept: [true, false]}}\nlimits: {configurations: 300}\n"
refused too_little_memory 3 'memory' "${base}resources: {memory: 60MiB, workers: 8}\n"
if [ "$(id -u)" = 0 ]; then
	mkdir small && mount -t tmpfs -o size=200k tmpfs small 2>/dev/null && {
		printf '%b' "${base}resources: {pause: 0}\n" >full.yaml
		expect error__full_disk 1 'space' "$ORCH" start -q full.yaml --dir small/c
		umount small
	}
fi

# places that are no text
odd=$'caf\xe9'
mkdir "$odd" && cp good.csv "$odd/" && printf '%b' "$base" >"$odd/c.yaml" && printf '%b' "$base" >plain.yaml
expect error__campaign_folder_not_utf8 2 'campaign folder is not UTF-8' "$ORCH" start -q plain.yaml --dir "$odd/c"
expect error__campaign_file_not_utf8 2 'campaign file is not UTF-8' "$ORCH" start -q "$odd/c.yaml" --dir "$WORK/elsewhere"
expect error__cache_not_utf8 2 'path of the cache is not UTF-8' env ORCH_CACHE="$odd" "$ORCH" start -q plain.yaml --dir "$WORK/elsewhere"
printf '%b' "$base" >moved.yaml && "$ORCH" start -q moved.yaml --dir moved && mv moved "$odd/moved"
expect error__moved_where_it_is_not_utf8 2 'campaign folder is not UTF-8' "$ORCH" resume "$odd/moved"

# damage
printf '%b' "${base}hpo: {sampler: grid, space: {alpha: [1, 2]}}\nrfe: {max_rounds: 2}\n" >fine.yaml
check damage__campaign "$ORCH" start -q fine.yaml --dir whole
cp -a whole torn && printf '{"seq": 99, "ti' >>torn/progress.jsonl
expect damage__torn_progress_is_mended 0 '' "$ORCH" resume torn
check damage__progress_whole_again bash -c "tail -c 1 torn/progress.jsonl | od -c | grep -q n"
cp -a whole round && printf x >>round/rounds/round_000/01_hpo/trials.csv
expect damage__round 5 'trials.csv' "$ORCH" verify round
expect damage__round_resume 5 'redo-damaged' "$ORCH" resume round
expect damage__round_restored 0 'round 0: restored from its bundle, it was damaged' "$ORCH" resume --redo-damaged round
same damage__round_same_bytes "$(digest round)" "$(digest whole)"
cp -a whole bundle && printf x | dd of=bundle/bundles/round_000.tar.zst bs=1 seek=200 conv=notrunc 2>/dev/null
expect damage__bundle 5 'bundle' "$ORCH" verify bundle
expect damage__bundle_made_again 0 '' "$ORCH" resume bundle
same damage__bundle_same_bytes "$(digest bundle)" "$(digest whole)"
cp -a whole ledger && printf 'garbage in the middle' | dd of=ledger/ledger.db bs=1 seek=8192 conv=notrunc 2>/dev/null
expect damage__ledger 5 'ledger' "$ORCH" verify ledger
cp -a whole noledger && rm noledger/ledger.db*
expect damage__no_ledger 0 'ledger' "$ORCH" resume noledger
same damage__no_ledger_counts_the_fits "$(cat noledger/summary.json)" "$(cat whole/summary.json)"
cp -a whole gone && rm -r gone/rounds/round_001
expect damage__round_gone 5 'round 1' "$ORCH" resume gone
expect error__no_campaign 2 'no campaign' "$ORCH" status "$WORK/folder.csv"
echo "# $n refused campaigns"
finish
