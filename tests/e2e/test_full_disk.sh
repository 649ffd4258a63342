#!/usr/bin/env bash
# A full disk and a read-only file system pause a campaign; it goes on when there is room, to the same bytes. On a real small file system where this user
# may mount one, and by faults everywhere.
source "$(dirname "$0")/lib.sh"
cat >c.yaml <<YAML
name: full
data: {source: $DATA/diabetes.csv, target: y}
split: {folds: {k: 3}}
metric: rmse
model: {engine: fake, behave: slow, seconds: 0.02}
hpo: {sampler: grid, space: {x: [0.1, 0.2, 0.3, 0.4], y: [0.1, 0.5, 0.9]}}
rfe: {max_rounds: 2}
resources: {workers: 2}
YAML
"$ORCH" start -q c.yaml --dir whole >/dev/null 2>&1
state_is() { "$ORCH" status --json "$1" 2>/dev/null | grep -qE "\"state\": ?\"$2\""; }
wait_for_state() { for _ in $(seq 100); do state_is "$1" "$2" && return 0; sleep 0.1; done; return 1; }

# passing: the N-th durable step of the orchestrator, or of a worker, fails once
for at in 60 140; do
	expect "full__passing_at_$at" 0 'there is room again' env ORCH_FAULT=fail@$at:ENOSPC "$ORCH" start c.yaml --dir pass$at
	same "full__passing_at_${at}_same_bytes" "$(digest pass$at)" "$(digest whole)"
	check "full__event_at_$at" grep -q '"campaign_paused"' pass$at/progress.jsonl
done
expect full__read_only 0 'paused: the file system is read-only' env ORCH_FAULT=fail@100:EROFS "$ORCH" start c.yaml --dir readonly
same full__read_only_same_bytes "$(digest readonly)" "$(digest whole)"
# lasting: given up after a while, resumable
sed 's/workers: 2/workers: 2, pause: 1s/' c.yaml >patient.yaml
expect full__gives_up 1 'given up \(resources.pause\)' env ORCH_FAULT=fail@60+:ENOSPC "$ORCH" start patient.yaml --dir patient
expect full__given_up_is_resumable 0 '' "$ORCH" resume -q patient
same full__given_up_same_bytes "$(digest patient)" "$(digest whole)"
sed 's/workers: 2/workers: 2, pause: 0/' c.yaml >hasty.yaml
expect full__no_patience 1 'No space left' env ORCH_FAULT=fail@60:ENOSPC "$ORCH" start -q hasty.yaml --dir hasty
# Ctrl-C while it is paused
ORCH_FAULT=fail@60+:EDQUOT "$ORCH" start c.yaml --dir cut 2>log &
pid=$!
for _ in $(seq 100); do grep -q '^.*paused: the disk quota is used up' log && break; sleep 0.1; done
kill -INT $pid
wait $pid
same full__interrupted_exits_75 $? 75
check full__interrupted_is_resumable "$ORCH" resume -q cut
same full__interrupted_same_bytes "$(digest cut)" "$(digest whole)"

if [ "$(id -u)" != 0 ] || ! { mkdir -p small && mount -t tmpfs -o size=24m tmpfs small 2>/dev/null; }; then
	echo "# no file system can be mounted here: the test on a real one is skipped"
	finish
fi
trap 'umount -l "$WORK/small" 2>/dev/null; rm -rf "$WORK"' EXIT
"$ORCH" start c.yaml --dir small/c 2>log &
pid=$!
for _ in $(seq 100); do [ -s small/c/ledger.db-wal ] && break; sleep 0.05; done
head -c 30m /dev/zero >small/ballast 2>/dev/null
check full__real_disk_pauses wait_for_state small/c paused
expect full__status_tells_why 0 'paused: the disk is full; it goes on by itself' "$ORCH" status small/c
rm small/ballast
wait $pid
same full__real_disk_goes_on $? 0
check full__real_disk_is_told grep -q 'there is room again' log
same full__real_disk_same_bytes "$(digest small/c)" "$(digest whole)"
check full__real_disk_verifies "$ORCH" verify small/c
finish
