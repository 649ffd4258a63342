#!/usr/bin/env bash
# A ledger that was lost or damaged while a round was under way: its fits are done again, and the rounds have the same bytes.
source "$(dirname "$0")/lib.sh"
spec() { # name, lofo
	cat >"$1.yaml" <<YAML
name: $1
data: {source: $DATA/diabetes.csv, target: y}
split: {folds: {k: 4}}
metric: rmse
model: {engine: fake, behave: slow, seconds: 0.05}
hpo: {sampler: grid, space: {x: [0.1, 0.2]}}
lofo: {$2}
rfe: {drop: 1, max_rounds: 1}
resources: {workers: 2}
YAML
	check "$1__whole" "$ORCH" start -q "$1.yaml" --dir "$1"
	"$ORCH" start -q "$1.yaml" --dir "$1.cut" >/dev/null 2>&1 &
	local pid=$!
	for _ in $(seq 300); do grep -qs 'stage_done.*03_baseline' "$1.cut/progress.jsonl" && break; sleep 0.05; done
	sleep 0.2
	kill -9 $pid
	wait $pid 2>/dev/null
}
spec plain 'enabled: true'
for to in rows trials found redone rebuilt; do cp -a plain.cut $to.cut; done
rm plain.cut/ledger.db*
expect lost__search_is_done_again 0 '01_hpo: done again: the ledger does not have all of its fits' "$ORCH" resume plain.cut
same lost__same_bytes "$(digest plain.cut)" "$(digest plain)"

# the row of a trial says "done" and one of its fits is gone
sqlite3 rows.cut/ledger.db "UPDATE fits SET score = 9 WHERE stage = '01_hpo' AND trial = 1 AND fold = 2; UPDATE fits SET score = 9 WHERE stage = '03_baseline' AND fold = 1"
touch rows.cut/ledger.suspect
expect rows__search_is_done_again 0 '2 done again' "$ORCH" resume rows.cut
same rows__only_what_was_lost "$(sqlite3 rows.cut/ledger.db "SELECT stage, count(*) FROM attempts WHERE stage < '04' GROUP BY 1" | tr '\n' ' ')" "01_hpo|9 03_baseline|6 "
same rows__same_bytes "$(digest rows.cut)" "$(digest plain)"

sqlite3 trials.cut/ledger.db "UPDATE trials SET mean = 9 WHERE trial = 1"
touch trials.cut/ledger.suspect
expect trials__row_is_made_again 0 '1 done again' "$ORCH" resume trials.cut
same trials__no_fit_is_done_again "$(sqlite3 trials.cut/ledger.db "SELECT count(*) FROM attempts WHERE stage < '04'")" 13
same trials__same_bytes "$(digest trials.cut)" "$(digest plain)"

# a damaged row is found when it is read
for to in found redone rebuilt; do sqlite3 $to.cut/ledger.db "UPDATE fits SET score = 9 WHERE stage = '03_baseline' AND fold = 1"; done
expect found__says_what_happens_next 5 'the next resume copies what holds into a new ledger' "$ORCH" resume found.cut
expect found__is_copied 0 'a row of it was damaged\): [0-9]+ rows kept, 1 done again' "$ORCH" resume found.cut
same found__same_bytes "$(digest found.cut)" "$(digest plain)"
expect redone__at_once 0 'not match its checksum.*1 done again' "$ORCH" resume --redo-damaged redone.cut
same redone__same_bytes "$(digest redone.cut)" "$(digest plain)"
expect rebuilt__ledger_is_copied 0 '1 done again' "$ORCH" verify --rebuild rebuilt.cut
expect rebuilt__ledger_holds 0 'ok +ledger' "$ORCH" verify rebuilt.cut
check rebuilt__goes_on "$ORCH" resume -q rebuilt.cut
same rebuilt__same_bytes "$(digest rebuilt.cut)" "$(digest plain)"

spec adaptive 'adaptive: true'
rm adaptive.cut/ledger.db*
expect adaptive__goes_on 0 'done again' "$ORCH" resume adaptive.cut
same adaptive__same_bytes "$(digest adaptive.cut)" "$(digest adaptive)"
finish
