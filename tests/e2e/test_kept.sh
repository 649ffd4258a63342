#!/usr/bin/env bash
# Campaigns of earlier versions, kept as they were: read, checked, reported, predicted with, and gone on with, or a clear word why not.
source "$(dirname "$0")/lib.sh"
fits() { sqlite3 "$1/ledger.db" "SELECT round, stage, trial, left_out, fold, hex(key), state, score FROM fits WHERE state = 1 ORDER BY 1, 2, 3, 4, 5"; }
numbers() { grep -oE '"[a-z_0-9]+": -?[0-9.e-]+' "$1" | awk '{printf "%s %.9g\n", $1, $2}'; }

for archive in "$DATA"/kept/*.tar.zst; do
	version=$(basename "$archive" .tar.zst)
	rm -rf "$WORK/kept" "$ORCH_CACHE"
	mkdir "$WORK/kept" && cd "$WORK/kept" || exit 1
	tar --zstd -xf "$archive"
	as_it_was=$(digest finished)

	expect "kept__${version}_status" 0 'done, 2 rounds' "$ORCH" status finished
	expect "kept__${version}_status_as_json" 0 '"state": ?"done"' "$ORCH" status --json finished
	expect "kept__${version}_show" 0 'with +logistic; alpha: 0.1' "$ORCH" show finished
	expect "kept__${version}_every_byte_holds" 0 'everything holds' "$ORCH" verify finished
	expect "kept__${version}_report" 0 'without what was dropped' "$ORCH" report --md finished
	check "kept__${version}_page" "$ORCH" report -q finished
	check "kept__${version}_page_is_there" test -s finished/report/report.html
	check "kept__${version}_tables" "$ORCH" export finished --format csv --output tables
	check "kept__${version}_a_table_has_rows" bash -c '[ "$(cat tables/*trials*.csv | wc -l)" -ge 9 ]'
	expect "kept__${version}_compare" 0 'mean_smoothness' "$ORCH" compare finished interrupted
	expect "kept__${version}_bundle" 0 '' "$ORCH" bundle --verify finished/bundles/round_001.tar.zst
	check "kept__${version}_bundle_opens" "$ORCH" bundle --unpack finished/bundles/round_001.tar.zst opened
	check "kept__${version}_bundle_is_the_round" diff -r opened finished/rounds/round_001
	"$ORCH" predict finished cells.csv >predicted.csv 2>/dev/null
	same "kept__${version}_predicts_every_row" "$(wc -l <predicted.csv)" 121
	same "kept__${version}_reading_changes_nothing" "$(digest finished)" "$as_it_was"
	rm -r finished/rounds/round_000
	expect "kept__${version}_a_lost_round_is_noticed" 5 'round_000 .*its bundle holds it' "$ORCH" verify finished
	expect "kept__${version}_it_comes_back_from_its_bundle" 0 'round 0: restored from its bundle' "$ORCH" verify --rebuild finished
	same "kept__${version}_as_it_was" "$(digest finished)" "$as_it_was"

	# Numbers may differ in their last bits with another build, so that is asked for; then what is done stays, and the rest is as it was in the finished one.
	before=$(fits interrupted)
	"$ORCH" resume -q interrupted >out 2>&1
	case $? in
	0) ok "kept__${version}_goes_on" ;; # the very build that made it
	2) expect "kept__${version}_says_why_it_does_not_go_on" 2 'another build of orch.*' "$ORCH" resume -q interrupted
		check "kept__${version}_goes_on_when_told" "$ORCH" resume -q --allow-drift interrupted ;;
	*) not_ok "kept__${version}_goes_on" "$(tail -n 3 out)" ;;
	esac
	same "kept__${version}_nothing_done_is_lost" "$(comm -23 <(sort <<<"$before") <(fits interrupted | sort))" ''
	check "kept__${version}_gone_on_holds" "$ORCH" verify -q interrupted
	for file in round_000/04_lofo/lofo.csv round_001/03_baseline/metrics.json round_001/06_comparison/comparison.json; do
		same "kept__${version}_${file##*/}_of_${file%%/*}" "$(numbers interrupted/rounds/$file)" "$(numbers finished/rounds/$file)"
	done
done
finish
