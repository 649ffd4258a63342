#!/usr/bin/env bash
# A campaign from start to end, and what it leaves.
source "$(dirname "$0")/lib.sh"
cat >c.yaml <<YAML
name: small
data: {source: $DATA/diabetes.csv, target: y}
split: {holdout: 0.2, folds: {k: 4}}
metric: rmse
model: {engine: ridge}
hpo: {sampler: grid, space: {alpha: [0.1, 1, 10]}}
rfe: {drop: 2, min_features: 3, max_rounds: 3}
YAML

expect start__finishes 0 'round' "$ORCH" start c.yaml
c=$WORK/small
for f in campaign.yaml spec.json ledger.db progress.jsonl summary.json provenance.git/HEAD bundles/round_000.tar.zst telemetry/round_000.jsonl \
	rounds/round_000/{MANIFEST.sha256,COMPLETE,report.html,00_dataset/features.json,01_hpo/trials.parquet,01_hpo/trials.csv,01_hpo/best.json} \
	rounds/round_000/{03_baseline/metrics.json,03_baseline/predictions.parquet,03_baseline/model.json,04_lofo/lofo.csv,04_lofo/lofo.parquet} \
	rounds/round_002/06_comparison/comparison.json; do
	check "leaves__$f" test -s "$c/$f"
done
check manifest__sha256sum_agrees bash -c "cd '$c/rounds/round_000' && sha256sum --quiet -c MANIFEST.sha256"
check bundle__lists bash -c "tar -tf '$c/bundles/round_000.tar.zst' | grep -q COMPLETE"
same rounds__three "$(ls "$c/rounds" | tr '\n' ' ')" "round_000 round_001 round_002 "
check last_round__drops_nothing grep -q '"dropped": \[\]' "$c/rounds/round_002/06_comparison/comparison.json"
expect start__existing_is_refused 2 'orch resume' "$ORCH" start c.yaml
expect resume__done_says_so 0 'done' "$ORCH" resume small
expect status__json 0 '"state": ?"done"' "$ORCH" status --json small
expect show__rounds 0 'round' "$ORCH" show small
expect verify__clean 0 'holds|good|ok|whole' "$ORCH" verify small
expect resume__needs_no_argument 0 '' "$ORCH" resume
expect plan__counts 0 'configurations' "$ORCH" plan c.yaml

# the second start of the same data reads nothing again
expect start__reuses_data 0 'prepared before' "$ORCH" start c.yaml --dir again
same runs__identical "$(digest "$c")" "$(digest "$WORK/again")"
sed 's/^name.*/name: small\nresources: {workers: 1}/' c.yaml >one.yaml
check start__one_worker "$ORCH" start -q one.yaml --dir one
same workers__do_not_matter "$(digest one)" "$(digest "$c")"

# changed spec and data are refused with the difference
sed -i 's/seed: .*//; s/k: 4/k: 5/' c.yaml
expect drift__spec 2 'split.folds.k' "$ORCH" resume small
expect drift__spec_allowed 0 '' "$ORCH" resume --allow-drift small

# two at once
expect busy__second_is_refused 4 'held by another' flock small/lock "$ORCH" resume --allow-drift small
finish
