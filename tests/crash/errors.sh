#!/usr/bin/env bash
# A durable step that fails (full disk, quota, read-only, I/O error, no descriptors; once, or from then on) in the orchestrator or in a worker:
# the run ends well, or with a message and exit 1 or 75, never by a signal; what was committed stays; resumed without the fault it ends in the
# same bytes as a run that nothing disturbed.
#   CRASH_POINTS=12 tests/crash/errors.sh
source "$(dirname "$0")/lib.sh"
POINTS=${CRASH_POINTS:-12}
undisturbed
ERRORS=(EIO ENOSPC EROFS EACCES EDQUOT EMFILE ENOMEM EINTR)

try_error() { # step, once or lasting, errno, scope
	local dir=$WORK/p/$1.$2.$3.$4 status before='' plus=''
	[ "$2" = once ] || plus=+
	mkdir -p "$dir"
	export ORCH_CACHE=$dir/cache
	ORCH_FAULT="fail@$1$plus:$3" ORCH_FAULT_SCOPE=$4 timeout -k 10 "$([ "$2" = once ] && echo 10 || echo 6)" "$ORCH" start -q "$WORK/campaign.yaml" --dir "$dir/c" >"$dir/log" 2>&1
	status=$?
	case $status in
	0) ;;
	1 | 75 | 124) [ -s "$dir/log" ] || echo "no message" ;; # 124: it waits for room, and left when told to
	2) [ "$2.$4" != once.worker ] || echo "exit 2: $(tail -n 2 "$dir/log")" ;;
	*) echo "exit $status: $(tail -n 3 "$dir/log")" ;;
	esac
	[ ! -f "$dir/c/ledger.db" ] || before=$(fits_of "$dir/c")
	recover "$dir/c" "$before" again
	rm -rf "$dir"
}

bad=0 i=0
for ((i = 0; i < POINTS; i++)); do
	step=$(point $i "$POINTS")
	error=${ERRORS[i % ${#ERRORS[@]}]}
	mode=$([ $((i / ${#ERRORS[@]} % 2)) = 0 ] || [ $error = EINTR ] && echo once || echo lasting) # no system call is interrupted for ever
	scope=$([ $((i % 3)) = 2 ] && echo worker || echo orchestrator)
	[ $scope = orchestrator ] || step=$((1 + step % 40)) # a worker makes fewer
	found=$(try_error "$step" "$mode" "$error" $scope)
	if [ -n "$found" ]; then
		bad=$((bad + 1))
		echo "# $error $mode at step $step of the $scope ($(sed -n "${step}p" "$WORK/steps")): $found"
	fi
done
tell "errors__${POINTS}_failing_steps_end_in_the_same_bytes" $bad "$POINTS" "broke the contract"
finish
