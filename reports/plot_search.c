/* Plots of the search: its history, the folds of its best configurations. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/chart.h"
#include "reports/plot_list.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define RASTER 4.0       /* with many trials, dots closer than this are drawn once */
#define RASTER_FROM 3000
#define BEST_SHOWN 15

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The range that shows the bulk: poor trials far away are left outside. Returns how many are. */
static size_t bulk(const double *scores, size_t count, bool maximise, double *low, double *high)
{
	double *sorted = mem_must(count + 1, sizeof *sorted), reach;
	size_t n = 0, outside = 0;

	for (size_t i = 0; i < count; i++)
		if (isfinite(scores[i]))
			sorted[n++] = maximise ? -scores[i] : scores[i];
	qsort(sorted, n, sizeof *sorted, ascending);
	*low = n ? sorted[0] : NAN;
	*high = n ? sorted[n - 1] : NAN;
	if (n >= 8) {
		reach = sorted[n * 3 / 4] + 4 * (sorted[n * 3 / 4] - sorted[0]);
		if (reach > sorted[0] && reach < *high) {
			for (size_t i = n; i-- > 0 && sorted[i] > reach;)
				outside++;
			*high = sorted[n - outside - 1];
		}
	}
	if (maximise) {
		double swap = *low;

		*low = -*high;
		*high = -swap;
	}
	free(sorted);
	return outside;
}

struct history {
	struct csv_table trials, best;
	json_t *chosen;
	double *scores;
	size_t total, pruned, failed, outside;
	bool maximise;
};

static void draw_trials(const struct chart *chart, const struct history *history)
{
	size_t across = (size_t)((chart->plot.right - chart->plot.left) / RASTER) + 2, down = (size_t)((chart->plot.bottom - chart->plot.top) / RASTER) + 2;
	bool *seen = history->trials.rows > RASTER_FROM ? mem_must(across * down, 1) : NULL;

	for (size_t i = 0; i < history->trials.rows; i++) {
		bool pruned = !strcmp(csv_table_cell(&history->trials, i, "state"), "pruned");
		double trial = plot_cell(&history->trials, i, "trial"), x = chart_x(chart, trial), y = chart_y(chart, history->scores[i]);

		if (!isfinite(x + y) || y < chart->plot.top || y > chart->plot.bottom)
			continue;
		if (seen) {
			bool *cell = &seen[(size_t)((y - chart->plot.top) / RASTER) * across + (size_t)((x - chart->plot.left) / RASTER)];

			if (*cell)
				continue;
			*cell = true;
		}
		figure_dot(chart->figure, pruned ? COLOUR_PALE : COLOUR_ACCENT_SOFT, 100, seen ? 1.6 : 2.2, x, y);
	}
	free(seen);
}

static void draw_best(const struct chart *chart, const struct history *history)
{
	size_t n = history->best.rows;
	double *x = mem_must(n + 2, sizeof *x), *y = mem_must(n + 2, sizeof *y);

	for (size_t i = 0; i < n; i++) {
		x[i] = plot_cell(&history->best, i, "trial");
		y[i] = plot_cell(&history->best, i, "best");
	}
	if (n) {
		x[n] = (double)history->total - 1;
		y[n] = y[n - 1];
	}
	figure_raise(chart->figure);
	chart_steps(chart, COLOUR_BEST, 2, x, y, n ? n + 1 : 0);
	if (n)
		chart_dot(chart, COLOUR_BEST, 100, 3.5, x[n - 1], y[n - 1]);
	free(x);
	free(y);
}

static void draw_history(struct figure *figure, struct history *history)
{
	static const struct legend_entry entries[] = {{"complete", COLOUR_ACCENT_SOFT, LEGEND_DOT}, {"best so far", COLOUR_BEST, LEGEND_LINE}, {"pruned", COLOUR_PALE, LEGEND_DOT}};
	struct axis x = {.low = 0, .high = (double)history->total - 1, .label = "trial", .whole = true}, y = {.label = json_get_text(history->chosen, "metric", "score")};
	struct text_buf subtitle = {0};
	char number[32], count[TEXT_NUMBER_MAX];
	struct chart chart;
	struct box body;

	history->outside = bulk(history->scores, history->trials.rows, history->maximise, &y.low, &y.high);
	text_addf(&subtitle, "%s trial%s", text_count((int64_t)history->total, count), history->total == 1 ? "" : "s");
	if (history->pruned)
		text_addf(&subtitle, ", %s pruned", text_count((int64_t)history->pruned, count));
	if (history->failed)
		text_addf(&subtitle, ", %s failed", text_count((int64_t)history->failed, count));
	text_addf(&subtitle, "; best %s at trial %lld", chart_number(json_get_real(history->chosen, "score", NAN), number), (long long)json_get_int(history->chosen, "trial", -1));
	if (history->outside)
		text_addf(&subtitle, "; %s far off the scale", text_count((int64_t)history->outside, count));
	plot_say_part(&subtitle, history->trials.rows, history->total);
	body = chart_page(figure, "Optimisation history", subtitle.data, entries, history->pruned ? 3 : 2);
	chart_begin(&chart, figure, body, &x, &y);
	draw_trials(&chart, history);
	draw_best(&chart, history);
	text_buf_release(&subtitle);
}

int plot_history(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct history history = {0};
	int code = plot_read_trials(source, &history.trials, &history.total, err);

	if (!code)
		code = plot_read_csv(source, "02_hpo_analysis/history.csv", &history.best, err);
	if (!code)
		code = plot_read_json(source, "01_hpo/best.json", &history.chosen, err);
	if (!code && history.trials.rows) {
		double best = NAN;

		history.scores = mem_must(history.trials.rows + 1, sizeof *history.scores);
		best = json_get_real(history.chosen, "score", NAN);
		history.maximise = true;
		for (size_t i = 0; i < history.trials.rows; i++) {
			const char *state = csv_table_cell(&history.trials, i, "state");

			history.scores[i] = plot_cell(&history.trials, i, "mean");
			if (!strcmp(state, "done") && history.scores[i] > best)
				history.maximise = false; /* the chosen one tells the metric's direction */
		}
		history.pruned = (size_t)json_get_int(history.chosen, "pruned", 0);
		history.failed = (size_t)json_get_int(history.chosen, "failed", 0);
		draw_history(figure, &history);
	} else if (!code) {
		code = plot_nothing(err);
	}
	csv_table_release(&history.trials);
	csv_table_release(&history.best);
	json_decref(history.chosen);
	free(history.scores);
	return code;
}

/* ---- folds of the best configurations ---- */

struct ranked {
	size_t row;
	double key; /* less is better */
	long trial;
};

static int by_key(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->trial > y->trial) - (x->trial < y->trial);
}

static size_t rank(const struct csv_table *trials, bool maximise, struct ranked *out)
{
	size_t count = 0;

	for (size_t i = 0; i < trials->rows; i++) {
		double mean = plot_cell(trials, i, "mean");

		if (isfinite(mean) && !strcmp(csv_table_cell(trials, i, "state"), "done"))
			out[count++] = (struct ranked){.row = i, .key = maximise ? -mean : mean, .trial = (long)plot_cell(trials, i, "trial")};
	}
	qsort(out, count, sizeof *out, by_key);
	return count;
}

static unsigned fold_columns(const struct csv_table *trials)
{
	unsigned folds = 0;

	for (size_t c = 0; c < trials->columns; c++)
		folds += !strncmp(trials->cells[c], "fold_", 5);
	return folds;
}

static void draw_folds(struct figure *figure, const struct csv_table *trials, size_t total, const struct ranked *ranked, size_t shown, const char *metric)
{
	static const struct legend_entry entries[] = {{"fold", COLOUR_ACCENT_SOFT, LEGEND_DOT}, {"mean \xc2\xb1 standard error", COLOUR_ACCENT_DARK, LEGEND_LINE}};
	unsigned folds = fold_columns(trials);
	struct axis x = {.low = NAN, .high = NAN, .label = metric}, y = {.name_count = shown};
	char **names = mem_must(shown + 1, sizeof *names), count[TEXT_NUMBER_MAX];
	char *subtitle = text_format("%zu best of %s trial%s, %u folds each", shown, text_count((int64_t)total, count), total == 1 ? "" : "s", folds);
	double *scores = mem_must(shown * folds + 1, sizeof *scores);
	struct chart chart;

	for (size_t i = 0; i < shown; i++) {
		names[i] = text_format("trial %ld", ranked[i].trial);
		for (unsigned f = 0; f < folds; f++) {
			char column[24];

			snprintf(column, sizeof column, "fold_%u", f);
			scores[i * folds + f] = plot_cell(trials, ranked[i].row, column);
		}
	}
	plot_range(scores, shown * folds, &x.low, &x.high);
	y.names = (const char *const *)names;
	figure->height = 130 + 22.0 * (double)shown;
	chart_begin(&chart, figure, chart_page(figure, "Fold scores", subtitle, entries, 2), &x, &y);
	for (size_t i = 0; i < shown; i++) {
		double mean = plot_cell(trials, ranked[i].row, "mean"), se = plot_cell(trials, ranked[i].row, "sd") / sqrt(folds);

		for (unsigned f = 0; f < folds; f++)
			chart_dot(&chart, COLOUR_ACCENT_SOFT, 100, 3, scores[i * folds + f], (double)i);
		figure_raise(figure);
		chart_whisker_x(&chart, i ? COLOUR_ACCENT_DARK : COLOUR_BEST, mean - se, mean + se, (double)i);
		chart_dot(&chart, i ? COLOUR_ACCENT_DARK : COLOUR_BEST, 100, 3.5, mean, (double)i);
	}
	for (size_t i = 0; i < shown; i++)
		free(names[i]);
	free(names);
	free(scores);
	free(subtitle);
}

int plot_fold_scores(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct csv_table trials = {0};
	json_t *chosen = NULL;
	struct ranked *ranked = NULL;
	size_t count = 0, total = 0;
	int code = plot_read_trials(source, &trials, &total, err);

	if (!code)
		code = plot_read_json(source, "01_hpo/best.json", &chosen, err);
	if (!code) {
		long chosen_trial = (long)json_get_int(chosen, "trial", -1);

		ranked = mem_must(trials.rows + 1, sizeof *ranked);
		count = rank(&trials, false, ranked);
		if (count && ranked[0].trial != chosen_trial) /* the chosen one tells the metric's direction */
			count = rank(&trials, true, ranked);
		if (count)
			draw_folds(figure, &trials, total, ranked, count < BEST_SHOWN ? count : BEST_SHOWN, json_get_text(chosen, "metric", "score"));
		else
			code = plot_nothing(err);
	}
	csv_table_release(&trials);
	json_decref(chosen);
	free(ranked);
	return code;
}
