#!/usr/bin/env bash
# Other seeds, learning curves and how often features are chosen, from end to end: counted before, done once, the same after a kill.
source "$(dirname "$0")/lib.sh"
awk 'BEGIN { srand(3); print "a,b,noise,other,shop,y"
	for (i = 0; i < 240; i++) { a = rand(); b = rand(); printf "%.4f,%.4f,%.4f,%.4f,s%d,%.4f\n", a, b, rand(), rand(), i % 24, 3 * a + b * b + rand() / 5 } }' >data.csv
spec() { # name, engine, folds, diagnostics
	printf 'name: %s\ndata: {source: data.csv, target: y, exclude: [shop]}\nsplit: {holdout: 0.2, folds: {%s}}\nmodel: {%s}\nrfe: {max_rounds: 2}\ndiagnostics: {%s}\n' "$1" "$3" "$2" "$4" >"$1.yaml"
}
fits() { sqlite3 -readonly "$1/ledger.db" "SELECT count(*) FROM fits WHERE stage = '09_stability' AND round = $2"; }
S=rounds/round_000/09_stability

spec forest "engine: forest, trees: 5" "k: 4" "seed_repeats: 2, learning_curve: [0.5, 0.2]"
expect plan__counts_them 0 'seeds and learning curve 16' "$ORCH" plan forest.yaml
expect plan__counts_them_for_programs 0 '"09_stability": *16' "$ORCH" plan --json forest.yaml
check forest__runs "$ORCH" start -q forest.yaml
same forest__fits_of_each_round "$(fits forest 0) $(fits forest 1)" "16 16"
same forest__scores_of_all "$(cut -d, -f1,2 forest/$S/scores.csv | sort | uniq -c | awk '{print $2 "x" $1}' | tr '\n' ' ')" "0,0.2x4 0,0.5x4 0,1x4 1,1x4 2,1x4 seed,sharex1 "
same forest__first_is_the_baseline "$(grep '^0,1,' forest/$S/scores.csv | cut -d, -f3,5)" "$(sed 1d forest/rounds/round_000/01_hpo/trials.csv | tr ',' '\n' | tail -5 | head -4 | awk '{print NR - 1 "," $1}')"
check forest__seeds_differ grep -q '"same": *false' forest/$S/stability.json
same forest__rows_of_parts "$(grep '^0,0.5,0,' forest/$S/scores.csv | cut -d, -f4)" "$(($(grep '^0,1,0,' forest/$S/scores.csv | cut -d, -f4) / 2))"
same forest__selection_is_in_order_of_rank "$(sed 1d forest/$S/selection.csv | head -1 | cut -d, -f1,2,4)" "a,4,1"
expect forest__holds 0 'everything holds' "$ORCH" verify forest

for plot in seeds learning_curve selection; do check "forest__has_plot_$plot" test -s forest/rounds/round_000/08_plots/$plot.svg; done
check forest__round_page_tells_the_seeds grep -q 'over 3 seeds</span><b[^>]*>[0-9.]* ± [0-9.]*' forest/rounds/round_000/report.html
check forest__round_page_has_the_table grep -q 'How often folds choose each feature</h2>' forest/rounds/round_000/report.html
check forest__report_tells_them_too grep -q 'over 3 seeds' forest/report/report.html

same forest__own_best_round_of_each_fold "$(tr -d ' \n' <forest/summary.json | grep -oE '"selection":\{"folds":4,"rounds":\[[01],[01],[01],[01]\],"features":\{"a":1' | wc -l)" 1
check forest__agreement_of_folds_is_drawn grep -q 'What folds agree on' forest/report/report.html

# On paper a chart that a script draws is a picture (a build without npm has neither, and shows the picture everywhere).
count() { grep -oE "$1" forest/report/report.html | wc -l; }
check report__charts_are_pictures_on_paper test "$(count '<div class="onpaper"><figure>')" -ge "$(count '<div class="chart" id="chart-(lofo|history|parallel)"')"

# Killed at a commit in the middle of these fits: the rounds are the same, each fit is there once.
ORCH_FAULT=count:$PWD/steps "$ORCH" start -q forest.yaml --dir again >/dev/null 2>&1
{ ORCH_FAULT=kill@$(grep -n '^ledger committed' steps | awk -F: '{n[NR] = $1} END {print n[int(NR * 0.4)]}') "$ORCH" start -q forest.yaml --dir killed >/dev/null 2>&1; } 2>/dev/null
check killed__resumes "$ORCH" resume -q killed
same killed__each_fit_once "$(fits killed 0) $(fits killed 1)" "16 16"
same killed__same_bytes "$(digest killed)" "$(digest forest)"

# One worker, another order of the list: the same.
sed 's/\[0.5, 0.2\]/[0.2, 0.5]/; s/^model/resources: {workers: 1}\nmodel/' forest.yaml >one.yaml
check one__runs "$ORCH" start -q one.yaml --dir one
same one__any_number_of_workers "$(cat one/$S/*.csv one/$S/*.json | sha256sum)" "$(cat forest/$S/*.csv forest/$S/*.json | sha256sum)"

spec ridge "engine: ridge" "kind: group, by: shop, k: 4" "seed_repeats: 2, learning_curve: true"
expect ridge__has_no_seeds 0 'seeds and learning curve 16' "$ORCH" plan ridge.yaml
check ridge__runs "$ORCH" start -q ridge.yaml
check ridge__says_so grep -q 'engine ridge draws no random numbers' ridge/$S/stability.json
check ridge__page_says_so grep -q 'engine ridge draws no random numbers' ridge/rounds/round_000/report.html
same ridge__no_plot_of_seeds "$(ls ridge/rounds/round_000/08_plots | grep -cE '^(seeds|front)')" 0
same ridge__whole_groups "$(grep '^0,0.4,' ridge/$S/scores.csv | cut -d, -f4 | awk '{ if ($1 % 10) bad = 1 } END { print bad + 0 }')" 0

# A program gets another seed, and a file without the rows that it may not see.
cat >program.sh <<'SH'
echo "$1 $2" >>"$3/seeds.txt"
echo "{\"score\": 0.$1}"
SH
spec program "engine: command, run: \"sh ./program.sh {seed} {fold} $PWD\"" "k: 2" "seed_repeats: 2"
sed -i 's/^model/metric: rmse\nlofo: {enabled: false}\nmodel/' program.yaml
check program__runs "$ORCH" start -q program.yaml
same program__is_told_its_seed "$(sort seeds.txt | uniq -c | awk '{print $2 "/" $3}' | sort -u | tr '\n' ' ')" "42/-1 42/0 42/1 43/0 43/1 44/0 44/1 "
same program__no_lofo_no_selection "$(ls program/$S)" "$(printf 'MANIFEST.sha256\nfits.json\nscores.csv\nstability.json')"

# Several metrics: a front, and its plot.
spec front "engine: forest, trees: 4" "k: 3" ""
sed -i 's/^model/hpo: {sampler: random, trials: 12, space: {max_depth: {int: [1, 9]}, max_features: {float: [0.2, 1]}}}\nmetric: [rmse, mae, r2]\nmodel/' front.yaml
check front__runs "$ORCH" start -q front.yaml
same front__directions "$(tr -d ' \n' <front/rounds/round_000/01_hpo/front.json)" '{"objectives":[{"name":"rmse","maximise":false},{"name":"mae","maximise":false},{"name":"r2","maximise":true}],"constraints":[]}'
check front__plot grep -q 'beaten by no other' front/rounds/round_000/08_plots/front.svg

# Without the keys nothing is fitted.
spec plain "engine: ridge" "k: 3" ""
check plain__runs "$ORCH" start -q plain.yaml
same plain__takes_no_fit "$(fits plain 0)" 0
check plain__selection_needs_none test -s plain/$S/selection.csv
finish
