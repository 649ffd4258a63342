/* Plots of features: what each is worth, how they hang together, how the holdout differs from the training rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/chart.h"
#include "reports/plot_list.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

/* A row gets what it needs to be read; with very many features rows become thin lines and names are written at intervals. */
static double rows_height(size_t rows)
{
	return rows <= 60 ? 17.0 * (double)rows : rows <= 120 ? 1020 : 1200;
}

static void draw_bars(const struct chart *chart, const struct csv_table *lofo)
{
	bool thick = lofo->rows <= 120;
	double half = thick ? 0.34 : 0.5;

	for (size_t r = 0; r < lofo->rows; r++) {
		double mean = plot_cell(lofo, r, "delta_mean"), low = plot_cell(lofo, r, "ci_low");

		if (isfinite(mean))
			chart_rect(chart, low > 0 ? COLOUR_ACCENT : mean > 0 ? COLOUR_ACCENT_SOFT : COLOUR_PALE, 100, mean < 0 ? mean : 0, (double)r - half, mean < 0 ? 0 : mean, (double)r + half);
	}
	figure_raise(chart->figure);
	for (size_t r = 0; thick && r < lofo->rows; r++)
		chart_whisker_x(chart, COLOUR_ACCENT_DARK, plot_cell(lofo, r, "ci_low"), plot_cell(lofo, r, "ci_high"), (double)r);
	chart_vertical(chart, COLOUR_AXIS, DASH_NONE, 0);
}

/* "5 folds"; "2 to 5 folds" where the campaign stopped early for some. */
static char *folds_text(const struct csv_table *lofo)
{
	double least = NAN, most = NAN;

	for (size_t r = 0; r < lofo->rows; r++) {
		const double used = plot_cell(lofo, r, "folds_used");

		plot_range(&used, 1, &least, &most);
	}
	if (!isfinite(most))
		return mem_text("the folds");
	return least < most ? text_format("%.0f to %.0f folds", least, most) : text_format("%.0f fold%s", most, most == 1 ? "" : "s");
}

static void draw_lofo(struct figure *figure, const struct csv_table *lofo, const char *metric)
{
	static const struct legend_entry entries[] = {{"interval above zero", COLOUR_ACCENT, LEGEND_BOX}, {"undecided", COLOUR_ACCENT_SOFT, LEGEND_BOX}, {"no gain", COLOUR_PALE, LEGEND_BOX}};
	char *label = text_format("gain in %s from having the feature", metric), *subtitle, *folds;
	const char **names = mem_must(lofo->rows + 1, sizeof *names);
	struct axis x = {.low = 0, .high = 0, .label = label}, y = {.names = names, .name_count = lofo->rows, .no_grid = true};
	size_t sure = 0;
	struct chart chart;

	for (size_t r = 0; r < lofo->rows; r++) {
		const double ends[] = {plot_cell(lofo, r, "delta_mean"), plot_cell(lofo, r, "ci_low"), plot_cell(lofo, r, "ci_high")};

		names[r] = csv_table_cell(lofo, r, "feature");
		plot_range(ends, lofo->rows <= 120 ? 3 : 1, &x.low, &x.high);
		sure += ends[1] > 0;
	}
	folds = folds_text(lofo);
	subtitle = text_format("left out one at a time, over %s; %zu of %zu surely help; whiskers are 95 %% intervals", folds, sure, lofo->rows);
	figure->height = 132 + rows_height(lofo->rows);
	chart_begin(&chart, figure, chart_page(figure, "What each feature is worth", subtitle, entries, 3), &x, &y);
	draw_bars(&chart, lofo);
	free(names);
	free(folds);
	free(subtitle);
	free(label);
}

int plot_lofo(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct csv_table lofo = {0};
	json_t *metrics = NULL;
	int code = plot_read_csv(source, "04_lofo/lofo.csv", &lofo, err);

	if (!code)
		code = plot_read_json(source, "03_baseline/metrics.json", &metrics, err);
	if (!code && lofo.rows)
		draw_lofo(figure, &lofo, json_get_text(metrics, "metric", "the score"));
	else if (!code)
		code = plot_nothing(err);
	csv_table_release(&lofo);
	json_decref(metrics);
	return code;
}

/* ---- correlation ---- */

static void draw_matrix(const struct chart *chart, const json_t *matrix, size_t count)
{
	bool written = count <= 14;
	double gap = count <= 30 ? 0.03 : 0;
	size_t other;

	for (size_t r = 0; r < count; r++) {
		double *row = plot_numbers(json_array_get(matrix, r), &other);

		for (size_t c = 0; c < count && c < other; c++) {
			if (isfinite(row[c]))
				chart_rect(chart, colour_diverging(row[c]), 100, (double)c - 0.5 + gap, (double)r - 0.5 + gap, (double)c + 0.5 - gap, (double)r + 0.5 - gap);
		}
		free(row);
	}
	figure_raise(chart->figure);
	for (size_t r = 0; r < count && written; r++) {
		double *row = plot_numbers(json_array_get(matrix, r), &other);

		for (size_t c = 0; c < count && c < other; c++) {
			char *text = text_format("%.2f", fabs(row[c]) < 0.005 ? 0.0 : row[c]);

			if (isfinite(row[c]) && c != r)
				chart_text(chart, colour_on(colour_diverging(row[c])), 9.5, ALIGN_CENTER, (double)c, (double)r, text);
			free(text);
		}
		free(row);
	}
}

static unsigned correlation_colour(double at)
{
	return colour_diverging(2 * at - 1);
}

int plot_correlation(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct axis x = {.no_grid = true}, y = {.no_grid = true};
	json_t *data = NULL, *part, *list;
	const char **names;
	char *subtitle;
	struct chart chart;
	size_t count;
	int code = plot_read_json(source, "07_diagnostics/data.json", &data, err);

	part = json_object_get(data, "correlation");
	list = json_object_get(part, "features");
	count = json_array_size(list);
	if (!code && count < 2)
		code = plot_nothing(err);
	if (!code) {
		names = mem_must(count + 1, sizeof *names);
		for (size_t i = 0; i < count; i++)
			names[i] = json_string_value(json_array_get(list, i));
		x.names = y.names = names;
		x.name_count = y.name_count = count;
		subtitle = text_format("Spearman's rank correlation of %zu of %lld features, alike ones together", count, (long long)json_get_int(part, "of", 0));
		figure->height = 190 + (count < 12 ? 36.0 : count < 25 ? 22.0 : 14.0) * (double)count;
		chart_begin(&chart, figure, chart_colour_bar(figure, chart_page(figure, "Correlation of features", subtitle, NULL, 0), -1, 1, false, NULL, correlation_colour), &x, &y);
		draw_matrix(&chart, json_object_get(part, "matrix"), count);
		free(names);
		free(subtitle);
	}
	json_decref(data);
	return code;
}

/* ---- drift ---- */

#define DRIFT_SHOWN 40

int plot_drift(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	static const struct legend_entry entries[] = {{"p < 0.01", COLOUR_BEST, LEGEND_BOX}, {"number (KS)", COLOUR_ACCENT, LEGEND_BOX}, {"category (total variation)", COLOUR_ACCENT_SOFT, LEGEND_BOX}};
	struct axis x = {.low = 0, .high = 0.02, .label = "distance of the distributions"}, y = {.no_grid = true};
	json_t *data = NULL, *drift, *list;
	const char **names;
	char *subtitle, a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];
	struct chart chart;
	size_t count, shown, other;
	int code = plot_read_json(source, "07_diagnostics/data.json", &data, err);

	drift = json_object_get(data, "drift");
	list = json_object_get(drift, "features");
	count = json_array_size(list);
	if (!code && !count)
		code = plot_nothing(err);
	if (!code) {
		double *distance = plot_numbers(json_object_get(drift, "distance"), &other), *p = plot_numbers(json_object_get(drift, "p"), &other);

		shown = count < DRIFT_SHOWN ? count : DRIFT_SHOWN;
		names = mem_must(shown + 1, sizeof *names);
		for (size_t i = 0; i < shown; i++)
			names[i] = json_string_value(json_array_get(list, i));
		y.names = names;
		y.name_count = shown;
		plot_range(distance, shown, &x.low, &x.high);
		subtitle = text_format("%s training and %s holdout rows; %zu of %zu features, the furthest first", text_count(json_get_int(drift, "train_rows", 0), a),
		        text_count(json_get_int(drift, "holdout_rows", 0), b), shown, count);
		figure->height = 132 + rows_height(shown);
		chart_begin(&chart, figure, chart_page(figure, "Holdout against training rows", subtitle, entries, 3), &x, &y);
		for (size_t i = 0; i < shown; i++) {
			bool number = !strcmp(json_string_value(json_array_get(json_object_get(drift, "kind"), i)), "number");

			if (isfinite(distance[i]))
				chart_rect(&chart, number && p[i] < 0.01 ? COLOUR_BEST : number ? COLOUR_ACCENT : COLOUR_ACCENT_SOFT, 100, 0, (double)i - 0.34, distance[i], (double)i + 0.34);
		}
		chart_vertical(&chart, COLOUR_AXIS, DASH_NONE, 0);
		free(names);
		free(distance);
		free(p);
		free(subtitle);
	}
	json_decref(data);
	return code;
}

/* ---- partial dependence ---- */

#define EFFECT_HEIGHT 200.0

static void draw_effect(struct figure *figure, struct box box, const json_t *effect, struct axis y)
{
	const json_t *levels = json_object_get(effect, "level");
	struct axis x = {.low = NAN, .high = NAN, .no_grid = levels != NULL};
	size_t count, other;
	double *mean = plot_numbers(json_object_get(effect, "mean"), &count), *low = plot_numbers(json_object_get(effect, "low"), &other), *high = plot_numbers(json_object_get(effect, "high"), &other);
	double *at = plot_numbers(json_object_get(effect, "x"), &other);
	const char **names = mem_must(count + 1, sizeof *names);
	struct chart chart;

	for (size_t i = 0; levels && i < count; i++)
		names[i] = json_string_value(json_array_get(levels, i));
	if (levels) {
		x.names = names;
		x.name_count = count;
	} else {
		plot_range(at, other, &x.low, &x.high);
	}
	chart_begin(&chart, figure, box, &x, &y);
	if (levels) {
		for (size_t i = 0; i < count; i++)
			chart_whisker_y(&chart, COLOUR_ACCENT_SOFT, (double)i, low[i], high[i]);
		figure_raise(figure);
		for (size_t i = 0; i < count; i++)
			chart_dot(&chart, COLOUR_ACCENT, 100, 4, (double)i, mean[i]);
	} else {
		chart_band(&chart, COLOUR_ACCENT_SOFT, 40, at, low, high, count);
		figure_raise(figure);
		chart_line(&chart, COLOUR_ACCENT, 2.2, DASH_NONE, at, mean, count);
	}
	free(mean);
	free(low);
	free(high);
	free(at);
	free(names);
}

int plot_effects(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	static const struct legend_entry entries[] = {{"mean", COLOUR_ACCENT, LEGEND_LINE}, {"eight tenths of the rows", COLOUR_ACCENT_SOFT, LEGEND_BOX}};
	struct axis y = {.low = NAN, .high = NAN};
	json_t *root = NULL, *list = NULL, *effect;
	size_t count, i;
	char *subtitle;
	struct box body;
	int code = plot_read_json(source, "07_diagnostics/effects.json", &root, err);

	list = json_object_get(root, "features");
	count = json_array_size(list);
	if (!code && !count)
		code = plot_nothing(err);
	if (!code) {
		size_t across = count < 3 ? count : 3;

		json_array_foreach(list, i, effect) { /* one scale for all, so that they can be compared */
			size_t n;
			double *low = plot_numbers(json_object_get(effect, "low"), &n), *high = plot_numbers(json_object_get(effect, "high"), &n);

			plot_range(low, n, &y.low, &y.high);
			plot_range(high, n, &y.low, &y.high);
			free(low);
			free(high);
		}
		subtitle = text_format("mean prediction of %s over %lld rows; the features that move it most, on one scale", json_get_text(root, "of", "the target"), (long long)json_get_int(root, "rows", 0));
		figure->height = 76 + EFFECT_HEIGHT * (double)((count + across - 1) / across);
		body = chart_page(figure, "Partial dependence", subtitle, entries, 2);
		json_array_foreach(list, i, effect) {
			double width = (body.right - body.left - 18 * (double)(across - 1)) / (double)across, left = body.left + (width + 18) * (double)(i % across), top = body.top + EFFECT_HEIGHT * (double)(i / across);
			char *name = text_shortened(json_get_text(effect, "name", ""), 11.5, width);

			figure_text(figure, &(struct figure_style){.rgb = COLOUR_INK, .size = 11.5}, left, top + 8, name);
			draw_effect(figure, (struct box){left, top + 16, left + width, top + EFFECT_HEIGHT - 6}, effect, y);
			free(name);
		}
		free(subtitle);
	}
	json_decref(root);
	return code;
}
