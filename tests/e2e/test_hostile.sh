#!/usr/bin/env bash
# Names and data that want to hurt: nothing in them is executed, nothing breaks, and names are in every output as they are.
source "$(dirname "$0")/lib.sh"

# quotes, shell, HTML, a newline, Unicode, SQL, gnuplot, 10,000 characters
long=$(head -c 10000 /dev/zero | tr '\0' L)
{
	printf '"a""quote","`touch pwned1`","$(touch pwned2)","</script><script>alert(1)</script>","x\ny","naïve Größe 日本","); DROP TABLE fits; --","@1 {/Bold=20 x}_%%s ""; system ""touch pwned3","%s",=1+1,y\n' "$long"
	for i in $(seq 60); do echo "$((i % 7)),$((i * 3 % 11)),$((i * 5 % 13)),$((i * i % 17)),$((i % 5)),$((i % 3)),$((i * 7 % 19)),$((i % 2)),$((i * 11 % 23)),$((i % 9)),$((i * 3 + i % 7))"; done
} >names.csv
cat >names.yaml <<'YAML'
data: {source: names.csv, target: y}
split: {holdout: 0.2, folds: {k: 3}}
model: {engine: ridge}
hpo: {space: {alpha: [0.1, 1]}}
rfe: {max_rounds: 2, drop: 3}
YAML
expect hostile_names__campaign_runs 0 '' "$ORCH" start names.yaml
[ "$(wc -L <"$WORK/out")" -lt 2000 ] && ok hostile_names__are_cut_in_sentences || not_ok hostile_names__are_cut_in_sentences "a line of $(wc -L <"$WORK/out") characters"
check hostile_names__hold "$ORCH" verify -q names
check hostile_names__can_be_shown "$ORCH" show names
check hostile_names__can_be_told_in_markdown "$ORCH" report --md names
for format in csv json parquet xlsx; do
	check "hostile_names__export_as_$format" "$ORCH" export names --format $format --output "exported-$format"
done
same hostile_names__nothing_was_executed "$(find . -name 'pwned*' | wc -l)" 0
same hostile_names__are_in_features_json "$(grep -cF 'DROP TABLE' names/rounds/round_000/00_dataset/features.json) $(grep -cF "$long" names/rounds/round_000/00_dataset/features.json)" "1 1"
same hostile_names__are_no_markup "$(grep -l '<script>alert' names/report/report.html names/rounds/*/report.html names/rounds/*/*/*.svg 2>/dev/null)" ''

# numbers at the ends of their range, and beyond
{ echo a,b,y; for i in $(seq 40); do echo "${i}e300,${i}e-300,$((i % 7))"; done; } >huge.csv
printf 'data: {source: huge.csv, target: y}\nsplit: {folds: {k: 3}}\nmodel: {engine: forest, trees: 10}\n' >huge.yaml
expect huge_numbers__forest_takes_them 0 '' "$ORCH" start -q huge.yaml
sed 's/engine: forest, trees: 10/engine: ridge/' huge.yaml >huge_ridge.yaml
expect huge_numbers__ridge_says_what_is_wrong 1 'no trial' "$ORCH" start -q huge_ridge.yaml
expect huge_numbers__the_cause_is_shown 0 'too large to be squared' "$ORCH" show huge_ridge
{ echo a,b,y; for i in $(seq 40); do echo "$i,$([ "$i" = 5 ] && echo inf || echo 3),$((i % 7))"; done; } >infinite.csv
sed 's/huge.csv/infinite.csv/' huge.yaml >infinite.yaml
expect infinite_values__are_refused_with_their_place 2 'column "b" is infinite in 1 row.*row 5' "$ORCH" start -q infinite.yaml

# one row, one feature, no feature, nothing
printf 'x,y\n1,2\n' >row.csv
sed 's/huge.csv/row.csv/' huge.yaml >row.yaml
expect one_row__is_refused 2 'constant|rows' "$ORCH" start -q row.yaml
{ echo x,y; for i in $(seq 30); do echo "$i,$((i * 2 % 7))"; done; } >feature.csv
sed 's/huge.csv/feature.csv/; s/forest, trees: 10/ridge/' huge.yaml >feature.yaml
expect one_feature__is_one 0 'data +30 rows, 1 feature,' "$ORCH" plan feature.yaml
expect one_feature__campaign_runs 0 '' "$ORCH" start -q feature.yaml
printf 'y\n1\n2\n3\n4\n' >none.csv
sed 's/huge.csv/none.csv/' huge.yaml >none.yaml
expect no_feature__is_refused 2 'feature' "$ORCH" start -q none.yaml
: >empty.csv
sed 's/huge.csv/empty.csv/' huge.yaml >empty.yaml
expect empty_file__is_refused 2 'empty' "$ORCH" start -q empty.yaml

# a category with a level for each row: what one-hot columns would cost is refused, not tried
awk 'BEGIN {print "c,x,y"; for (i = 0; i < 100000; i++) print "level" i "," i % 17 "," i % 23}' >levels.csv
sed 's/huge.csv/levels.csv/; s/forest, trees: 10/ridge/' huge.yaml >levels.yaml
expect many_levels__memory_is_counted_first 3 'memory' "$ORCH" start -q levels.yaml

# YAML that grows a thousandfold, and YAML that nests without end
{ echo 'a: &a [x,x,x,x,x,x,x,x,x,x]'; for i in b c d e f g h i; do p=$(echo $i | tr b-i a-h); echo "$i: &$i [*$p,*$p,*$p,*$p,*$p,*$p,*$p,*$p,*$p,*$p]"; done; } >bomb.yaml
expect yaml_bomb__is_refused 2 '' timeout 20 "$ORCH" plan bomb.yaml
head -c 200000 /dev/zero | tr '\0' '[' >deep.yaml
expect yaml_depth__is_refused 2 '' timeout 20 "$ORCH" plan deep.yaml
finish
