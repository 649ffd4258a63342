#!/usr/bin/env bash
# Trials that cost nothing, through the fake engine, recorded durably: what orch itself costs for each, and whether that stays so. Two folds a trial,
# two workers; the clock runs from `orch start` to its last word (data, report and bundle included).
# @row scale_1k | 1,000 no-op trials, recorded | Optuna 4.1, SQLite, 200 trials, extrapolated | 20 | - | 1
# @row scale_10k | 10,000 no-op trials, recorded | Optuna 4.1, journal file, 1,000 trials, extrapolated | 20 | - | 1
# @row scale_100k | 100,000 no-op trials of 2 folds, recorded | scikit-learn, GridSearchCV with a dummy, 5,000 candidates, extrapolated | 1 | - | 1
# @row scale_200k | 200,000 no-op trials, recorded | GNU parallel --joblog, 500 jobs, extrapolated | 10,000 trials/s, last as the first, < 64 MB | - | 1
# @row scale_million | 1,000,000 no-op trials, recorded | - | 10,000 trials/s, flat (< 1.2), < 64 MB, status < 50 ms, resume < 2 s | - | 1
set -euo pipefail
ORCH=$(realpath "${ORCH:-build/orch}")
export ORCH_FAKE_ENGINE=1 NO_COLOR=1
declare -A trials=([scale_1k]=1000 [scale_10k]=10000 [scale_100k]=100000 [scale_200k]=200000 [scale_million]=1000000)
count=${trials[$1]}
work=$(mktemp -d "${TMPDIR:-/tmp}/orch-scale.XXXXXX")
trap 'rm -rf "$work"' EXIT
export ORCH_CACHE=$work/cache
cd "$work"

awk 'BEGIN {srand(1); print "a,b,c,y"; for (i = 0; i < 200; i++) printf "%.4f,%.4f,%.4f,%.4f\n", rand(), rand(), rand(), rand()}' >data.csv
cat >scale.yaml <<YAML
name: scale
data: {source: data.csv, target: y}
split: {folds: {k: 2}}
metric: rmse
model: {engine: fake}
hpo: {sampler: random, trials: $count, space: {x: {float: [0, 1]}, y: {float: [0, 1]}}}
lofo: {enabled: false}
resources: {workers: 2}
limits: {configurations: 100000000}
YAML
now() { date +%s.%N; }
calc() { awk "BEGIN {printf \"$1\", $2}"; }
highest() { awk '/VmHWM|RssAnon/ {sub(":", "", $1); v[$1] = $2} END {print v["VmHWM"] / 1024, v["RssAnon"] / 1024}' "/proc/$1/status" 2>/dev/null; }

# The campaign, watched from outside: the orchestrator's memory and how long `status` takes when most is done.
began=$(now)
"$ORCH" start -q scale.yaml >out 2>&1 &
pid=$!
memory='0 0' status=0
while kill -0 $pid 2>/dev/null; do
	seen=$(highest $pid) && [ -n "$seen" ] && memory=$seen
	sleep 0.2
done
wait $pid || { cat out >&2; exit 1; }
seconds=$(calc %.3f "$(now) - $began")
times >times
cpu=$(tail -n 1 times | tr 'ms' '  ' | awk -v n="$count" '{printf "%.0f", 1e6 * ($1 * 60 + $2 + $3 * 60 + $4) / n}') # of orch and its workers
for _ in 1 2 3; do
	t=$(now)
	"$ORCH" status scale >/dev/null 2>&1
	status=$(calc %.0f "1000 * ($(now) - $t)")
done

# Wall time for each fit: early messages (after the first thousand trials) against the last ones.
search() { grep '"stage": *"01_hpo"' scale/telemetry/round_000.jsonl | grep '"kind": *"fit"' | sed -E 's/.*T(..):(..):([0-9.]+)Z.*"fits": *([0-9]+).*/\1 \2 \3 \4/'; }
read -r rate ratio < <(search | awk '{t[NR] = ($1 * 60 + $2) * 60 + $3; sum += $4; done[NR] = sum} END {
	w = int(NR / 5); if (w < 1) w = 1
	for (a = 1; a < NR && done[a] < 2000; a++);
	if (a + w > NR) a = NR - w
	first = (t[a + w] - t[a]) / (done[a + w] - done[a]); last = (t[NR] - t[NR - w]) / (done[NR] - done[NR - w])
	printf "%.0f %.2f\n", sum / 2 / (t[NR] - t[1]), (first > 0 ? last / first : 0)}')

# Resume when nearly all is recorded: killed in the search, then the time until it says what it kept.
resume=0
if [ "$count" -ge 100000 ]; then
	rm -rf scale
	"$ORCH" start -q scale.yaml >out 2>&1 &
	pid=$!
	until [ "$(grep -o '"trials":{"done":[0-9]*' scale/status.json 2>/dev/null | grep -o '[0-9]*$' || echo 0)" -gt $((count * 9 / 10)) ] || ! kill -0 $pid 2>/dev/null; do sleep 0.1; done
	kill -9 $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
	t=$(now)
	"$ORCH" resume scale >out 2>&1 &
	pid=$!
	until grep -q 'kept from the ledger' out || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
	resume=$(calc %.2f "$(now) - $t")
	kill -9 $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
fi

read -r rss anon <<<"$memory"
rate_all=$(calc %.0f "$count / $seconds")
goal=
[ "$count" -ge 200000 ] && goal="\"reached\": $(awk -v r="$rate" -v q="$ratio" -v m="$rss" -v s="$status" -v z="$resume" 'BEGIN {print (r >= 10000 && q < 1.2 && m < 64 && s < 50 && z < 2) ? "true" : "false"}'), "
printf '{"seconds": %s, "answer": [], "memory": %.0f, %s"note": "%s trials/s while searching, %s over all; %s us of processor a trial; last/first %s; orchestrator %.0f MB (%.0f MB its own); status %s ms; resume %s s"}\n' \
	"$seconds" "$rss" "$goal" "$rate" "$rate_all" "$cpu" "$ratio" "$rss" "$anon" "$status" "$resume"
