#!/usr/bin/env bash
# orch predict as a user calls it: stdout, files, the chosen round, what it refuses. (That it predicts right is tests/unit/test_predict.c's.)
source "$(dirname "$0")/lib.sh"
awk 'BEGIN { srand(3); print "who,day,a,b,c,y"; for (i = 0; i < 300; i++) { a = rand(); b = rand(); printf "p%d,2024-01-%02d,%.6f,%.6f,%.6f,%.6f\n", i, i % 28 + 1, a, b, rand(), 3 * a + b + rand() / 9 } }' >d.csv
cat >c.yaml <<'YAML'
data: {source: d.csv, target: y, id: who, features: {ab: a * b}}
model: {engine: ridge}
split: {holdout: 0.2}
rfe: {max_rounds: 3}
YAML
check predict__campaign_runs "$ORCH" start -q c.yaml
cp -r c moved && rm -rf "$ORCH_CACHE" && mv d.csv new.csv
expect predict__needs_neither_cache_nor_source 0 '300 rows predicted with the model of round [0-2]' "$ORCH" predict moved new.csv --output p.csv
same predict__header "$(head -n 1 p.csv)" row,who,prediction
same predict__stdout_is_the_same "$("$ORCH" predict -q c new.csv | sha256sum)" "$(sha256sum <p.csv)"
same predict__one_campaign_here_needs_no_name "$(rm -rf moved; "$ORCH" predict -q new.csv | sha256sum)" "$(sha256sum <p.csv)"
check predict__parquet "$ORCH" predict c new.csv --round 1 --output p.parquet
check predict__json_lines bash -c "printf '{\"who\":\"x\",\"day\":\"2024-01-05\",\"a\":0.5,\"b\":1,\"c\":0}\n' >one.jsonl && $ORCH predict -q c one.jsonl --round 0 | grep -q '^0,x,2\\.'"
expect predict__dates_are_told 0 'column "day" \(DATE\) is read as days since 1970' "$ORCH" predict c new.csv --round 0
expect predict__keeps_what_is_there 2 'p.csv exists already' "$ORCH" predict c new.csv --output p.csv
expect predict__no_such_round 2 'there is no round 9; the last one is 2' "$ORCH" predict c new.csv --round 9
expect predict__no_such_file 2 'there is no file nothing.csv' "$ORCH" predict c nothing.csv
expect predict__ending 2 'ends in .csv or .parquet' "$ORCH" predict c new.csv --output p.txt
expect predict__round_is_a_number 2 'takes the number of a round' "$ORCH" predict c new.csv --round best
cut -d, -f1-3,5- new.csv >lacks.csv
expect predict__missing_column 2 'Referenced column "b" not found|there is no column "b"' "$ORCH" predict c lacks.csv --round 0
same predict__nothing_is_left_behind "$(find . -maxdepth 1 -name '.unfinished*' | wc -l)" 0
finish
