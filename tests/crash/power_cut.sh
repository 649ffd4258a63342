#!/usr/bin/env bash
# Power cuts on real file systems: the campaign and its cache lie on an image; the orchestrator is sent to sleep before its N-th durable step, the file
# system loses everything that is not on the device, all processes are killed, the image is mounted again and its journal replayed. Then: a round that was
# announced is there, every committed fit of more than a second ago is there, and the resumed campaign ends in the same bytes as the one that nothing
# disturbed. ext4 and xfs are shut down where they stand (cut_power); of btrfs, which cannot be, the device is copied at that moment.
# Needs root and loop devices; says so and passes where there are none. A file system without its mkfs is told and left out.
#   CRASH_POINTS=6 CUT_FS="ext4 xfs btrfs" tests/crash/power_cut.sh
source "$(dirname "$0")/lib.sh"
POINTS=${CRASH_POINTS:-6}
CUT=${BUILD:-$OLDPWD/build}/tests/crash/cut_power
image=$WORK/image mount=$WORK/mount
mkdir -p "$mount"
declare -A format=([ext4]="mkfs.ext4 -q -F" [xfs]="mkfs.xfs -q -f" [btrfs]="mkfs.btrfs -q -f") size=([ext4]=96M [xfs]=320M [btrfs]=128M)
fresh() { # file system: an empty one, mounted
	rm -f "$image" "$image.cut"
	truncate -s "${size[$1]}" "$image"
	${format[$1]} "$image" >/dev/null 2>&1 && mount -o loop "$image" "$mount" 2>/dev/null
}
if ! fresh ext4; then
	ok "power_cut__not_tried_here # no root, no mkfs.ext4 or no loop devices"
	finish
fi
umount "$mount"
trap 'umount -l "$mount" 2>/dev/null; rm -rf "$WORK"' EXIT
undisturbed

cut_at() { # file system, step
	local dir=$mount/c log=$WORK/log before pid announced
	fresh "$1" || { echo "no image"; return; }
	export ORCH_CACHE=$mount/cache
	setsid env ORCH_FAULT="stop@$2" "$ORCH" start "$WORK/campaign.yaml" --dir "$dir" >"$log" 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null && ! grep -q '^State:.T' /proc/$pid/status 2>/dev/null; do sleep 0.02; done
	before=$(find "$dir/rounds" -maxdepth 1 -name 'round_*' -printf '%f\n' 2>/dev/null | sort)
	announced=$(grep -oE "round [0-9]+ is done" "$log" | awk "{printf \"round_%03d\\n\", \$2}")
	if [ "$1" = btrfs ]; then cp --sparse=always "$image" "$image.cut"; else "$CUT" "$mount" || echo "the power could not be cut"; fi
	kill -9 -- -$pid 2>/dev/null
	wait $pid 2>/dev/null
	for ((k = 0; k < 100; k++)); do umount "$mount" 2>/dev/null && break; sleep 0.05; done
	[ ! -f "$image.cut" ] || mv "$image.cut" "$image"
	mount -o loop "$image" "$mount" || { echo "the image cannot be mounted again"; return; }
	for round in $announced; do
		[ -d "$dir/rounds/$round" ] || echo "$round was announced and is gone (seen before: $before)"
	done
	recover "$dir" "" again
	umount "$mount"
}

for fs in ${CUT_FS:-ext4}; do
	if ! command -v "mkfs.$fs" >/dev/null; then
		ok "power_cut__${fs}_not_tried_here # there is no mkfs.$fs"
		continue
	fi
	bad=0
	for ((i = 0; i < POINTS; i++)); do
		step=$(point $i "$POINTS")
		found=$(cut_at "$fs" "$step")
		if [ -n "$found" ]; then
			bad=$((bad + 1))
			echo "# $fs: power cut before step $step ($(sed -n "${step}p" "$WORK/steps")): $found"
			umount "$mount" 2>/dev/null
		fi
	done
	tell "power_cut__${POINTS}_cuts_of_${fs}_resume_to_the_same_bytes" $bad "$POINTS" "cuts broke the contract"
done
finish
