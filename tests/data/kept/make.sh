#!/usr/bin/env bash
# Makes the campaigns that are kept for later versions to read: one finished, one killed in its second round. Run once for each version whose formats
# are new: tests/data/kept/make.sh build/orch VERSION. The host's name is not kept, nor the report, which is made from the rest.
set -eu
orch=$(realpath "$1")
archive=$(realpath -m "$(dirname "$0")/$2.tar.zst")
cells=$(realpath "$(dirname "$0")/../breast_cancer.csv")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export ORCH_CACHE=$work/cache
head -n 121 "$cells" | cut -d, -f1-6,31- >cells.csv
cat >campaign.yaml <<'YAML'
name: finished
seed: 7
data: {source: cells.csv, target: y}
split: {holdout: 0.2, folds: {k: 3}}
metric: logloss
models:
  - {engine: logistic, space: {alpha: [0.1, 1]}}
  - {engine: forest, trees: 5, max_depth: 3, space: {min_samples_leaf: [2, 5]}}
rfe: {drop: 2, min_features: 3, max_rounds: 2}
resources: {workers: 2}
YAML
sed 's/finished/interrupted/' campaign.yaml >interrupted.yaml
elsewhere() { unshare --uts sh -c 'hostname kept; exec "$@"' elsewhere "$@"; }
elsewhere "$orch" start -q campaign.yaml
for ((step = 470; ; step += 10)); do # until the kill lies in the second round
	rm -rf interrupted
	ORCH_FAULT=kill@$step elsewhere setsid -w "$orch" start -q interrupted.yaml || true
	[ -d interrupted/rounds/.round_001.work ] && break
done
rm -rf finished/report interrupted/report ./*/ledger.db-shm
tar --sort=name --owner=0 --group=0 --numeric-owner -I 'zstd -19' -cf "$archive" finished interrupted campaign.yaml interrupted.yaml cells.csv
