#!/usr/bin/env bash
# Damage at rest: one bit is flipped in a finished campaign - ledger, rounds, bundles, prepared data, logs - and `orch verify` must say so (exit 5) and name the
# file; with the bit flipped back nothing is left to find. Unused bytes of SQLite's pages are exempt: there the ledger's rows must still read as before.
# Then derived things are removed or damaged and made again.
#   FLIPS=40 RESTORE_DENSITY=2 tests/crash/damage.sh
source "$(dirname "$0")/lib.sh"
FLIPS=${FLIPS:-40}
RANDOM=${FLIP_SEED:-1}
undisturbed
dir=$WORK/reference
check damage__nothing_at_first "$ORCH" verify "$dir"
mapfile -t files < <(cd "$WORK" && find reference/ledger.db reference/spec.json reference/campaign.yaml reference/rounds reference/bundles reference/summary.json cache -type f -size +0c ! -name '*-wal' ! -name '*-shm' ! -name '*.lock' | sort)
flip() { # file, offset, bit
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf "\\x$(printf %02x $((byte ^ (1 << $3))))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
rows() { sqlite3 -readonly "$dir/ledger.db" "SELECT * FROM fits; SELECT * FROM rounds; SELECT * FROM trials" 2>&1 | sha256sum; }
rows_before=$(rows)
missed=0 exempt=0
for ((i = 0; i < FLIPS; i++)); do
	# every kind of file in turn, then any byte of it: small files count as much as large ones
	file=${files[$(((RANDOM * 32768 + RANDOM) % ${#files[@]}))]}
	[ $((i % 4)) -ne 0 ] || file=reference/ledger.db
	path=$WORK/$file
	at=$(((RANDOM * 32768 + RANDOM) % $(stat -c %s "$path")))
	bit=$((RANDOM % 8))
	flip "$path" $at $bit
	out=$("$ORCH" verify "$dir" 2>&1)
	status=$?
	if [ $status = 0 ] && [ "$file" = reference/ledger.db ] && [ "$(rows)" = "$rows_before" ]; then
		exempt=$((exempt + 1))
	elif [ $status != 5 ]; then
		missed=$((missed + 1))
		echo "# bit $bit of byte $at of $file: exit $status: $(echo "$out" | tail -n 1)"
	fi
	flip "$path" $at $bit
done
tell "damage__each_of_${FLIPS}_flipped_bits_is_found" $missed "$FLIPS" "were not noticed"
echo "# $exempt flips fell on unused bytes of the ledger"
check damage__flipped_back_nothing_is_left "$ORCH" verify "$dir"

# What is derived can be made again, and is the same afterwards.
before=$(digest "$dir")
rm -rf "$dir/bundles/round_001.tar.zst" "$dir/provenance.git" "$dir/summary.json"
printf 'garbage' >>"$dir/bundles/round_000.tar.zst"
sed -i '3d' "$dir/progress.jsonl"
expect damage__derived_things_are_missed 5 'rebuild' "$ORCH" verify "$dir"
expect damage__derived_things_are_made_again 0 '' "$ORCH" verify --rebuild "$dir"
same damage__made_again_they_are_the_same "$(digest "$dir")" "$before"
check damage__rebuilt_all_holds "$ORCH" verify "$dir"

# A round that is damaged or gone comes back from its bundle, whatever was there is kept; a kill in the middle of that costs nothing.
printf 'x' >>"$dir/rounds/round_000/report.html"
rm -rf "$dir/rounds/round_001"
expect damage__restorable_rounds_are_told 5 'round_001 .*its bundle holds it' "$ORCH" verify "$dir"
expect damage__rounds_come_back 0 'round 0: restored from its bundle; what was there is in' "$ORCH" verify --rebuild "$dir"
same damage__as_they_were "$(digest "$dir")" "$before"
killed=0
for ((step = 1; step < 400; step += 1 + step / ${RESTORE_DENSITY:-2})); do
	rm -rf "$dir/rounds/round_000"
	ORCH_FAULT=kill@$step "$ORCH" verify --rebuild -q "$dir" >/dev/null 2>&1 && break
	"$ORCH" verify --rebuild -q "$dir" >"$WORK/out" 2>&1 && [ "$(digest "$dir")" = "$before" ] || echo "# killed at step $step: $(tail -n 1 "$WORK/out")"
	killed=$((killed + 1))
done >"$WORK/kills" 2>/dev/null
cat "$WORK/kills"
tell damage__killed_while_restoring "$(grep -c . "$WORK/kills")" $killed "did not come back"
# Without a bundle it is made again from the ledger.
printf 'x' >>"$dir/rounds/round_001/report.html"
rm "$dir/bundles/round_001.tar.zst"
expect damage__no_bundle_is_told 5 'no bundle holds it' "$ORCH" verify "$dir"
expect damage__no_bundle_no_rebuild 5 'round 1: left as it is' "$ORCH" verify --rebuild "$dir"
expect damage__no_bundle_done_again 0 'round 1: done again, it was damaged' "$ORCH" resume --redo-damaged "$dir"
same damage__done_again_it_is_the_same "$(digest "$dir")" "$before"
finish
