/* Plots of the search space: which parameters matter, where good values lie. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/chart.h"
#include "reports/plot_list.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define LINES_SHOWN 600
#define AXES_SHOWN 9
#define DOTS_SHOWN 3000

int plot_param_importance(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct axis x = {.low = 0, .high = 0, .label = "share of the score's variance"}, y = {.no_grid = true};
	json_t *search = NULL, *part, *list;
	const char **names;
	double *share, *sd;
	size_t count, other, *order;
	char *subtitle, number[32], trials[TEXT_NUMBER_MAX];
	struct chart chart;
	int code = plot_read_json(source, "07_diagnostics/search.json", &search, err);

	part = json_object_get(search, "importance");
	list = json_object_get(part, "parameters");
	share = plot_numbers(json_object_get(part, "importance"), &count);
	sd = plot_numbers(json_object_get(part, "sd"), &other);
	if (!code && (!count || !isfinite(share[0])))
		code = plot_nothing(err);
	if (!code) {
		names = mem_must(count + 1, sizeof *names);
		order = mem_must(count + 1, sizeof *order);
		for (size_t i = 0; i < count; i++) { /* insertion: there are few */
			size_t at = i;

			for (; at > 0 && share[order[at - 1]] < share[i]; at--)
				order[at] = order[at - 1];
			order[at] = i;
		}
		for (size_t i = 0; i < count; i++) {
			const double ends[] = {share[order[i]] + sd[order[i]]};

			names[i] = json_string_value(json_array_get(list, order[i]));
			plot_range(ends, 1, &x.low, &x.high);
		}
		y.names = names;
		y.name_count = count;
		subtitle = text_format("functional ANOVA over %s trials; together with others: %s %%; whiskers \xc2\xb1 s.d. over trees", text_count(json_get_int(part, "trials", 0), trials),
		        chart_number(round(100 * fmax(0, json_get_real(part, "interactions", 0))), number));
		figure->height = 132 + 22.0 * (double)count;
		chart_begin(&chart, figure, chart_page(figure, "Importance of parameters", subtitle, NULL, 0), &x, &y);
		for (size_t i = 0; i < count; i++)
			chart_rect(&chart, COLOUR_ACCENT, 100, 0, (double)i - 0.32, share[order[i]], (double)i + 0.32);
		figure_raise(figure);
		for (size_t i = 0; i < count; i++)
			chart_whisker_x(&chart, COLOUR_ACCENT_DARK, fmax(0, share[order[i]] - sd[order[i]]), share[order[i]] + sd[order[i]], (double)i);
		chart_vertical(&chart, COLOUR_AXIS, DASH_NONE, 0);
		free(names);
		free(order);
		free(subtitle);
	}
	free(share);
	free(sd);
	json_decref(search);
	return code;
}

/* ---- trials by parameter ---- */

/* One searched parameter as the trials have it: numbers, or the texts that occur. */
struct space_axis_view {
	char *column;          /* of trials.csv */
	const char *name;
	bool log, text;
	double *value;         /* by trial; code of a text; NaN unset */
	const char **levels;
	size_t level_count;
	double low, high;
};
struct space_view {
	struct csv_table trials;
	json_t *search;
	double *score;         /* NaN: failed or pruned */
	struct space_axis_view axes[AXES_SHOWN];
	size_t axis_count, total;
	double best, worst;    /* among what is shown */
	bool maximise;
};

static void take_axis(struct space_view *view, struct space_axis_view *axis)
{
	size_t rows = view->trials.rows;

	axis->value = mem_must(rows + 1, sizeof *axis->value);
	axis->levels = mem_must(rows + 1, sizeof *axis->levels);
	axis->low = axis->high = NAN;
	for (size_t i = 0; i < rows; i++) {
		const char *cell = csv_table_cell(&view->trials, i, axis->column);
		double number;

		axis->text = axis->text || (cell[0] && !text_to_double(cell, &number));
	}
	for (size_t i = 0; i < rows; i++) {
		const char *cell = csv_table_cell(&view->trials, i, axis->column);
		size_t level = 0;

		axis->value[i] = NAN;
		if (!axis->text) {
			double number;

			axis->value[i] = text_to_double(cell, &number) ? number : NAN;
			continue;
		}
		while (level < axis->level_count && strcmp(axis->levels[level], cell))
			level++;
		if (level == axis->level_count)
			axis->levels[axis->level_count++] = cell;
		axis->value[i] = (double)level;
	}
	plot_range(axis->value, rows, &axis->low, &axis->high);
	axis->log = axis->log && axis->low > 0;
}

static int open_view(const struct plot_source *source, struct space_view *view, struct orch_err *err)
{
	json_t *axes, *axis;
	size_t i;
	int code = plot_read_trials(source, &view->trials, &view->total, err);

	if (!code)
		code = plot_read_json(source, "07_diagnostics/search.json", &view->search, err);
	if (code)
		return code;
	view->maximise = json_get_bool(view->search, "maximise", 0);
	view->score = mem_must(view->trials.rows + 1, sizeof *view->score);
	view->best = view->worst = NAN;
	for (i = 0; i < view->trials.rows; i++) {
		bool done = !strcmp(csv_table_cell(&view->trials, i, "state"), "done");

		view->score[i] = done ? plot_cell(&view->trials, i, "mean") : NAN;
	}
	axes = json_object_get(view->search, "axes");
	json_array_foreach(axes, i, axis) {
		struct space_axis_view *own = &view->axes[view->axis_count];

		if (view->axis_count == AXES_SHOWN)
			break;
		own->name = json_get_text(axis, "name", "");
		own->log = json_get_bool(axis, "log", 0);
		own->column = text_format("param_%s", own->name);
		take_axis(view, own);
		view->axis_count++;
	}
	plot_range(view->score, view->trials.rows, &view->best, &view->worst);
	return view->axis_count && isfinite(view->best) ? 0 : plot_nothing(err);
}

static void close_view(struct space_view *view)
{
	for (size_t a = 0; a < view->axis_count; a++) {
		free(view->axes[a].column);
		free(view->axes[a].value);
		free(view->axes[a].levels);
	}
	csv_table_release(&view->trials);
	json_decref(view->search);
	free(view->score);
}

struct by_score {
	double key; /* less is better */
	size_t row;
};

static int better_first(const void *a, const void *b)
{
	const struct by_score *x = a, *y = b;

	return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->row > y->row) - (x->row < y->row);
}

/* Finished trials, best first. */
static struct by_score *ranked(const struct space_view *view, size_t *count)
{
	struct by_score *out = mem_must(view->trials.rows + 1, sizeof *out);

	*count = 0;
	for (size_t i = 0; i < view->trials.rows; i++)
		if (isfinite(view->score[i]))
			out[(*count)++] = (struct by_score){view->maximise ? -view->score[i] : view->score[i], i};
	qsort(out, *count, sizeof *out, better_first);
	return out;
}

/* ---- slices ---- */

static void draw_slice(struct figure *figure, struct box box, const struct space_view *view, const struct space_axis_view *own, double low, double high, const struct by_score *order, size_t count)
{
	struct axis x = {.low = own->low, .high = own->high, .log = own->log}, y = {.low = low, .high = high};
	size_t stride = count > DOTS_SHOWN ? count / DOTS_SHOWN : 1;
	struct chart chart;

	if (own->text) {
		x.names = own->levels;
		x.name_count = own->level_count;
	}
	chart_begin(&chart, figure, box, &x, &y);
	for (size_t i = count; i-- > 0;)
		if (i % stride == 0 || i < 50)
			chart_dot(&chart, COLOUR_ACCENT_SOFT, 100, 2, own->value[order[i].row], view->score[order[i].row]);
	figure_raise(figure);
	if (count)
		chart_dot(&chart, COLOUR_BEST, 100, 4, own->value[order[0].row], view->score[order[0].row]);
}

int plot_slices(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	static const struct legend_entry entries[] = {{"trial", COLOUR_ACCENT_SOFT, LEGEND_DOT}, {"best", COLOUR_BEST, LEGEND_DOT}};
	struct space_view view = {0};
	struct by_score *order;
	size_t count, across;
	double low, high;
	char *subtitle, a_text[TEXT_NUMBER_MAX], b_text[TEXT_NUMBER_MAX];
	struct text_buf said = {0};
	struct box body;
	int code = open_view(source, &view, err);

	if (!code) {
		order = ranked(&view, &count);
		across = view.axis_count < 3 ? view.axis_count : 3;
		low = high = view.score[order[0].row];
		for (size_t i = 0; i < (count < 10 ? count : count - count / 20); i++) { /* the worst twentieth would press the rest together */
			low = fmin(low, view.score[order[i].row]);
			high = fmax(high, view.score[order[i].row]);
		}
		text_addf(&said, "%s of each trial by the value of each parameter%s", json_get_text(view.search, "metric", "score"), count < 10 ? "" : "; the worst twentieth is left out");
		if (view.trials.rows < view.total)
			text_addf(&said, "; %s of %s trials, the best and a sample", text_count((int64_t)view.trials.rows, a_text), text_count((int64_t)view.total, b_text));
		subtitle = text_take(&said);
		figure->height = 80 + 210.0 * (double)((view.axis_count + across - 1) / across);
		body = chart_page(figure, "Slices through the search space", subtitle, entries, 2);
		for (size_t a = 0; a < view.axis_count; a++) {
			double width = (body.right - body.left - 18 * (double)(across - 1)) / (double)across, left = body.left + (width + 18) * (double)(a % across), top = body.top + 210 * (double)(a / across);
			struct box box = {left, top + 16, left + width, top + 204};
			char *name = text_shortened(view.axes[a].name, 11.5, width);

			figure_text(figure, &(struct figure_style){.rgb = COLOUR_INK, .size = 11.5}, left, top + 8, name);
			draw_slice(figure, box, &view, &view.axes[a], low, high, order, count);
			free(name);
		}
		free(subtitle);
		free(order);
	}
	close_view(&view);
	return code;
}

/* ---- parallel coordinates ---- */

/* Height on an axis, 0 to 1; unset stands below. */
static double height_of(const struct space_axis_view *axis, double value)
{
	double low = axis->log ? log(axis->low) : axis->low, high = axis->log ? log(axis->high) : axis->high;

	if (!isfinite(value))
		return -0.05;
	return high > low ? ((axis->log ? log(value) : value) - low) / (high - low) : 0.5;
}

static void draw_axes(struct figure *figure, struct box box, const struct space_view *view)
{
	size_t columns = view->axis_count + 1;
	double room = (box.right - box.left) / (double)columns - 8;

	for (size_t a = 0; a < columns; a++) {
		double x = box.left + (box.right - box.left) * (double)a / (double)(columns - 1);
		const double px[] = {x, x}, py[] = {box.top, box.bottom};
		const struct space_axis_view *axis = a < view->axis_count ? &view->axes[a] : NULL;
		const double ends[] = {axis ? axis->low : view->best, axis ? axis->high : view->worst};
		struct figure_style style = {.rgb = COLOUR_MUTED, .size = 9.5, .align = ALIGN_CENTER};
		char *name = text_shortened(axis ? axis->name : json_get_text(view->search, "metric", "score"), CHART_SMALL, room), number[32];

		figure_line(figure, &(struct figure_style){.rgb = COLOUR_AXIS, .size = 1.2}, px, py, 2);
		figure_text(figure, &(struct figure_style){.rgb = COLOUR_TEXT, .size = CHART_SMALL, .align = ALIGN_CENTER}, x, box.bottom + 32, name);
		for (int e = 0; e < 2; e++) {
			char *text = axis && axis->text && axis->level_count ? text_shortened(axis->levels[e ? axis->level_count - 1 : 0], 9.5, room) : mem_text(chart_number(ends[e], number));

			figure_text(figure, &style, x, e ? box.top - 10 : box.bottom + 14, text);
			free(text);
		}
		free(name);
	}
}

int plot_parallel(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct space_view view = {0};
	struct by_score *order;
	size_t count, shown, total;
	char *subtitle, a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];
	struct box box;
	int code = open_view(source, &view, err);

	if (!code && view.trials.rows < 2)
		code = plot_nothing(err);
	if (!code) {
		order = ranked(&view, &total);
		count = total;
		shown = count < LINES_SHOWN ? count : LINES_SHOWN;
		subtitle = text_format("%s of %s trials; colour is %s, the best drawn on top (dark is better)", text_count((int64_t)shown, a), text_count((int64_t)(view.trials.rows < view.total ? view.total : total), b),
		        json_get_text(view.search, "metric", "the score"));
		if (count >= 20) /* a few very poor ones would press the rest together: they end at the axis's end */
			view.worst = view.score[order[count - 1 - count / 20].row];
		view.best = view.score[order[0].row];
		if (count < 20)
			view.worst = view.score[order[count - 1].row];
		box = chart_page(figure, "Parallel coordinates", subtitle, NULL, 0);
		box = (struct box){box.left + 44, box.top + 22, box.right - 44, box.bottom - 44};
		for (size_t i = shown; i-- > 0;) { /* the best half is all there when there are too many, the rest evenly */
			size_t at = count <= LINES_SHOWN || i < LINES_SHOWN / 2 ? i : LINES_SHOWN / 2 + (i - LINES_SHOWN / 2) * (count - LINES_SHOWN / 2) / (LINES_SHOWN / 2), row = order[at].row;
			double x[AXES_SHOWN + 1], y[AXES_SHOWN + 1], rank = count > 1 ? (double)at / (double)(count - 1) : 0;
			double scored = view.worst != view.best ? fmin(1, (view.score[row] - view.best) / (view.worst - view.best)) : 0.5;
			unsigned shade = colour_viridis(round(rank * 16) / 16);

			for (size_t c = 0; c <= view.axis_count; c++) {
				double height = c < view.axis_count ? height_of(&view.axes[c], view.axes[c].value[row]) : scored;

				x[c] = box.left + (box.right - box.left) * (double)c / (double)view.axis_count;
				y[c] = box.bottom - height * (box.bottom - box.top);
			}
			figure_line(figure, &(struct figure_style){.rgb = shade, .size = at ? 1 : 2.5, .opacity = at ? 75 : 100}, x, y, view.axis_count + 1);
		}
		figure_raise(figure);
		draw_axes(figure, box, &view);
		free(order);
		free(subtitle);
	}
	close_view(&view);
	return code;
}
