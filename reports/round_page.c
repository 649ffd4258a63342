#include "reports/round_page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/charts.h"
#include "reports/csv_table.h"
#include "reports/page.h"
#include "reports/path_part.h"
#include "reports/plot.h"
#include "reports/shap_part.h"
#include "reports/ensemble_part.h"
#include "reports/stability_part.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define TRIALS_SHOWN 1000 /* rows of the table of trials; all of them are in trials.csv */

struct round_files {
	json_t *dataset, *best, *metrics, *comparison;
	struct csv_table lofo, trials;
};

static int read_json(const char *folder, const char *name, json_t **out, struct orch_err *err)
{
	char *path = file_join(folder, name);
	int code = json_read_file(path, out, err);

	free(path);
	return code;
}

static int read_csv(const char *folder, const char *name, size_t limit, struct csv_table *out, struct orch_err *err)
{
	char *path = file_join(folder, name);
	int code = csv_table_read(path, limit, out, err);

	free(path);
	return code;
}

static int read_files(const char *folder, struct round_files *files, struct orch_err *err)
{
	int code = read_json(folder, "00_dataset/dataset.json", &files->dataset, err);

	if (!code)
		code = read_json(folder, "01_hpo/best.json", &files->best, err);
	if (!code)
		code = read_json(folder, "03_baseline/metrics.json", &files->metrics, err);
	if (!code)
		code = read_json(folder, "06_comparison/comparison.json", &files->comparison, err);
	if (!code)
		code = read_csv(folder, "04_lofo/lofo.csv", 0, &files->lofo, err);
	if (!code)
		code = read_csv(folder, "01_hpo/trials.csv", TRIALS_SHOWN, &files->trials, err);
	return code;
}

static void release_files(struct round_files *files)
{
	json_decref(files->dataset);
	json_decref(files->best);
	json_decref(files->metrics);
	json_decref(files->comparison);
	csv_table_release(&files->lofo);
	csv_table_release(&files->trials);
}

/* ---- the answer ---- */

static char *number_text(const json_t *value)
{
	return json_is_number(value) ? text_format("%.5g", json_number_value(value)) : mem_text("-");
}

static char *join(const json_t *names, size_t most)
{
	struct text_buf buf = {0};
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name) {
		if (i == most) {
			text_addf(&buf, " and %zu more", json_array_size(names) - most);
			break;
		}
		char *shown = text_cut(json_string_value(name), TEXT_NAME_SHOWN);

		text_addf(&buf, "%s%s", i ? ", " : "", shown);
		free(shown);
	}
	return text_take(&buf);
}

char *round_page_settings(const json_t *searched)
{
	struct text_buf buf = {0};
	char number[TEXT_NUMBER_MAX];
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)searched, name, value) {
		char *text = json_is_real(value) ? mem_text(text_number(json_real_value(value), number)) : json_is_string(value) ? mem_text(json_string_value(value)) :
		        json_text(value, JSON_STYLE_LINE);

		text_addf(&buf, "%s%s %s", buf.length ? ", " : "", name, text);
		free(text);
	}
	if (!buf.length)
		text_add(&buf, "as given");
	return text_take(&buf);
}

static void add_answer(struct text_buf *out, const struct round_files *files, const char *folder)
{
	const char *metric = json_get_text(files->metrics, "metric", "score");
	json_t *cv = json_object_get(json_object_get(files->metrics, "cv"), metric), *holdout = json_object_get(files->metrics, "holdout");
	json_t *gain = json_object_get(files->comparison, "gain"), *dropped = json_object_get(files->comparison, "dropped");
	char *mean = number_text(json_object_get(cv, "mean")), *sd = number_text(json_object_get(cv, "sd")), *held = number_text(json_object_get(holdout, metric));
	char *note = text_format("cross-validated, s.d. over folds %s", sd), *params = round_page_settings(json_object_get(files->best, "searched"));
	char *what = json_array_size(dropped) ? join(dropped, 6) : mem_text("nothing"), *gained = number_text(gain);
	char *gain_note = json_is_number(gain) ? text_format("%s without it: %s%s", metric, json_number_value(gain) > 0 ? "better by " : "changes by ", gained) : mem_text("");

	page_figures_begin(out);
	page_figure(out, metric, mean, note);
	if (json_is_number(json_object_get(holdout, metric)))
		page_figure(out, "on the holdout", held, "read for this report only");
	stability_part_figures(out, folder);
	page_figure(out, "best configuration", params, "");
	page_figure(out, "dropped after this round", what, gain_note);
	page_figures_end(out);
	text_add(out, "<p class=\"sub\">");
	text_add_html(out, json_get_text(files->comparison, "reason", ""));
	text_add(out, "</p>\n");
	free(mean);
	free(sd);
	free(held);
	free(note);
	free(params);
	free(what);
	free(gained);
	free(gain_note);
}

/* ---- what was dropped at once ---- */

static void add_tried(struct text_buf *out, const json_t *comparison)
{
	static const char *const headers[] = {"least important, left out together", "features", "loss", "standard error", ""};
	json_t *entry;
	size_t i;

	page_section(out, "Dropped together", "mean paired loss against the baseline over the same folds; a set whose loss is above one standard error is worse, and the largest set that is not goes");
	page_table_begin(out, headers, 5, "11110");
	json_array_foreach(json_object_get(comparison, "tried"), i, entry) {
		char *loss = number_text(json_object_get(entry, "loss")), *error = number_text(json_object_get(entry, "error")), number[24];

		page_row_begin(out);
		snprintf(number, sizeof number, "%lld", (long long)json_get_int(entry, "units", 0));
		page_cell(out, number, 1);
		snprintf(number, sizeof number, "%lld", (long long)json_get_int(entry, "features", 0));
		page_cell(out, number, 1);
		page_cell(out, loss, 1);
		page_cell(out, error, 1);
		page_cell(out, json_get_bool(entry, "worse", 0) ? "worse" : "no worse", 0);
		page_row_end(out);
		free(loss);
		free(error);
	}
	page_table_end(out);
}

/* ---- importance ---- */

static double cell_number(const struct csv_table *table, size_t row, const char *column, double fallback)
{
	double value;

	return text_to_double(csv_table_cell(table, row, column), &value) ? value : fallback;
}

/* A bar from zero to the mean with a whisker over the interval, as percentages of the widest extent. */
static void add_bar(struct text_buf *out, double low, double mean, double high, double least, double most)
{
	double span = most > least ? most - least : 1, zero = (0 - least) / span * 100, at = (mean - least) / span * 100;

	text_addf(out, "<td><span class=\"track\"><i class=\"%s\" style=\"left:%.2f%%;width:%.2f%%\"></i>", mean > 0 ? "" : "low", mean > 0 ? zero : at,
	        mean > 0 ? at - zero : zero - at);
	if (low <= high)
		text_addf(out, "<u style=\"left:%.2f%%;width:%.2f%%\"></u>", (low - least) / span * 100, (high - low) / span * 100);
	text_addf(out, "<s style=\"left:%.2f%%\"></s></span></td>", zero);
}

/* With five folds the half-width of an interval is 1.86 deviations of the differences, with ten it is 1.2. */
static bool few_folds(const struct csv_table *lofo)
{
	double most = 0;

	for (size_t r = 0; r < lofo->rows; r++)
		most = fmax(most, cell_number(lofo, r, "folds_used", 0));
	return most < 10;
}

/* The loss that single rows are compared by, or NULL: none is. */
static const char *row_loss(const struct csv_table *lofo)
{
	for (size_t r = 0; r < lofo->rows; r++) {
		const char *name = csv_table_cell(lofo, r, "row_loss");

		if (name && name[0])
			return name;
	}
	return NULL;
}

static void add_row_note(struct text_buf *out, const char *loss)
{
	char *note = text_format("Loss of a row: how much more a held-out row loses without the feature (%s), on the mean, with its standard error over rows, or over groups of rows "
	        "where the folds keep them together, and the share of rows that get worse. They describe; they prove nothing about zero: where a feature is worth nothing, "
	        "the standard error vanishes with the difference.", loss);

	page_text(out, "sub", note);
	free(note);
}

static void add_importance(struct text_buf *out, const struct csv_table *lofo)
{
	static const char *const headers[] = {"feature", "rank", "gain", "", "95 % low", "95 % high", "p (Holm)", "p (BH)", "folds", "score without", "loss of a row", "s.e.",
	        "rows worse"};
	static const char *const row_columns[] = {"row_delta_mean", "row_delta_se", "rows_worse"};
	const char *loss = row_loss(lofo);
	double least = 0, most = 0;

	page_section(out, "Features", few_folds(lofo) ? "gain in the score from having it, against the same folds without it; whiskers are 95 % Nadeau-Bengio intervals. So few folds "
	        "rarely prove anything: split.folds.repeats gives more" : "gain in the score from having it, against the same folds without it; whiskers are 95 % Nadeau-Bengio intervals");
	for (size_t r = 0; r < lofo->rows; r++) {
		double low = cell_number(lofo, r, "ci_low", cell_number(lofo, r, "delta_mean", 0)), high = cell_number(lofo, r, "ci_high", cell_number(lofo, r, "delta_mean", 0));

		least = low < least ? low : least;
		most = high > most ? high : most;
	}
	page_table_begin(out, headers, loss ? 13 : 10, "0110111111111");
	for (size_t r = 0; r < lofo->rows; r++) {
		page_row_begin(out);
		page_cell(out, csv_table_cell(lofo, r, "feature"), 0);
		page_cell(out, csv_table_cell(lofo, r, "rank"), 1);
		page_cell(out, csv_table_cell(lofo, r, "delta_mean"), 1);
		add_bar(out, cell_number(lofo, r, "ci_low", 1), cell_number(lofo, r, "delta_mean", 0), cell_number(lofo, r, "ci_high", 0), least, most);
		page_cell(out, csv_table_cell(lofo, r, "ci_low"), 1);
		page_cell(out, csv_table_cell(lofo, r, "ci_high"), 1);
		page_cell(out, csv_table_cell(lofo, r, "p_adjusted"), 1);
		page_cell(out, csv_table_cell(lofo, r, "p_bh"), 1);
		page_cell(out, csv_table_cell(lofo, r, "folds_used"), 1);
		page_cell(out, csv_table_cell(lofo, r, "score_without"), 1);
		for (size_t c = 0; loss && c < 3; c++)
			page_cell(out, csv_table_cell(lofo, r, row_columns[c]), 1);
		page_row_end(out);
	}
	page_table_end(out);
	if (loss)
		add_row_note(out, loss);
}

/* ---- tables ---- */

static void add_metrics(struct text_buf *out, const json_t *metrics)
{
	static const char *const headers[] = {"metric", "mean over folds", "s.d.", "holdout"};
	json_t *holdout = json_object_get(metrics, "holdout"), *entry;
	const char *name;

	page_section(out, "Scores of the best configuration", "the cross-validated score is optimistic by selection; the holdout was seen by no search and no selection");
	page_table_begin(out, headers, 4, "0111");
	json_object_foreach(json_object_get(metrics, "cv"), name, entry) {
		char mean[TEXT_NUMBER_MAX] = "", sd[TEXT_NUMBER_MAX] = "", held[TEXT_NUMBER_MAX] = "";

		if (json_is_number(json_object_get(entry, "mean")))
			text_number(json_number_value(json_object_get(entry, "mean")), mean);
		if (json_is_number(json_object_get(entry, "sd")))
			text_number(json_number_value(json_object_get(entry, "sd")), sd);
		if (json_is_number(json_object_get(holdout, name)))
			text_number(json_number_value(json_object_get(holdout, name)), held);
		page_row_begin(out);
		page_cell(out, name, 0);
		page_cell(out, mean, 1);
		page_cell(out, sd, 1);
		page_cell(out, held, 1);
		page_row_end(out);
	}
	page_table_end(out);
}

static void add_trials(struct text_buf *out, const struct csv_table *trials, json_int_t total)
{
	const char **headers;
	char *numeric, *note;

	if (!trials->columns || !trials->rows)
		return;
	note = (json_int_t)trials->rows < total ? text_format("the first %zu of %lld; all are in 01_hpo/trials.csv", trials->rows, (long long)total) : mem_text("");
	numeric = mem_must(trials->columns + 1, 1);
	for (size_t c = 0; c < trials->columns; c++) {
		double value;

		numeric[c] = '1';
		for (size_t r = 0; r < trials->rows && numeric[c] == '1'; r++) {
			const char *cell = trials->cells[(r + 1) * trials->columns + c];

			numeric[c] = !cell[0] || text_to_double(cell, &value) ? '1' : '0';
		}
	}
	page_section(out, "Trials", note);
	headers = mem_must(trials->columns + 1, sizeof *headers);
	for (size_t c = 0; c < trials->columns; c++)
		headers[c] = strncmp(trials->cells[c], "param_", 6) ? trials->cells[c] : trials->cells[c] + 6;
	page_table_begin(out, headers, trials->columns, numeric);
	for (size_t r = 0; r < trials->rows; r++) {
		page_row_begin(out);
		for (size_t c = 0; c < trials->columns; c++)
			page_cell(out, trials->cells[(r + 1) * trials->columns + c], numeric[c] == '1');
		page_row_end(out);
	}
	page_table_end(out);
	free(headers);
	free(numeric);
	free(note);
}

/* ---- parts for others ---- */

void round_page_pictures(struct text_buf *out, const char *folder, bool interactive)
{
	text_add(out, "<div class=\"pictures\">\n");
	for (const struct plot *plot = plot_table; plot->name; plot++) {
		char *name = text_format("08_plots/%s.svg", plot->name), *path = file_join(folder, name);

		bool replaced = interactive && charts_replace(plot->name);

		if (plot->scope == PLOT_ROUND) {
			text_add(out, replaced ? "<div class=\"onpaper\">" : "");
			page_svg(out, path, plot->caption);
			text_add(out, replaced ? "</div>\n" : "");
		}
		free(name);
		free(path);
	}
	text_add(out, "</div>\n");
}

int round_page_importance(struct text_buf *out, const char *folder, struct orch_err *err)
{
	struct csv_table lofo = {0};
	int code = read_csv(folder, "04_lofo/lofo.csv", 0, &lofo, err);

	if (!code && lofo.rows)
		add_importance(out, &lofo);
	csv_table_release(&lofo);
	return code;
}

int round_page_trials(struct text_buf *out, const char *folder, struct orch_err *err)
{
	struct csv_table trials = {0};
	json_t *best = NULL;
	int code = read_csv(folder, "01_hpo/trials.csv", TRIALS_SHOWN, &trials, err);

	if (!code)
		code = read_json(folder, "01_hpo/best.json", &best, err);
	if (!code)
		add_trials(out, &trials, json_get_int(best, "trials", 0));
	json_decref(best);
	csv_table_release(&trials);
	return code;
}

int round_page_write(const char *folder, unsigned round, const char *campaign, struct text_buf *out, struct orch_err *err)
{
	struct round_files files = {0};
	char *title = text_format("%s, round %u", campaign, round), *subtitle, rows[TEXT_NUMBER_MAX];
	int code = read_files(folder, &files, err);

	if (!code) {
		subtitle = text_format("%s rows, %zu feature%s, target %s", text_count(json_get_int(files.dataset, "rows", 0), rows), json_array_size(json_object_get(files.dataset, "features")),
		        json_array_size(json_object_get(files.dataset, "features")) == 1 ? "" : "s",
		        json_get_text(json_array_get(json_object_get(files.dataset, "targets"), 0), "name", "?"));
		page_begin(out, title, subtitle);
		add_answer(out, &files, folder);
		round_page_pictures(out, folder, false);
		if (files.lofo.rows)
			add_importance(out, &files.lofo);
		path_part_table(out, folder);
		shap_part_table(out, folder);
		stability_part_table(out, folder);
		if (json_array_size(json_object_get(files.comparison, "tried")))
			add_tried(out, files.comparison);
		add_metrics(out, files.metrics);
		ensemble_part_table(out, folder);
		add_trials(out, &files.trials, json_get_int(files.best, "trials", 0));
		page_end(out);
		free(subtitle);
	}
	release_files(&files);
	free(title);
	return code;
}
