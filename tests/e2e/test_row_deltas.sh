#!/bin/bash
# What leaving a feature out does to single held-out rows: the numbers of refits done by hand, groups of rows, any way to the same bytes, and what cannot
# be told.
. "$(dirname "$0")/lib.sh"

awk 'BEGIN { srand(7); print "a,b,noise,g,w,y,c,angle"
	for (i = 0; i < 240; i++) { a = rand(); b = rand(); n = rand(); g = int(20 * rand()); y = 2 * a + b + 0.3 * sin(g) + rand() / 4
		printf "%.9f,%.9f,%.9f,%d,%.3f,%.9f,%s,%.6f\n", a, b, n, g, 0.5 + rand(), y, (y + rand() > 2 ? "up" : "down"), (300 + 60 * y) % 360 } }' >d.csv
campaign() { # name, data, model, split, more lines
	printf 'name: %s\ndata: {source: d.csv, %s}\nmodel: {%s}\nsplit: {%s}\nrfe: {enabled: false}\n%b' "$1" "$2" "$3" "$4" "${5:-}" >"$1.yaml"
	"$ORCH" start -q "$1.yaml" >out 2>&1 || not_ok "$1__starts" "$(tail -n 2 out)"
}
L=rounds/round_000/04_lofo
cell() { # campaign, feature, column
	awk -F, -v feature="$2" -v name="$3" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i } $1 == feature { print $at }' "$1/$L/lofo.csv"
}
predictions() { "$ORCH" export "$1" --format csv --what predictions --output "$1.csv" >/dev/null 2>&1; }
# The long way: the out-of-fold predictions of two campaigns, one without the feature, next to each other. Groups are column 4 of d.csv, if they count.
naive() { # with, without, loss, grouped
	predictions "$1"
	predictions "$2"
	awk -F, -v loss="$3" -v grouped="$4" '
		FILENAME == "d.csv" { group[FNR - 2] = $4; next }
		FNR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; file++; next }
		function cost(  p) {
			if (loss == "log_loss") return -log($at["prob_" $at[truth]])
			p = $at[truth] - $at[guess]
			return loss == "squared_error" ? p * p : p < 0 ? -p : p }
		FNR == 2 { for (name in at) { if (name ~ /truth/) truth = name; if (name ~ /prediction/) guess = name } }
		file == 1 { with[$at["row"]] = cost() }
		file == 2 { r = $at["row"]; d[r] = cost() - with[r]; n++; sum += d[r]; worse += d[r] > 0 }
		END { mean = sum / n
			for (r in d) { key = grouped ? group[r] : r; total[key] += d[r] - mean }
			for (key in total) { clusters++; squares += total[key] * total[key] }
			printf "%.15g %.15g %.15g\n", mean, sqrt(squares * clusters / (clusters - 1)) / n, worse / n }' d.csv "$1.csv" "$2.csv"
}
agrees() { # name, campaign, feature, naive's line: to 1e-9
	local got
	got="$(cell "$2" "$3" row_delta_mean) $(cell "$2" "$3" row_delta_se) $(cell "$2" "$3" rows_worse)"
	if awk -v a="$got" -v b="$4" 'BEGIN { if (split(a, x, " ") != 3 || split(b, y, " ") != 3) exit 1
		for (i = 1; i <= 3; i++) { off = x[i] - y[i]; if (off > 1e-9 || off < -1e-9) exit 1 } if (y[2] <= 0 || y[3] <= 0) exit 1 }'; then ok "$1"; else not_ok "$1" "$got, the long way $4"; fi
}

groups='folds: {kind: group, by: g, k: 4}'
campaign ridge 'target: y, exclude: [g, w, c, angle]' 'engine: ridge, alpha: 0.5' "$groups"
campaign ridge_b 'target: y, exclude: [g, w, c, angle, b]' 'engine: ridge, alpha: 0.5' "$groups"
agrees groups__like_refits_by_hand ridge b "$(naive ridge ridge_b squared_error 1)"
same groups__loss_is_named "$(cell ridge b row_loss)" squared_error
campaign trees 'target: y, exclude: [g, w, c, angle]' 'engine: xgboost, trees: 6, max_depth: 3' 'folds: {k: 3}' 'metric: mae\n'
campaign trees_a 'target: y, exclude: [g, w, c, angle, a]' 'engine: xgboost, trees: 6, max_depth: 3' 'folds: {k: 3}' 'metric: mae\n'
agrees rows__like_refits_by_hand trees a "$(naive trees trees_a absolute_error 0)"
same rows__loss_is_named "$(cell trees a row_loss)" absolute_error
campaign classes 'target: c, exclude: [g, w, y, angle]' 'engine: logistic, alpha: 1' 'folds: {k: 3}' 'metric: auc\n'
campaign classes_a 'target: c, exclude: [g, w, y, angle, a]' 'engine: logistic, alpha: 1' 'folds: {k: 3}' 'metric: auc\n'
agrees classes__like_refits_by_hand classes a "$(naive classes classes_a log_loss 0)"
same classes__auc_says_which_loss "$(cell classes a row_loss)" log_loss

campaign forest 'target: y, weight: w, exclude: [g, c, angle]' 'engine: forest, trees: 5' 'folds: {k: 3, repeats: 2}'
check forest__all_are_there awk -F, 'NR > 1 && !($16 != "" && $17 > 0 && $18 > 0 && $18 < 1) { exit 1 }' forest/$L/lofo.csv
check page__tells_what_they_are grep -q 'They describe; they prove nothing about zero' forest/rounds/round_000/report.html
sed '1s/forest/one/; $a resources: {workers: 1}' forest.yaml >one.yaml
check one__starts "$ORCH" start -q one.yaml
same one__any_number_of_workers "$(cat one/$L/*.csv | sha256sum)" "$(cat forest/$L/*.csv | sha256sum)"
campaign directions 'target: {angle: angle}, exclude: [g, w, y, c]' 'engine: ridge, alpha: 0.5' 'folds: {k: 3}'
same angles__lose_degrees "$(cell directions a row_loss)" angle
check angles__are_there awk -v d="$(cell directions a row_delta_mean)" 'BEGIN { exit !(d > 0 && d < 180) }'

# Interrupted at commits of the ledger, it goes on to the same bytes; also when the baseline is written and the files of its fits are gone.
sed '$a resources: {workers: 1}' ridge.yaml >alone.yaml
ORCH_FAULT=count:$WORK/steps "$ORCH" start -q alone.yaml --dir counted >/dev/null 2>&1
interrupt() { # step
	rm -rf killed
	(ORCH_FAULT=kill@$1 "$ORCH" start -q alone.yaml --dir killed) >/dev/null 2>&1
}
for step in $(grep -n 'ledger commit' steps | cut -d: -f1 | sed -n '4p;6p'); do
	interrupt "$step"
	"$ORCH" resume -q killed >/dev/null 2>&1
	same "killed_at_step_$step" "$(digest killed)" "$(digest counted)"
done
for step in $(grep -n 'rename' steps | cut -d: -f1); do
	interrupt "$step"
	if [ -d killed/rounds/.round_000.work/03_baseline ]; then break; fi
done
check lost__the_baseline_is_written_and_lofo_is_not test -d killed/rounds/.round_000.work/03_baseline -a ! -e killed/rounds/.round_000.work/04_lofo
rm killed/scratch/round_000/*
expect lost__is_told 0 '03_baseline: done again: LOFO needs its predictions' "$ORCH" resume killed
same lost__same_bytes "$(digest killed)" "$(digest counted)"

# A program: predictions are compared, a score alone has no rows.
cat >trainer.sh <<'EOF'
a=0; grep -qw a "$1" && a=1
awk -F, -v a=$a 'BEGIN { print "row,prediction" } NR > 1 { printf "%d,%.9f\n", NR - 2, (a ? 2 * $1 : 1) }' "$2" >p.csv
echo '{"predictions": "p.csv"}'
EOF
campaign program 'target: y, exclude: [g, w, c, angle]' "engine: command, run: \"sh $WORK/trainer.sh {features_file} $WORK/d.csv\"" 'folds: {k: 3}'
echo 'echo "{\"score\": $1.5}"' >score.sh
campaign scores 'target: y, exclude: [g, w, c, angle]' "engine: command, run: \"sh $WORK/score.sh {fold}\"" 'folds: {k: 3}'
same program__what_it_does_not_look_at_changes_nothing "$(cell program b row_delta_mean),$(cell program b row_delta_se),$(cell program b rows_worse)" 0,0,0
check program__what_it_looks_at_does test "$(cell program a row_delta_se)" != 0 -a -n "$(cell program a row_delta_se)"
same scores__have_no_rows "$(cut -d, -f16-19 scores/$L/lofo.csv | sed 1d | sort -u)" ,,,
check scores__verify "$ORCH" verify scores
finish
