/* Plots of features: what each is worth. */
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

static void draw_lofo(struct figure *figure, const struct csv_table *lofo, const char *metric)
{
	static const struct legend_entry entries[] = {{"interval above zero", COLOUR_ACCENT, LEGEND_BOX}, {"undecided", COLOUR_ACCENT_SOFT, LEGEND_BOX}, {"no gain", COLOUR_PALE, LEGEND_BOX}};
	char *label = text_format("gain in %s from having the feature", metric), *subtitle;
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
	subtitle = text_format("left out one at a time, over %s folds; %zu of %zu surely help; whiskers are 95 %% intervals", csv_table_cell(lofo, 0, "folds"), sure, lofo->rows);
	figure->height = 120 + rows_height(lofo->rows);
	chart_begin(&chart, figure, chart_page(figure, "What each feature is worth", subtitle, entries, 3), &x, &y);
	draw_bars(&chart, lofo);
	free(names);
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
