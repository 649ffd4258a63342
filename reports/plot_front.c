/* Plot of a search with several metrics: the trials, and those that no other beats. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/chart.h"
#include "reports/plot_list.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define PANELS_MOST 4
#define PANEL_HEIGHT 330.0
#define RASTER 3.0 /* with many trials, dots closer than this are drawn once */
#define RASTER_FROM 3000

struct front {
	json_t *about, *chosen;
	struct csv_table trials, list;
	size_t objectives, total;
};

static const char *objective(const struct front *front, size_t i)
{
	return json_get_text(json_array_get(json_object_get(front->about, "objectives"), i), "name", "");
}

static bool maximises(const struct front *front, size_t i)
{
	return json_get_bool(json_array_get(json_object_get(front->about, "objectives"), i), "maximise", 0);
}

/* Of trials.csv, whose first metric is "mean". */
static double *trial_values(const struct front *front, size_t objective_number)
{
	char *column = objective_number ? text_format("mean_%s", objective(front, objective_number)) : mem_text("mean");
	double *out = mem_must(front->trials.rows + 1, sizeof *out);

	for (size_t i = 0; i < front->trials.rows; i++)
		out[i] = !strcmp(csv_table_cell(&front->trials, i, "state"), "done") ? plot_cell(&front->trials, i, column) : NAN;
	free(column);
	return out;
}

static double *front_values(const struct front *front, size_t objective_number)
{
	double *out = mem_must(front->list.rows + 1, sizeof *out);

	for (size_t i = 0; i < front->list.rows; i++)
		out[i] = plot_cell(&front->list, i, objective(front, objective_number));
	return out;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The range of what matters: all of the front, and of the other trials those that are not far worse than the bulk of them. */
static void take_range(const double *front, size_t front_count, const double *values, size_t count, bool maximise, struct axis *axis)
{
	double *sorted = mem_must(count + 1, sizeof *sorted), reach, worst;
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (isfinite(values[i]))
			sorted[n++] = maximise ? -values[i] : values[i];
	qsort(sorted, n, sizeof *sorted, ascending);
	axis->low = axis->high = NAN;
	plot_range(front, front_count, &axis->low, &axis->high);
	if (n) {
		reach = sorted[n * 3 / 4] + 2 * (sorted[n * 3 / 4] - sorted[0]);
		while (n > 1 && sorted[n - 1] > reach)
			n--;
		worst = maximise ? -sorted[n - 1] : sorted[n - 1];
		plot_range(&worst, 1, &axis->low, &axis->high);
	}
	free(sorted);
}

/* Steps between neighbours of the front go round what they beat. */
static void draw_steps(const struct chart *chart, const double *x, const double *y, size_t count, bool up_x, bool up_y)
{
	size_t *order = mem_must(count + 1, sizeof *order);
	double *px = mem_must(2 * count + 1, sizeof *px), *py = mem_must(2 * count + 1, sizeof *py);
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		size_t at = i;

		for (; at && (x[order[at - 1]] > x[i] || (x[order[at - 1]] == x[i] && y[order[at - 1]] > y[i])); at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	for (size_t i = 0; i < count; i++) {
		if (i) { /* the corner that neither of the two beats: the worse value of each */
			double xa = x[order[i - 1]], ya = y[order[i - 1]], xb = x[order[i]], yb = y[order[i]];

			px[n] = up_x ? fmin(xa, xb) : fmax(xa, xb);
			py[n++] = up_y ? fmin(ya, yb) : fmax(ya, yb);
		}
		px[n] = x[order[i]];
		py[n++] = y[order[i]];
	}
	chart_line(chart, COLOUR_BEST, 1.4, DASH_NONE, px, py, n);
	free(order);
	free(px);
	free(py);
}

static size_t draw_trials(const struct chart *chart, const double *x, const double *y, size_t count)
{
	size_t across = (size_t)((chart->plot.right - chart->plot.left) / RASTER) + 2, down = (size_t)((chart->plot.bottom - chart->plot.top) / RASTER) + 2, outside = 0;
	bool *seen = mem_must(across * down, 1);

	for (size_t i = 0; i < count; i++) {
		double px = chart_x(chart, x[i]), py = chart_y(chart, y[i]);
		bool *cell;

		if (!isfinite(px + py))
			continue;
		if (px < chart->plot.left || px > chart->plot.right || py < chart->plot.top || py > chart->plot.bottom) {
			outside++;
			continue;
		}
		cell = &seen[(size_t)((py - chart->plot.top) / RASTER) * across + (size_t)((px - chart->plot.left) / RASTER)];
		if (count > RASTER_FROM && *cell)
			continue;
		*cell = true;
		figure_dot(chart->figure, COLOUR_ACCENT_SOFT, 100, count > RASTER_FROM ? 1.4 : 2.4, px, py);
	}
	free(seen);
	return outside;
}

static void draw_front_dots(const struct chart *chart, const struct front *front, const double *x, const double *y)
{
	figure_raise(chart->figure);
	for (size_t i = 0; i < front->list.rows; i++)
		chart_dot(chart, plot_cell(&front->list, i, "feasible") > 0 ? COLOUR_BEST : COLOUR_BEST_SOFT, 100, 3.4, x[i], y[i]);
	figure_raise(chart->figure);
}

/* The first metric upright, another one along. */
static void draw_panel(struct figure *figure, struct box box, struct front *front, size_t other)
{
	double *x = trial_values(front, other), *y = trial_values(front, 0), *fx = front_values(front, other), *fy = front_values(front, 0);
	double chosen = (double)json_get_int(front->chosen, "trial", -1);
	bool up_x = maximises(front, other), up_y = maximises(front, 0);
	char *x_label = text_format("%s, %s is better", objective(front, other), up_x ? "more" : "less"), *y_label = text_format("%s, %s is better", objective(front, 0), up_y ? "more" : "less");
	struct axis x_axis = {.label = x_label}, y_axis = {.label = y_label};
	struct chart chart;
	size_t outside;

	take_range(fx, front->list.rows, x, front->trials.rows, up_x, &x_axis);
	take_range(fy, front->list.rows, y, front->trials.rows, up_y, &y_axis);
	chart_begin(&chart, figure, box, &x_axis, &y_axis);
	outside = draw_trials(&chart, x, y, front->trials.rows);
	if (outside) {
		char *said = text_format("%zu poorer trials lie beyond", outside);
		struct figure_style style = {.kind = FIGURE_TEXTS, .rgb = COLOUR_MUTED, .size = CHART_SMALL, .align = ALIGN_RIGHT};

		figure_text(figure, &style, chart.plot.right - 6, chart.plot.top + 8, said);
		free(said);
	}
	figure_raise(figure);
	if (front->objectives == 2)
		draw_steps(&chart, fx, fy, front->list.rows, up_x, up_y);
	draw_front_dots(&chart, front, fx, fy);
	for (size_t i = 0; i < front->trials.rows; i++)
		if (plot_cell(&front->trials, i, "trial") == chosen)
			chart_dot(&chart, COLOUR_INK, 100, 4.6, x[i], y[i]);
	free(x);
	free(y);
	free(fx);
	free(fy);
	free(x_label);
	free(y_label);
}

static char *subtitle_of(const struct front *front)
{
	struct text_buf out = {0};
	char trials[TEXT_NUMBER_MAX], number[32];
	size_t infeasible = 0;

	for (size_t i = 0; i < front->list.rows; i++)
		infeasible += !(plot_cell(&front->list, i, "feasible") > 0);
	text_addf(&out, "%zu of %s trials are beaten by no other; trial %lld is taken, %s %s", front->list.rows, text_count((int64_t)front->total, trials),
	        (long long)json_get_int(front->chosen, "trial", -1), objective(front, 0), chart_number(json_get_real(front->chosen, "score", NAN), number));
	if (infeasible)
		text_addf(&out, "; %zu of them %s a constraint", infeasible, infeasible == 1 ? "misses" : "miss");
	plot_say_part(&out, front->trials.rows, front->total);
	return text_take(&out);
}

static void draw_all(struct figure *figure, struct front *front)
{
	static const struct legend_entry entries[] = {{"trial", COLOUR_ACCENT_SOFT, LEGEND_DOT}, {"front", COLOUR_BEST, LEGEND_DOT}, {"taken", COLOUR_INK, LEGEND_DOT}};
	size_t panels = front->objectives - 1 < PANELS_MOST ? front->objectives - 1 : PANELS_MOST, across = panels > 1 ? 2 : 1, down = (panels + across - 1) / across;
	char *subtitle = subtitle_of(front);
	struct box body;

	figure->height = 80 + PANEL_HEIGHT * (double)down;
	body = chart_page(figure, "Front of the metrics", subtitle, entries, 3);
	for (size_t p = 0; p < panels; p++) {
		double width = (body.right - body.left) / (double)across, height = (body.bottom - body.top) / (double)down;
		struct box box = {body.left + width * (double)(p % across) + (p % across ? 10 : 0), body.top + height * (double)(p / across), body.left + width * (double)(p % across + 1),
		        body.top + height * (double)(p / across + 1)};

		draw_panel(figure, box, front, p + 1);
	}
	free(subtitle);
}

int plot_front(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct front front = {0};
	int code = plot_read_json(source, "01_hpo/front.json", &front.about, err);

	front.objectives = json_array_size(json_object_get(front.about, "objectives"));
	if (!code && front.objectives < 2)
		code = plot_nothing(err);
	if (!code)
		code = plot_read_csv(source, "01_hpo/front.csv", &front.list, err);
	if (!code)
		code = plot_read_trials(source, &front.trials, &front.total, err);
	if (!code)
		code = plot_read_json(source, "01_hpo/best.json", &front.chosen, err);
	if (!code && front.list.rows)
		draw_all(figure, &front);
	else if (!code)
		code = plot_nothing(err);
	csv_table_release(&front.list);
	csv_table_release(&front.trials);
	json_decref(front.about);
	json_decref(front.chosen);
	return code;
}
