#!/usr/bin/env bash
# What people and other programs read of a campaign: the report, the exported tables. Pages are opened in Chromium where it is installed.
source "$(dirname "$0")/lib.sh"

# Names that would be markup, script, formula or a new line if anything forgot to escape them.
cat >prepare.awk <<'END'
BEGIN { printf "\"<script>document.title='owned'</script>\",\"=1+1\",\"it's \"\"quoted\"\" &amp; | long\",noise,y\n"
	for (i = 0; i < 120; i++) { a = (i * 37) % 101 / 10; b = (i * 53) % 97 / 10; c = (i * 71) % 89 / 10
		printf "%g,%g,%g,%g,%g\n", a, b, c, (i * 13) % 7, 3 * a - 2 * b + 0.5 * c + ((i * 29) % 11) / 20 } }
END
awk -f prepare.awk >data.csv
cat >campaign.yaml <<'END'
name: "it's <b>me"
data: {source: data.csv, target: y}
split: {holdout: 0.2, folds: {k: 4}}
model: {engine: ridge}
hpo: {sampler: grid, space: {alpha: [0.01, 0.1, 1, 10]}}
lofo: {enabled: true}
rfe: {enabled: true, drop: 1, max_rounds: 2}
END
check start "$ORCH" start campaign.yaml --dir c
report=c/report/report.html

# the campaign's page
check report__is_there test -s $report
expect report__prints_the_path 0 '/c/report/report.html$' "$ORCH" report c
cp $report first.html
check report__same_again cmp first.html $report
expect report__notebook_line 0 "notebook: pd.read_parquet\('/.*/c/rounds/round_00[01]/01_hpo/trials.parquet'\)" "$ORCH" report c
expect report__answer_first 0 'class="answer">Take round [01]: [34] of 4 features' cat $report
expect report__policy 0 "default-src 'none'; .*script-src 'sha256-" cat $report
check report__nothing_from_outside bash -c "! sed 's/xmlns[:a-z]*=\"[^\"]*\"//g' $report | sed '/<script>/,\$d' | grep -E '(src|href)=\"?(https?:|//)|@import|url\('"
check report__names_are_text bash -c "! sed '/^<script>/,\$d' $report | grep -E '<script>document.title|<b>me'"
check report__round_page_too bash -c "! grep -F '<script>document.title' c/rounds/round_000/report.html && grep -F '&lt;script&gt;' c/rounds/round_000/report.html"
check report__data_island bash -c "! grep -qo 'id=\"charts\">.*<script>document.title' $report"
expect report__of_a_round 0 'report/round_000.html$' "$ORCH" report c --round 0
expect report__md 0 '^\| 0 \| 4 \| ' "$ORCH" report c --md
expect report__md_escapes 0 '^## it.s \\<b\\>me' "$ORCH" report c --md
expect report__md_contributions 0 '^- contributions to predictions .mean of abs. SHAP, 9[0-9] training rows.: \\<script\\>' "$ORCH" report c --md
expect report__contributions 0 'Contributions to predictions</h2><p class="sub">how far each feature moves the prediction of y, .*closed form' cat $report
expect report__json 0 '"stages": ' "$ORCH" report c --json
expect report__no_such_round 2 'no finished round 7; the last is round 1' "$ORCH" report c --round 7
expect report__round_is_a_number 2 'takes the number of a round' "$ORCH" report c --round x
expect report__round_is_for_the_page 2 'for the page' "$ORCH" report c --round 0 --md
rm -r c/report
expect report__rebuilt 0 '' "$ORCH" verify --rebuild c
check report__rebuilt_is_the_same cmp first.html $report

# tables
expect export__csv_on_stdout 0 '^round,trial,param_alpha,mean,' "$ORCH" export c --format csv --what trials
same export__all_trials "$("$ORCH" export c -q --format csv --what trials | wc -l)" 9
check export__folder "$ORCH" export c --format csv --output all
same export__files "$(ls all | tr '\n' ' ')" "failures.csv lofo.csv path.csv predictions.csv rounds.csv trials.csv "
same export__predictions_are_all "$(wc -l <all/predictions.csv)" "$(($(sqlite3 :memory: "select 120") + 1))"
expect export__never_overwrites 2 'it exists; give another --output' "$ORCH" export c --format csv --output all
check export__parquet "$ORCH" export c --format parquet --what lofo --output lofo.parquet
check export__parquet_is_one bash -c "head -c 4 lofo.parquet | grep -q PAR1"
check export__json bash -c "'$ORCH' export c -q --format json --output c.json && sqlite3 :memory: \"select json_valid(readfile('c.json')), json_array_length(readfile('c.json'), '\$.trials')\" | grep -x '1|8'"
check export__xlsx "$ORCH" export c --format xlsx --output c.xlsx
check export__xlsx_is_one bash -c "head -c 2 c.xlsx | grep -q PK"
expect export__format_is_guessed 2 'did you mean parquet' "$ORCH" export c --format parqet
expect export__format_is_needed 2 'needs a format' "$ORCH" export c
expect export__what_is_guessed 2 'did you mean trials' "$ORCH" export c --format csv --what trails
expect export__no_such_round 2 'no finished round 9' "$ORCH" export c --format csv --what predictions --round 9 --output p.csv
check export__nothing_left_behind test ! -e p.csv
expect export__round_is_for_predictions 2 'for the predictions' "$ORCH" export c --format csv --what trials --round 0

# side by side
expect compare__rounds 0 '^B against A: [+-][0-9.e-]+, 95 % interval .*, p ' "$ORCH" compare c:0 c:1
expect compare__only_differences 0 '^features$' "$ORCH" compare c:0 c:1
check compare__the_same bash -c "'$ORCH' compare c:0 c:0 | grep -q 'nothing else is different'"
expect compare__round_folder 0 '^round +0 +1$' "$ORCH" compare c/rounds/round_000 c:1
# B against A in the ledger of the rounds themselves: the mean of the differences by fold
same compare__mean_of_differences "$("$ORCH" compare c:0 c:1 --json | sed -n 's/.*"mean": //p' | tr -d , | cut -c1-9)" \
	"$(sqlite3 :memory: "select avg(a.value - b.value) from json_each(readfile('c/rounds/round_000/03_baseline/metrics.json'), '\$.cv.rmse.folds') a join json_each(readfile('c/rounds/round_001/03_baseline/metrics.json'), '\$.cv.rmse.folds') b on a.key = b.key" | cut -c1-9)"
sed 's/k: 4/k: 3/; s/it.s <b>me/other/; s/0.01, 0.1/0.1/' campaign.yaml >other.yaml
check compare__another "$ORCH" start -q other.yaml --dir o
expect compare__other_folds 0 'other folds: only the intervals' "$ORCH" compare c o
expect compare__spec 0 '^  split.folds.k +4 +3$' "$ORCH" compare c o
check compare__page bash -c "'$ORCH' compare c:0 c:1 o --html compared.html && ! grep -F '<b>me' compared.html && grep -F '&lt;b&gt;me' compared.html"
expect compare__never_overwrites 2 'it exists' "$ORCH" compare c:0 c:1 --html compared.html
expect compare__three 0 'Holm|against A' "$ORCH" compare c:0 c:1 c:0
expect compare__needs_two 2 'is missing: orch compare' "$ORCH" compare c
expect compare__no_such_round 2 'has no finished round 5; the last is round 1' "$ORCH" compare c:0 c:5
expect compare__no_round_number 2 'after the colon' "$ORCH" compare c:0 c:x
expect compare__no_such_metric 2 'has no scores in foo' "$ORCH" compare c:0 c:1 --metric foo

# in a browser, without a network
if command -v chromium >/dev/null; then
	offline=()
	unshare -rn true 2>/dev/null && offline=(unshare -rn)
	page() { # file, extra flags...: what the page has become
		local file=$1
		shift
		timeout 60 "${offline[@]}" chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update \
			--disable-sync --user-data-dir="$WORK/chromium" --enable-logging=stderr --v=0 --virtual-time-budget=3000 "$@" "file://$file" 2>browser.log
	}
	page "$PWD/$report" --dump-dom >dom.html
	if grep -q 'id="charts"' $report; then
		check browser__draws grep -q '<html lang="en" data-charts="[23]"' dom.html
	else # a build without npm
		check browser__draws grep -q '<svg.*class="orch-plot"' dom.html
	fi
	check browser__script_in_a_name_is_text bash -c "! grep -q '<title>owned' dom.html"
	check browser__no_complaint bash -c "! grep -E 'Content.Security|Uncaught|SyntaxError|net::ERR' browser.log"
	# the same page with two clicks at the end, by a script of ours, without the policy that would not let it run
	cat >click.js <<'END'
const table = document.querySelector('table'), head = table.querySelector('th'), names = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent);
head.click();
const up = names();
head.click();
const down = names();
document.body.dataset.sorted = `${up.length > 2 && up.every((name, i) => !i || up[i - 1] <= name)} ${down.every((name, i) => name === up[up.length - 1 - i])} ${head.getAttribute('aria-sort')}`;
END
	{ sed 's/<meta http-equiv="Content-Security-Policy"[^>]*>//' $report; echo "<script>$(cat click.js)</script>"; } >clicked.html
	page "$PWD/clicked.html" --dump-dom >dom.html
	check browser__sorts grep -q 'data-sorted="true true descending"' dom.html
	page "$PWD/c/rounds/round_000/report.html" --dump-dom >dom.html
	check browser__round_page bash -c "grep -q '<svg' dom.html && ! grep -E 'Content.Security|Uncaught|net::ERR' browser.log"
else
	echo "# no chromium: pages are not opened"
fi
finish
