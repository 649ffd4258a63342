# Shared by the crash tests: one small campaign, its undisturbed run, and what must hold of any other run of it.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"

tiny_campaign() { # file
	cat >"$1" <<YAML
name: tiny
data: {source: $DATA/diabetes.csv, target: y}
split: {holdout: 0.2, folds: {kind: kfold, k: 3}}
seed: 11
metric: rmse
model: {engine: ridge}
hpo: {sampler: grid, space: {alpha: [0.1, 1, 10], standardize: [false, true]}}
rfe: {drop: 4, min_features: 2, max_rounds: 3}
resources: {workers: 2, retries: 3}
YAML
}

fits_of() { sqlite3 -readonly "$1/ledger.db" "SELECT hex(key), score FROM fits ORDER BY 1" 2>/dev/null; }
twice_of() { sqlite3 -readonly "$1/ledger.db" "SELECT count(*) FROM (SELECT key FROM attempts WHERE cause = 'ok' GROUP BY key, round, stage HAVING count(*) > 1)" 2>/dev/null; }

# The run that nothing disturbs: sets REFERENCE (bytes), FITS (how many), STEPS (durable steps of the orchestrator, named in $WORK/steps).
undisturbed() {
	tiny_campaign "$WORK/campaign.yaml"
	ORCH_FAULT=count:$WORK/steps "$ORCH" start -q "$WORK/campaign.yaml" --dir "$WORK/reference" >"$WORK/out" 2>&1 ||
		{ cat "$WORK/out"; not_ok crash__reference "the undisturbed run failed"; finish; }
	REFERENCE=$(digest "$WORK/reference")
	FITS=$(fits_of "$WORK/reference" | wc -l)
	STEPS=$(wc -l <"$WORK/steps")
}

# All checks on a campaign that says it is done; prints what does not hold, nothing when all is well.
violations() { # dir, fits before (hex key|score lines), "again" when committed fits may be done again (power cuts)
	[ "$(digest "$1")" = "$REFERENCE" ] || echo "rounds or bundles differ from the undisturbed run"
	[ "$(fits_of "$1" | wc -l)" = "$FITS" ] || echo "$(fits_of "$1" | wc -l) fits in the ledger, not $FITS"
	[ -z "$2" ] || [ -z "$(comm -23 <(printf '%s\n' "$2") <(fits_of "$1"))" ] || echo "a fit that was committed is not there any more"
	[ "${3:-}" = again ] || [ "$(twice_of "$1")" = 0 ] || echo "a committed fit was computed again"
	"$ORCH" verify -q "$1" >/dev/null 2>&1 || echo "verify finds damage"
}

# Resume, or start when there is no campaign folder yet; prints what went wrong, or the violations.
recover() { # dir, fits before, "again"
	local out status
	if [ -d "$1" ]; then out=$("$ORCH" resume -q "$1" 2>&1); else out=$("$ORCH" start -q "$WORK/campaign.yaml" --dir "$1" 2>&1); fi
	status=$?
	if [ $status -ne 0 ]; then echo "recovery ended with $status: $(echo "$out" | tail -n 3)"; else violations "$@"; fi
}

# i-th of n points spread over all durable steps.
point() { echo $((1 + $1 * (STEPS - 1) / ($2 > 1 ? $2 - 1 : 1))); }
tell() { # name, number bad, of, what
	[ "$2" = 0 ] && ok "$1" || not_ok "$1" "$2 of $3 $4"
}
