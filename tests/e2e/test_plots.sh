#!/usr/bin/env bash
# Plots and diagnostics from end to end: every picture that a task has is there, well-formed, without NaN, the same bytes twice; hostile names stay names.
source "$(dirname "$0")/lib.sh"

# 300 rows with every kind of target, columns and levels that would be commands, markup or formats somewhere.
awk 'BEGIN {
	srand(5)
	print "id,area `touch orch-was-here`,\"$(touch orch-was-here) <b>&amp;\",x_{2}^3 %d @y,größe 日本語,kind,shop,price,heading,churn,species"
	for (i = 0; i < 300; i++) {
		a = rand(); b = rand(); c = rand(); d = rand() * rand()
		kind = i % 3 == 0 ? "`id`" : i % 3 == 1 ? "\"\"quoted\"\" ]]>" : "<script>alert(1)</script>"
		printf "%d,%.4f,%.4f,%.4f,%.4f,\"%s\",s%d,%.3f,%.2f,%s,%s\n", i, a, b, c, d, kind, i % 12, 3 * a + b + rand() / 3, (a * 360 + rand() * 20) % 360, (a + rand() > 1 ? "yes & no" : "<no>"), (a > 0.6 ? "one" : b > 0.5 ? "two" : "three")
	}
}' >data.csv

campaign() { # name, target, excluded, folds, engine
	cat >"$1.yaml" <<YAML
name: $1
data: {source: data.csv, id: id, target: $2, exclude: [$3]}
split: {holdout: 0.2, folds: $4}
model: $5
hpo: {sampler: random, trials: 8, space: {$6}}
rfe: {max_rounds: $([ "$1" = number ] && echo 2 || echo 1)}
YAML
	check "start__$1" "$ORCH" start -q "$1.yaml" --dir "$1"
}
RIDGE="alpha: {float: [0.01, 100], log: true}, standardize: [true, false]"
FOREST="max_depth: [3, 5], min_samples_leaf: {int: [1, 9]}"
campaign number price "heading, churn, species, shop" "{k: 3}" "{engine: ridge}" "$RIDGE"
campaign angle "{angle: heading}" "price, churn, species, kind" "{kind: group, by: shop, k: 3}" "{engine: forest, trees: 10}" "$FOREST"
campaign two churn "price, heading, species, shop" "{k: 3}" "{engine: forest, trees: 10}" "$FOREST"
campaign three species "price, heading, churn, shop" "{k: 3}" "{engine: forest, trees: 10}" "$FOREST"

plots_of() { (cd "$1/rounds/round_000/08_plots" && ls ./*.svg | sed 's/^..//; s/\.svg$//' | tr '\n' ' '); }
same plots__of_numbers "$(plots_of number)" "correlation drift effects error_by_category error_by_target fold_scores history lofo parallel param_importance path predicted_actual rec residuals residuals_features residuals_fitted selection shap shap_importance slices "
same plots__of_directions "$(plots_of angle)" "angle_bands angle_error correlation drift error_by_group fold_scores history lofo parallel param_importance rec residuals_features selection shap_importance slices "
same plots__of_two_classes "$(plots_of two)" "calibration confusion correlation drift effects error_by_category fold_scores history lift lofo parallel param_importance pr roc scores selection shap shap_importance slices thresholds "
same plots__of_three_classes "$(plots_of three)" "calibration confusion correlation drift error_by_category fold_scores history lofo parallel param_importance pr roc selection shap_importance slices "

# Contributions: every feature once, the most moving first, shares of one whole; what they add up to is said.
shares() { awk -F, 'NR > 1 { n++; sum += $NF; if (NR > 2 && $3 > last) bad = 1; last = $3 } END { printf "%d %.6f %s", n, sum, bad ? "unordered" : "ordered" }' "$1/rounds/round_000/07_diagnostics/shap.csv"; }
same shap__table_of_numbers "$(shares number)" "$(($(wc -l <number/rounds/round_000/07_diagnostics/shap.csv) - 1)) 1.000000 ordered"
same shap__table_of_classes "$(shares three)" "$(($(wc -l <three/rounds/round_000/07_diagnostics/shap.csv) - 1)) 1.000000 ordered"
same shap__says_what_it_adds_up_to "$(grep -ohE '"scale": ?"[a-z -]*"' number/rounds/round_000/07_diagnostics/shap.json two/rounds/round_000/07_diagnostics/shap.json | tr -d ' ' | tr '\n' ' ')" '"scale":"target" "scale":"probability" '
same plots__over_rounds "$(cd number/report/plots && ls ./*.svg | tr '\n' ' ')" "./features_score.svg ./rank_by_round.svg ./selection_by_round.svg ./stage_cost.svg "

# Well-formed: one root, every tag closed, every attribute quoted. A parser for what orch writes; anything else is a failure.
well_formed() {
	awk 'BEGIN { RS = "<"; depth = 0; bad = 0 }
	NR == 1 { if ($0 ~ /[^ \n]/) bad = 1; next }
	{
		end = index($0, ">"); tag = substr($0, 1, end - 1); rest = substr($0, end + 1)
		if (!end || rest ~ /&([^alqg#]|$)/) bad = 1
		if (tag ~ /^\//) { if (open[depth--] != substr(tag, 2)) bad = 1 }
		else if (tag ~ /\/$/) { }
		else { split(tag, word, /[ \n]/); open[++depth] = word[1] }
	}
	END { exit bad || depth != 0 }' "$1"
}
bad='' files=0
for svg in */rounds/*/08_plots/*.svg */report/plots/*.svg; do
	files=$((files + 1))
	well_formed "$svg" || bad="$bad $svg:not-well-formed"
	! grep -qiE '[" ,>(](nan|-?inf)[" ,<)]| id="|/dev/fd|<script' "$svg" || bad="$bad $svg:content"
done
same plots__are_well_formed_and_hold_no_nan "$bad" ""
[ $files -ge 75 ] && ok plots__are_many || not_ok plots__are_many "only $files"
same plots__run_nothing "$(find / -maxdepth 1 -name 'orch-was-here' 2>/dev/null; find . -name 'orch-was-here')" ""
check plots__show_names_as_they_are grep -q 'area `touch orch-was-here`' number/rounds/round_000/08_plots/correlation.svg
check plots__show_markup_as_text grep -q '&lt;script>' number/rounds/round_000/08_plots/error_by_category.svg
check diagnostics__have_intervals_of_the_holdout grep -q '"holdout":{"replicates":1000,"rmse":{"value":' number/rounds/round_000/07_diagnostics/predictions.json

"$ORCH" start -q two.yaml --dir again >/dev/null 2>&1
same plots__same_bytes_twice "$(digest again)" "$(digest two)"

# The command
expect plot__writes_svg 0 'pics/lofo.svg' "$ORCH" plot number lofo --output pics
expect plot__round_is_chosen 0 '' "$ORCH" plot number lofo --round 0 --output pics0
check plot__same_as_in_the_round cmp pics0/lofo.svg number/rounds/round_000/08_plots/lofo.svg
expect plot__writes_png 0 'pics/history.png' "$ORCH" plot number history --png --output pics
check plot__png_is_one sh -c 'head -c 8 pics/history.png | od -An -tx1 | grep -q "89 50 4e 47 0d 0a 1a 0a"'
expect plot__all 0 'features_score.svg' "$ORCH" plot number --output all
expect plot__unknown_name_is_told 2 'no plot "lof"; did you mean lofo' "$ORCH" plot number lof
expect plot__unknown_first_name_is_told 2 'no plot "lof"; did you mean lofo' "$ORCH" plot lof
expect plot__no_folder_is_told 2 'there is no folder /.*/nowhere/x' "$ORCH" plot nowhere/x
expect plot__unknown_round_is_told 2 'no finished round "7"' "$ORCH" plot number --round 7
expect plot__nothing_to_show_is_told 0 'roc: nothing to show' "$ORCH" plot number roc --output pics
expect plot__lists_them 0 '^calibration +Calibration' "$ORCH" plot --list
expect start__without_gnuplot_is_refused_with_what_to_install 2 'apt-get install gnuplot-nox' env PATH=/nonexistent "$ORCH" start number.yaml --dir nogp
finish
