/* Plot of the elimination path of one round: the score as features go, one after the other. */
#include <math.h>
#include <stdlib.h>

#include "reports/chart.h"
#include "reports/plot_list.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define WHISKERS_MOST 60 /* steps; with more they run into each other: a band */

struct steps {
	size_t count, best, chosen;
	double *features, *mean, *low, *high;
};

static void take_steps(const struct csv_table *table, const json_t *described, struct steps *steps)
{
	steps->count = table->rows;
	steps->best = (size_t)json_get_int(json_object_get(described, "best"), "step", 0);
	steps->chosen = (size_t)json_get_int(json_object_get(described, "chosen"), "step", 0);
	steps->features = mem_must(4 * steps->count + 1, sizeof(double));
	steps->mean = steps->features + steps->count;
	steps->low = steps->mean + steps->count;
	steps->high = steps->low + steps->count;
	for (size_t s = 0; s < steps->count; s++) {
		double se = plot_cell(table, s, "se");

		steps->features[s] = plot_cell(table, s, "features");
		steps->mean[s] = plot_cell(table, s, "mean");
		steps->low[s] = steps->mean[s] - se;
		steps->high[s] = steps->mean[s] + se;
	}
}

/* The strip of one standard error about the best, the path with its own errors on it. */
static void draw_steps(const struct chart *chart, const struct steps *steps)
{
	bool whiskers = steps->count <= WHISKERS_MOST;
	size_t best = steps->best;

	if (isfinite(steps->low[best]))
		chart_rect(chart, COLOUR_ACCENT_SOFT, 25, chart->x.low, steps->low[best], chart->x.high, steps->high[best]);
	figure_raise(chart->figure);
	if (!whiskers)
		chart_band(chart, COLOUR_ACCENT_SOFT, 40, steps->features, steps->low, steps->high, steps->count);
	for (size_t s = 0; whiskers && s < steps->count; s++)
		chart_whisker_y(chart, COLOUR_ACCENT_DARK, steps->features[s], steps->low[s], steps->high[s]);
	figure_raise(chart->figure);
	chart_line(chart, COLOUR_ACCENT, 2, DASH_NONE, steps->features, steps->mean, steps->count);
	for (size_t s = 0; whiskers && s < steps->count; s++)
		chart_dot(chart, COLOUR_ACCENT, 100, 3, steps->features[s], steps->mean[s]);
	figure_raise(chart->figure);
	chart_dot(chart, COLOUR_ACCENT_DARK, 100, 4.5, steps->features[best], steps->mean[best]);
	chart_dot(chart, COLOUR_BEST, 100, 5.5, steps->features[steps->chosen], steps->mean[steps->chosen]);
}

static void draw(struct figure *figure, const struct steps *steps, const char *metric)
{
	const struct legend_entry entries[] = {{"cross-validated", COLOUR_ACCENT, LEGEND_LINE}, {"best", COLOUR_ACCENT_DARK, LEGEND_DOT}, {"fewest within one s.e.", COLOUR_BEST, LEGEND_DOT}};
	struct axis x = {.low = NAN, .high = NAN, .label = "features left", .whole = true}, y = {.low = NAN, .high = NAN, .label = metric};
	char best[32], chosen[32];
	char *subtitle = text_format("best %s with %.0f features; %s with %.0f, the fewest within one standard error; chosen on the same folds, so optimistic", chart_number(steps->mean[steps->best], best),
	        steps->features[steps->best], chart_number(steps->mean[steps->chosen], chosen), steps->features[steps->chosen]);
	struct chart chart;

	plot_range(steps->features, steps->count, &x.low, &x.high);
	plot_range(steps->mean, 3 * steps->count, &y.low, &y.high);
	chart_begin(&chart, figure, chart_page(figure, "Score along the elimination path", subtitle, entries, 3), &x, &y);
	draw_steps(&chart, steps);
	free(subtitle);
}

int plot_path(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct csv_table table = {0};
	struct steps steps = {0};
	json_t *described = NULL;
	int code = plot_read_csv(source, "04_lofo/path.csv", &table, err);

	if (!code)
		code = plot_read_json(source, "04_lofo/path.json", &described, err);
	if (!code)
		take_steps(&table, described, &steps);
	if (!code && steps.best < steps.count && steps.chosen < steps.count)
		draw(figure, &steps, json_get_text(described, "metric", "score"));
	else if (!code)
		code = plot_nothing(err);
	csv_table_release(&table);
	free(steps.features);
	json_decref(described);
	return code;
}
