#include "reports/charts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/csv_table.h"
#include "reports/page.h"
#include "reports/plot.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define POINTS_MOST 5000  /* of the history */
#define LINES_MOST 500    /* of the parallel coordinates: the best ones */
#define UNITS_MOST 40     /* of LOFO: the most important */

/* The bundle, as it lies in the build folder; of no length when there was no npm. */
__asm__(".section .rodata\n.balign 16\norch_charts_script:\n.incbin \"" ORCH_CHARTS "\"\norch_charts_script_end:\n.byte 0\n.previous\n");
extern const char orch_charts_script[], orch_charts_script_end[];

bool charts_script(const char **script, size_t *length)
{
	*length = (size_t)(orch_charts_script_end - orch_charts_script);
	*script = *length ? orch_charts_script : NULL;
	return *length > 0;
}

bool charts_replace(const char *plot)
{
	return !strcmp(plot, "history") || !strcmp(plot, "parallel") || !strcmp(plot, "lofo");
}

static int read_table(const char *folder, const char *name, size_t limit, struct csv_table *out, struct orch_err *err)
{
	char *path = file_join(folder, name);
	int code = csv_table_read(path, limit, out, err);

	free(path);
	return code;
}

/* A cell as it is: number, text, or null for none. */
static json_t *cell(const char *text)
{
	double value;

	if (!text[0])
		return json_null();
	return text_to_double(text, &value) ? json_number_or_null(value) : json_string_nocheck(text);
}

/* [[trial, score, best so far]]; every k-th when there are too many, and each that improves. */
static json_t *history_of(const struct csv_table *trials, bool maximise)
{
	json_t *list = json_array();
	size_t step = trials->rows / POINTS_MOST + 1;
	double best = NAN;

	for (size_t r = 0; r < trials->rows; r++) {
		double score;
		bool better, known = text_to_double(csv_table_cell(trials, r, "mean"), &score);

		if (!known || strcmp(csv_table_cell(trials, r, "state"), "done"))
			continue;
		better = isnan(best) || (maximise ? score > best : score < best);
		best = better ? score : best;
		if (better || r % step == 0)
			json_array_append_new(list, json_pack("[o, f, f]", cell(csv_table_cell(trials, r, "trial")), score, best));
	}
	return list;
}

/* ---- parallel coordinates ---- */

struct scored {
	size_t row;
	double score;
};

static int by_score(const void *a, const void *b)
{
	const struct scored *x = a, *y = b;

	return x->score != y->score ? (x->score > y->score) - (x->score < y->score) : (x->row > y->row) - (x->row < y->row);
}

static bool is_parameter(const char *header)
{
	return !strncmp(header, "param_", 6);
}

static json_t *line_of(const struct csv_table *trials, const struct scored *scored, bool maximise)
{
	json_t *line = json_array();

	for (size_t c = 0; c < trials->columns; c++)
		if (is_parameter(trials->cells[c]))
			json_array_append_new(line, cell(trials->cells[(scored->row + 1) * trials->columns + c]));
	json_array_append_new(line, json_real(maximise ? -scored->score : scored->score));
	return line;
}

/* {names, rows}: worst first, so that the best are drawn on top. */
static json_t *parallel_of(const struct csv_table *trials, bool maximise)
{
	struct scored *list = mem_must(trials->rows + 1, sizeof *list);
	json_t *names = json_array(), *rows = json_array();
	size_t count = 0;

	for (size_t r = 0; r < trials->rows; r++) {
		double score;

		if (text_to_double(csv_table_cell(trials, r, "mean"), &score) && !strcmp(csv_table_cell(trials, r, "state"), "done"))
			list[count++] = (struct scored){.row = r, .score = maximise ? -score : score};
	}
	qsort(list, count, sizeof *list, by_score);
	for (size_t c = 0; c < trials->columns; c++)
		if (is_parameter(trials->cells[c]))
			json_array_append_new(names, json_string_nocheck(trials->cells[c] + 6));
	for (size_t i = count < LINES_MOST ? count : LINES_MOST; i-- > 0;)
		json_array_append_new(rows, line_of(trials, &list[i], maximise));
	free(list);
	return json_pack("{s:o, s:o, s:I}", "names", names, "rows", rows, "of", (json_int_t)count);
}

/* ---- LOFO ---- */

/* [[feature, mean, low, high]], the most important first: the file is in the order of ranks. */
static json_t *lofo_of(const struct csv_table *lofo)
{
	json_t *list = json_array();

	for (size_t r = 0; r < lofo->rows && r < UNITS_MOST; r++)
		json_array_append_new(list, json_pack("[o, o, o, o]", json_string_nocheck(csv_table_cell(lofo, r, "feature")), cell(csv_table_cell(lofo, r, "delta_mean")),
		        cell(csv_table_cell(lofo, r, "ci_low")), cell(csv_table_cell(lofo, r, "ci_high"))));
	return list;
}

/* A place is headed like the plot that it stands for: its title, and what is in it (subtitle, freed here). of, most: when not all are shown, the
 * caption says so. */
static void add_place(struct text_buf *out, const char *id, const char *title, char *subtitle, const char *text, const char *which, json_int_t of, json_int_t most)
{
	char shown[TEXT_NUMBER_MAX], all[TEXT_NUMBER_MAX];
	char *caption = of > most ? text_format("%s; the %s of %s %s", text, text_count(most, shown), text_count(of, all), which) : mem_text(text);

	text_addf(out, "<figure class=\"live\"><p class=\"head\"><b>%s</b><span>", title);
	text_add_html(out, subtitle);
	text_addf(out, "</span></p><div class=\"chart\" id=\"%s\" role=\"img\" aria-label=\"%s\"></div><figcaption>%s</figcaption></figure>\n", id, caption, caption);
	free(caption);
	free(subtitle);
}

static char *lofo_subtitle(const struct csv_table *lofo)
{
	size_t sure = 0;

	for (size_t r = 0; r < lofo->rows; r++) {
		double low;

		sure += text_to_double(csv_table_cell(lofo, r, "ci_low"), &low) && low > 0;
	}
	return text_format("left out one at a time; %zu of %zu surely help", sure, lofo->rows);
}

static char *trials_text(size_t count)
{
	char shown[TEXT_NUMBER_MAX];

	return text_format("%s trial%s", text_count((int64_t)count, shown), count == 1 ? "" : "s");
}

/* The last point has the best of all. */
static char *history_subtitle(const json_t *history, size_t total)
{
	const json_t *last = json_array_get(history, json_array_size(history) - 1);
	char *trials = trials_text(total), *text = text_format("%s; best %.5g", trials, json_number_value(json_array_get(last, 2)));

	free(trials);
	return text;
}

static char *parallel_subtitle(const json_t *parallel, const char *metric)
{
	char shown[TEXT_NUMBER_MAX], *trials = trials_text((size_t)json_get_int(parallel, "of", 0));
	char *text = text_format("%s of %s; colour is %s, the best drawn on top", text_count((int64_t)json_array_size(json_object_get(parallel, "rows")), shown),
	        trials, metric);

	free(trials);
	return text;
}

/* The search's two: scores in the order of the trials, and where the good ones lie. */
static void add_search(struct text_buf *out, const json_t *data, size_t rows, size_t total)
{
	const json_t *history = json_object_get(data, "history"), *parallel = json_object_get(data, "parallel");
	json_int_t all = (json_int_t)total, drawn = total > rows ? (json_int_t)rows : all;

	if (json_array_size(history) < 2)
		return;
	add_place(out, "chart-history", "Optimisation history", history_subtitle(history, total), "the cross-validated score of every trial in the order tried, and the best so far",
	        "trials, the best and a sample", all, drawn);
	add_place(out, "chart-parallel", "Parallel coordinates", parallel_subtitle(parallel, json_get_text(data, "metric", "score")),
	        "a line for each trial, from its parameters to its score; drag along an axis to choose a range", "that scored best", total > rows ? all : json_get_int(parallel, "of", 0), LINES_MOST);
}

int charts_add(struct text_buf *out, const char *round_folder, const json_t *outcome, struct orch_err *err)
{
	bool maximise = json_get_bool(outcome, "maximise", 0);
	struct csv_table trials = {0}, lofo = {0};
	json_t *data;
	struct plot_source source = {.folder = round_folder};
	size_t total = 0;
	int code = plot_read_trials(&source, &trials, &total, err);

	if (!code)
		code = read_table(round_folder, "04_lofo/lofo.csv", 0, &lofo, err);
	if (!code) {
		data = json_pack("{s:s, s:b, s:o, s:o, s:o, s:I}", "metric", json_get_text(outcome, "metric", "score"), "maximise", maximise, "history", history_of(&trials, maximise), "parallel",
		        parallel_of(&trials, maximise), "lofo", lofo_of(&lofo), "units", (json_int_t)lofo.rows);
		if (json_array_size(json_object_get(data, "lofo")))
			add_place(out, "chart-lofo", "What each feature is worth", lofo_subtitle(&lofo), "gain in the score from having a feature, over the same folds; whiskers are 95 % intervals",
			        "features that are worth most", (json_int_t)lofo.rows, UNITS_MOST);
		add_search(out, data, trials.rows, total);
		page_data(out, "charts", data);
		json_decref(data);
	}
	csv_table_release(&trials);
	csv_table_release(&lofo);
	return code;
}
