#!/usr/bin/env bash
# Several orchs, and processes that stop: N starts at once, a lock file left by a dead or by a foreign process (stale, recycled pid, another boot),
# a worker that is stopped or hangs, an orchestrator that dies while its workers live, one that is stopped and goes on.
source "$(dirname "$0")/lib.sh"
undisturbed
start() { "$ORCH" start -q "$WORK/campaign.yaml" --dir "$1"; }
alive_below() { pgrep -g "$1" | wc -l; }

# Ten starts of the same campaign at once: one does it, the others say that it is there or busy; nothing is done twice.
for ((i = 0; i < 10; i++)); do
	(start "$WORK/crowd" >"$WORK/crowd.$i" 2>&1; echo $? >"$WORK/crowd.$i.status") &
done
wait
same contention__one_of_ten_starts_wins "$(cat "$WORK"/crowd.*.status | grep -c '^0$') $(cat "$WORK"/crowd.*.status | grep -cE '^(2|4)$')" "1 9"
same contention__nothing_is_done_twice "$(violations "$WORK/crowd" '')" ''

# Killed half-way; then five resumes at once.
setsid env ORCH_FAULT=kill@$((STEPS / 2)) "$ORCH" start -q "$WORK/campaign.yaml" --dir "$WORK/half" >/dev/null 2>&1
for ((i = 0; i < 5; i++)); do
	("$ORCH" resume -q "$WORK/half" >"$WORK/half.$i" 2>&1; echo $? >"$WORK/half.$i.status") &
done
wait
same contention__resumes_at_once_end_well "$(cat "$WORK"/half.*.status | grep -cvE '^(0|4)$') $(violations "$WORK/half" '')" "0 "

# The lock file of somebody who is gone: what it says decides nothing, only whether it is held.
for holder in '{"pid":1,"start":1,"boot":"another","host":"elsewhere"}' "{\"pid\":$$,\"start\":1}" 'not even JSON' ''; do
	rm -rf "$WORK/stale"
	setsid env ORCH_FAULT=kill@$((STEPS / 3)) "$ORCH" start -q "$WORK/campaign.yaml" --dir "$WORK/stale" >/dev/null 2>&1
	printf '%s' "$holder" >"$WORK/stale/lock"
	same "contention__a_stale_lock_is_no_lock_(${holder:0:12})" "$(recover "$WORK/stale" "$(fits_of "$WORK/stale")")" ''
done

# The orchestrator dies, its workers live on for a moment: no lock-out, no late write, nothing left behind.
setsid env ORCH_FAULT=kill@$((STEPS / 2)) "$ORCH" start -q "$WORK/campaign.yaml" --dir "$WORK/orphans" >/dev/null 2>&1 &
group=$!
wait $group
before=$(fits_of "$WORK/orphans")
same contention__orphaned_workers_lock_nobody_out "$(recover "$WORK/orphans" "$before")" ''
for ((k = 0; k < 50 && $(alive_below $group) > 0; k++)); do sleep 0.1; done
same contention__no_worker_outlives_its_orchestrator "$(alive_below $group)" 0

# Sent to sleep in the middle, looked at, woken again.
setsid env ORCH_FAULT=stop@$((STEPS / 2)) "$ORCH" start -q "$WORK/campaign.yaml" --dir "$WORK/asleep" >"$WORK/out" 2>&1 &
pid=$!
for ((k = 0; k < 300; k++)); do grep -q '^State:.T' /proc/$pid/status 2>/dev/null && break; sleep 0.05; done
expect contention__status_of_a_sleeping_run 0 '' "$ORCH" status "$WORK/asleep"
expect contention__a_sleeping_run_still_holds_its_campaign 4 '' "$ORCH" resume -q "$WORK/asleep"
kill -CONT $pid
wait $pid
same contention__a_woken_run_goes_on "$? $(violations "$WORK/asleep" '')" "0 "

# Starts $1.yaml and sends one of its workers to sleep as soon as there is one. Leaves what became of it in $status.
with_a_stopped_worker() {
	local k pid victim
	"$ORCH" start -q "$WORK/$1.yaml" --dir "$WORK/$1" >"$WORK/out" 2>&1 &
	pid=$!
	for ((k = 0; k < 300; k++)); do
		victim=$(pgrep -P $pid | tail -n 1)
		[ -n "$victim" ] && [ -d "$WORK/$1" ] && kill -STOP "$victim" 2>/dev/null && break
		sleep 0.03
	done
	[ $k -lt 300 ] || echo "# no worker was seen"
	wait $pid
	status=$?
	[ $status = 0 ] || sed 's/^/# /' "$WORK/out" | tail -n 5
}

# A worker that is stopped in a fit runs into its time limit, is killed, and its fits are done again; in what has no limit, or with none given, it is woken.
sed 's/resources: {/resources: {fit_timeout: 2s, /; s/name: tiny/name: stopped/' "$WORK/campaign.yaml" >"$WORK/stopped.yaml"
sed 's/name: tiny/name: woken/' "$WORK/campaign.yaml" >"$WORK/woken.yaml"
for name in stopped woken; do
	with_a_stopped_worker $name
	same contention__a_worker_is_${name} "$status $(fits_of "$WORK/$name" | sha256sum)" "0 $(fits_of "$WORK/reference" | sha256sum)"
	check contention__a_worker_is_${name}_without_damage "$ORCH" verify -q "$WORK/$name"
done
finish
