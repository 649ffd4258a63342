#!/usr/bin/env bash
# Ctrl-C drains and exits 75; the second stops now; stop from another shell; resume ends with the same bytes.
source "$(dirname "$0")/lib.sh"
cat >c.yaml <<YAML
name: slow
data: {source: $DATA/diabetes.csv, target: y}
split: {folds: {k: 3}}
metric: rmse
model: {engine: fake, behave: slow, seconds: 0.1}
hpo: {sampler: grid, space: {x: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], y: [0.1, 0.5]}}
rfe: {enabled: false}
resources: {workers: 2}
YAML
"$ORCH" start -q c.yaml --dir whole >/dev/null 2>&1
"$ORCH" start -q c.yaml --dir cut >log 2>&1 &
pid=$!
sleep 1.2
expect status__running 0 '"state": ?"running"' "$ORCH" status --json cut
expect start__busy 4 "$pid" "$ORCH" resume cut
kill -INT $pid
wait $pid
same interrupt__exits_75 $? 75
check interrupt__names_resume grep -q 'orch resume' log
expect status__interrupted 0 'interrupted' "$ORCH" status cut
expect resume__says_what_it_kept 0 'kept' "$ORCH" resume cut
same resume__same_bytes "$(digest cut)" "$(digest whole)"

"$ORCH" start -q c.yaml --dir stopped >log 2>&1 &
pid=$!
sleep 1
expect stop__works 0 '' "$ORCH" stop stopped
wait $pid
same stop__exits_75 $? 75
"$ORCH" start -q c.yaml --dir twice >log 2>&1 &
pid=$!
sleep 1
kill -INT $pid; sleep 0.05; kill -INT $pid
wait $pid
same second_interrupt__exits_75 $? 75
check resume__after_second "$ORCH" resume -q twice
same resume__after_second_same_bytes "$(digest twice)" "$(digest whole)"
expect detach__survives 0 'orch status' setsid "$ORCH" start --detach c.yaml --dir far
for _ in $(seq 60); do "$ORCH" status --json far 2>/dev/null | grep -qE '"state": ?"done"' && break; sleep 0.5; done
same detach__finishes_alike "$(digest far)" "$(digest whole)"
finish
