#!/usr/bin/env bash
# Every kind of source, target and fold, through the built program.
source "$(dirname "$0")/lib.sh"
head -n 200 "$DATA/diabetes.csv" >a.csv
campaign() { # name, data, further lines
	printf 'name: %s\ndata: %s\nmodel: {engine: ridge}\nhpo: {sampler: grid, space: {alpha: [1, 10]}}\nrfe: {max_rounds: 1}\n%b' "$1" "$2" "$3" >"$1.yaml"
	expect "data__$1" 0 '' "$ORCH" start -q "$1.yaml"
}
scores() { cut -d, -f2- "$1/rounds/round_000/04_lofo/lofo.csv"; }

campaign csv '{source: a.csv, target: y}' ''
gzip -k a.csv && campaign gz '{source: a.csv.gz, target: y}' ''
zstd -q a.csv && campaign zst '{source: a.csv.zst, target: y}' ''
tr , '\t' <a.csv >a.tsv && campaign tsv '{source: a.tsv, target: y}' ''
awk -F, 'NR == 1 {split($0, h)} NR > 1 {printf "{"; for (i = 1; i <= NF; i++) printf "%s\"%s\": %s", (i > 1 ? ", " : ""), h[i], $i; print "}"}' a.csv >a.jsonl
campaign jsonl '{source: a.jsonl, target: y}' ''
mkdir parts && head -n 100 a.csv >parts/1.csv && (head -n 1 a.csv && tail -n +101 a.csv) >parts/2.csv
campaign glob '{source: "parts/*.csv", target: y}' ''
awk 'NR == 1 {print $0 ",id"} NR > 1 {print $0 "," NR}' a.csv >b.csv
campaign sql "{sql: \"SELECT * FROM 'b.csv'\", id: id, target: y}" ''
check data__sql_resumes "$ORCH" resume sql
for kind in gz zst tsv jsonl glob sql; do same "data__${kind}_gives_the_same_numbers" "$(scores $kind)" "$(scores csv)"; done
# what DuckDB calls ENUM('[low]', 'high') is text, not a list
campaign levels "{sql: \"SELECT *, CAST(CASE WHEN bmi < 26 THEN '[low]' ELSE 'high' END AS ENUM('[low]', 'high')) AS build FROM 'b.csv'\", id: id, target: y}" ''
check data__an_enum_with_brackets_is_a_feature grep -q '"build"' levels/rounds/round_000/00_dataset/features.json
# Parquet: a table that a campaign left is a source of the next
cat >p.yaml <<YAML
name: parquet
data: {source: csv/rounds/round_000/03_baseline/predictions.parquet, target: truth, exclude: [row, repeat]}
model: {engine: ridge}
rfe: {max_rounds: 1}
YAML
expect data__parquet 0 '' "$ORCH" start -q p.yaml
sed 's/,\([0-9.]*\)$/,\1,\1/; 1s/.*/age,sex,bmi,bp,s1,s2,s3,s4,s5,s6,y,z/' a.csv >two.csv
campaign targets '{source: two.csv, target: [y, z]}' ''
check data__two_targets_two_predictions grep -q 'prediction_z' <(strings targets/rounds/round_000/03_baseline/predictions.parquet)
campaign angle '{source: a.csv, target: {angle: y}}' 'metric: within_10\n'
check data__angle_metrics grep -q '"cmae"' angle/rounds/round_000/03_baseline/metrics.json
awk -F, -v OFS=, 'NR == 1 {print $0, "yc", "ys"} NR > 1 {a = $NF * 3.14159265 / 180; print $0, cos(a), sin(a)}' a.csv >sc.csv
campaign sincos '{source: sc.csv, target: {angle: {sin: ys, cos: yc}}, exclude: [y]}' ''
awk -F, -v OFS=, 'NR > 1 && NR % 9 == 0 {$3 = ""} NR > 1 && NR % 11 == 0 {$4 = ""} 1' a.csv >gaps.csv
for policy in mean median drop; do campaign $policy "{source: gaps.csv, target: y, missing: $policy}" ''; done
expect data__keep_is_refused_by_ridge 2 'missing values' bash -c "sed 's/missing: mean/missing: keep/; s/^name.*/name: k/' mean.yaml >k.yaml; '$ORCH' start k.yaml"
awk -F, -v OFS=, 'NR == 1 {print $0, "g", "t", "f", "h"} NR > 1 {print $0, NR % 11, NR * 3 % 199, NR % 4, (NR % 5 == 0)}' a.csv >s.csv
campaign group '{source: s.csv, target: y, exclude: [t, f, h]}' 'split: {holdout: 0.2, folds: {kind: group, by: g, k: 3}}\n'
campaign time '{source: s.csv, target: y, exclude: [g, f, h]}' 'split: {holdout: 0.1, folds: {kind: time, by: t, k: 3, gap: 2}}\n'
campaign column '{source: s.csv, target: y, exclude: [g, t]}' 'split: {holdout: {column: h}, folds: {kind: column, by: f}}\n'
campaign strata '{source: s.csv, target: y, exclude: [t, f, h]}' 'split: {folds: {k: 3, repeats: 2, stratify: [sex, {column: y, bins: 4}]}}\n'
check data__holdout_column grep -q '"holdout": 3[0-9]\|"holdout": 4[0-9]' column/rounds/round_000/00_dataset/split.json
campaign features '{source: a.csv, target: y, features: {ratio: bmi / bp, rank: rank() OVER (ORDER BY age), older: age > 50}}' ''
check data__derived_features grep -q '"ratio"' features/rounds/round_000/00_dataset/features.json
sed 's/engine: ridge/engine: xgboost, trees: 5/; s/hpo.*//' csv.yaml | sed 's/^name.*/name: binary/; s#a.csv#'"$DATA"'/breast_cancer.csv#' >x.yaml
expect data__binary 0 '' "$ORCH" start -q x.yaml
check data__binary_is_classified grep -q '"auc"' binary/rounds/round_000/03_baseline/metrics.json
finish
