/* Plots of predictions of numbers: where they are, where they fail. All from 07_diagnostics/predictions.json. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/chart.h"
#include "reports/plot_list.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

static double get(const json_t *object, const char *key)
{
	return json_get_real(object, key, NAN);
}

/* The diagnostics of a task; ORCH_EMISSING for another kind or when the key is not there. */
static int open_kind(const struct plot_source *source, const char *kind, const char *key, json_t **root, json_t **part, struct orch_err *err)
{
	int code = plot_read_json(source, "07_diagnostics/predictions.json", root, err);

	if (code)
		return code;
	*part = json_object_get(*root, key);
	if ((kind && strcmp(json_get_text(*root, "kind", ""), kind)) || !*part)
		return plot_nothing(err);
	return 0;
}

static bool is_angle(const json_t *root)
{
	return !strcmp(json_get_text(root, "kind", ""), "angle");
}

static char *rows_text(const json_t *root)
{
	char number[TEXT_NUMBER_MAX];

	return text_format("%s out-of-fold row%s", text_count(json_get_int(root, "rows", 0), number), json_get_int(root, "rows", 0) == 1 ? "" : "s");
}

/* ---- hexagons ---- */

static void draw_hexagons(const struct chart *chart, const json_t *hexes)
{
	static const double corner_x[] = {0, 0.5, 0.5, 0, -0.5, -0.5}, corner_y[] = {2.0 / 3, 1.0 / 3, -1.0 / 3, -2.0 / 3, -1.0 / 3, 1.0 / 3};
	double width = get(hexes, "width"), height = get(hexes, "height"), most = log10(fmax(get(hexes, "most"), 2));
	size_t count, other;
	double *x = plot_numbers(json_object_get(hexes, "x"), &count), *y = plot_numbers(json_object_get(hexes, "y"), &other), *n = plot_numbers(json_object_get(hexes, "n"), &other);

	for (size_t i = 0; i < count; i++) {
		double px[6], py[6];

		for (int c = 0; c < 6; c++) { /* a little large, so that no seam shows */
			px[c] = chart_x(chart, x[i] + 1.04 * corner_x[c] * width);
			py[c] = chart_y(chart, y[i] + 1.04 * corner_y[c] * height);
		}
		figure_polygon(chart->figure, colour_viridis(log10(n[i]) / most), 100, px, py, 6);
	}
	free(x);
	free(y);
	free(n);
}

static void hexagon_axes(const json_t *hexes, struct axis *x, struct axis *y)
{
	x->low = get(hexes, "x_low") - get(hexes, "width") / 2;
	x->high = get(hexes, "x_high") + get(hexes, "width") / 2;
	y->low = get(hexes, "y_low") - get(hexes, "height") * 2 / 3;
	y->high = get(hexes, "y_high") + get(hexes, "height") * 2 / 3;
	x->fixed = y->fixed = true;
}

static struct box count_bar(struct figure *figure, struct box body, const json_t *hexes)
{
	return chart_colour_bar(figure, body, 1, fmax(get(hexes, "most"), 2), true, "rows per cell", colour_viridis);
}

int plot_predicted_actual(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	static const struct legend_entry entries[] = {{"ideal", COLOUR_BEST, LEGEND_DASH}};
	struct axis x = {.label = "actual"}, y = {.label = "predicted"};
	json_t *root = NULL, *hexes;
	struct chart chart;
	char *rows, *subtitle, a[32], b[32];
	int code = open_kind(source, "regression", "density", &root, &hexes, err);

	if (!code) {
		rows = rows_text(root);
		subtitle = text_format("%s; R\xc2\xb2 %s, RMSE %s", rows, chart_number(get(root, "r2"), a), chart_number(get(root, "rmse"), b));
		hexagon_axes(hexes, &x, &y);
		chart_begin(&chart, figure, count_bar(figure, chart_page(figure, "Predicted against actual", subtitle, entries, 1), hexes), &x, &y);
		draw_hexagons(&chart, hexes);
		figure_raise(figure);
		chart_diagonal(&chart, COLOUR_BEST);
		free(rows);
		free(subtitle);
	}
	json_decref(root);
	return code;
}

static void draw_bin_lines(const struct chart *chart, const json_t *bins)
{
	static const struct { const char *key; double width; enum figure_dash dash; } lines[] = {{"q10", 1.6, DASH_SHORT}, {"q50", 2, DASH_NONE}, {"q90", 1.6, DASH_SHORT}};
	size_t count, other;
	double *x = plot_numbers(json_object_get(bins, "middle"), &count);

	for (size_t i = 0; i < 3; i++) {
		double *y = plot_numbers(json_object_get(bins, lines[i].key), &other);

		chart_line(chart, COLOUR_BEST, lines[i].width, lines[i].dash, x, y, count);
		free(y);
	}
	free(x);
}

int plot_residuals_fitted(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	static const struct legend_entry entries[] = {{"median", COLOUR_BEST, LEGEND_LINE}, {"10 %, 90 %", COLOUR_BEST, LEGEND_DASH}};
	struct axis x = {.label = "predicted"}, y = {.label = "predicted \xe2\x88\x92 actual"};
	json_t *root = NULL, *hexes;
	struct chart chart;
	char *rows, *subtitle, a[32], b[32];
	int code = open_kind(source, "regression", "fitted", &root, &hexes, err);

	if (!code) {
		rows = rows_text(root);
		subtitle = text_format("%s; mean %s, s.d. %s; lines: quantiles in twentieths of the predictions", rows, chart_number(get(root, "bias"), a), chart_number(get(root, "sd"), b));
		hexagon_axes(hexes, &x, &y);
		chart_begin(&chart, figure, count_bar(figure, chart_page(figure, "Residuals against predictions", subtitle, entries, 2), hexes), &x, &y);
		draw_hexagons(&chart, hexes);
		figure_raise(figure);
		chart_horizontal(&chart, COLOUR_AXIS, DASH_NONE, 0);
		draw_bin_lines(&chart, json_object_get(root, "fitted_bins"));
		free(rows);
		free(subtitle);
	}
	json_decref(root);
	return code;
}

/* ---- distribution ---- */

static void draw_histogram(struct figure *figure, struct box box, const json_t *histogram, bool normal)
{
	struct axis x = {.low = get(histogram, "low"), .high = get(histogram, "high"), .label = "predicted \xe2\x88\x92 actual", .fixed = true, .no_grid = true}, y = {.low = 0, .high = 0, .label = "rows"};
	size_t bins;
	double *n = plot_numbers(json_object_get(histogram, "n"), &bins), width = (x.high - x.low) / (double)bins, total = 0, mean = get(histogram, "mean"), sd = get(histogram, "sd");
	struct chart chart;

	for (size_t i = 0; i < bins; i++)
		total += n[i];
	plot_range(n, bins, &y.low, &y.high);
	if (normal && sd > 0) {
		double peak = (total + get(histogram, "outside")) * width / (sd * 2.5066282746310002);

		y.high = peak > y.high && peak < 4 * y.high ? peak : y.high;
	}
	chart_begin(&chart, figure, box, &x, &y);
	for (size_t i = 0; i < bins; i++)
		if (n[i] > 0)
			chart_rect(&chart, COLOUR_ACCENT_SOFT, 100, x.low + width * ((double)i + 0.04), 0, x.low + width * ((double)i + 0.96), n[i]);
	figure_raise(figure);
	if (normal && sd > 0) {
		double px[161], py[161];

		for (int i = 0; i <= 160; i++) {
			double z;

			px[i] = x.low + (x.high - x.low) * i / 160;
			z = (px[i] - mean) / sd;
			py[i] = (total + get(histogram, "outside")) * width / (sd * 2.5066282746310002) * exp(-z * z / 2);
		}
		chart_line(&chart, COLOUR_BEST, 2, DASH_NONE, px, py, 161);
	}
	chart_vertical(&chart, COLOUR_AXIS, DASH_LONG, 0);
	free(n);
}

static void draw_qq(struct figure *figure, struct box box, const json_t *qq)
{
	struct axis x = {.low = NAN, .high = NAN, .label = "normal quantile"}, y = {.low = NAN, .high = NAN, .label = "residual, standardised"};
	size_t count, other;
	double *normal = plot_numbers(json_object_get(qq, "normal"), &count), *error = plot_numbers(json_object_get(qq, "error"), &other);
	struct chart chart;

	plot_range(normal, count, &x.low, &x.high);
	plot_range(error, other, &y.low, &y.high);
	chart_begin(&chart, figure, box, &x, &y);
	chart_diagonal(&chart, COLOUR_BEST);
	figure_raise(figure);
	for (size_t i = 0; i < count && i < other; i++)
		chart_dot(&chart, COLOUR_ACCENT, 100, 1.8, normal[i], error[i]);
	free(normal);
	free(error);
}

int plot_residuals(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	static const struct legend_entry entries[] = {{"residuals", COLOUR_ACCENT_SOFT, LEGEND_BOX}, {"normal, same mean and s.d.", COLOUR_BEST, LEGEND_LINE}};
	json_t *root = NULL, *histogram;
	struct box body, left, right;
	char *rows, *subtitle, a[32], b[32];
	int code = open_kind(source, "regression", "histogram", &root, &histogram, err);

	if (!code) {
		rows = rows_text(root);
		subtitle = text_format("predicted \xe2\x88\x92 actual, %s; mean %s, s.d. %s", rows, chart_number(get(root, "bias"), a), chart_number(get(root, "sd"), b));
		body = left = right = chart_page(figure, "Residuals", subtitle, entries, 2);
		left.right = body.left + (body.right - body.left) * 0.6;
		right.left = left.right + 16;
		draw_histogram(figure, left, histogram, true);
		draw_qq(figure, right, json_object_get(root, "qq"));
		free(rows);
		free(subtitle);
	}
	json_decref(root);
	return code;
}

/* ---- by what rows have in common ---- */

/* Boxes of a grid, three across at most. */
static struct box cell_of(struct box body, size_t at, size_t count, double gap)
{
	size_t across = count < 3 ? count : 3, down = (count + across - 1) / across;
	double width = (body.right - body.left - gap * (double)(across - 1)) / (double)across, height = (body.bottom - body.top) / (double)down;
	double left = body.left + (width + gap) * (double)(at % across), top = body.top + height * (double)(at / across);

	return (struct box){left, top + 16, left + width, top + height - 4};
}

static void panel_title(struct figure *figure, struct box box, const char *text)
{
	char *name = text_shortened(text, 11.5, box.right - box.left);

	figure_text(figure, &(struct figure_style){.rgb = COLOUR_INK, .size = 11.5}, box.left, box.top - 6, name);
	free(name);
}

int plot_residuals_features(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	static const struct legend_entry entries[] = {{"median", COLOUR_BEST, LEGEND_LINE}, {"middle half", COLOUR_ACCENT_SOFT, LEGEND_BOX}};
	json_t *root = NULL, *features = NULL, *feature;
	size_t i, count;
	struct box body;
	char share[32];
	int code = open_kind(source, NULL, "by_feature", &root, &features, err);

	count = json_array_size(features);
	if (!code && !count)
		code = plot_nothing(err);
	if (!code) {
		figure->height = 90 + 190.0 * (double)((count + 2) / 3);
		body = chart_page(figure, "Residuals against features", "the features whose twentieths explain most of the residuals' variance; none should", entries, 2);
		json_array_foreach(features, i, feature) {
			json_t *bins = json_object_get(feature, "bins");
			struct axis x = {.low = NAN, .high = NAN}, y = {.low = NAN, .high = NAN};
			struct box box = cell_of(body, i, count, 18);
			size_t n, other;
			double *middle = plot_numbers(json_object_get(bins, "middle"), &n), *low = plot_numbers(json_object_get(bins, "q25"), &other), *high = plot_numbers(json_object_get(bins, "q75"), &other);
			double *median = plot_numbers(json_object_get(bins, "q50"), &other);
			char *title = text_format("%s  (%s %%)", json_get_text(feature, "name", ""), chart_number(round(1000 * get(feature, "share")) / 10, share));
			struct chart chart;

			plot_range(middle, n, &x.low, &x.high);
			plot_range(low, n, &y.low, &y.high);
			plot_range(high, n, &y.low, &y.high);
			panel_title(figure, box, title);
			chart_begin(&chart, figure, box, &x, &y);
			chart_band(&chart, COLOUR_ACCENT_SOFT, 45, middle, low, high, n);
			figure_raise(figure);
			chart_horizontal(&chart, COLOUR_AXIS, DASH_NONE, 0);
			chart_line(&chart, COLOUR_BEST, 2, DASH_NONE, middle, median, n);
			for (size_t b = 0; n == 1 && b < n; b++)
				chart_dot(&chart, COLOUR_BEST, 100, 3, middle[b], median[b]);
			free(middle);
			free(low);
			free(high);
			free(median);
			free(title);
		}
	}
	json_decref(root);
	return code;
}

int plot_error_by_target(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	static const struct legend_entry entries[] = {{"mean absolute error", COLOUR_ACCENT, LEGEND_BOX}, {"bias", COLOUR_BEST, LEGEND_DOT}};
	struct axis x = {0}, y = {.low = 0, .high = 0, .label = "error"};
	json_t *root = NULL, *bins;
	size_t count, other;
	double *mae, *bias, *low, *high;
	char **names;
	struct chart chart;
	int code = open_kind(source, "regression", "by_target", &root, &bins, err);

	if (code) {
		json_decref(root);
		return code;
	}
	mae = plot_numbers(json_object_get(bins, "mae"), &count);
	bias = plot_numbers(json_object_get(bins, "mean"), &other);
	low = plot_numbers(json_object_get(bins, "low"), &other);
	high = plot_numbers(json_object_get(bins, "high"), &other);
	names = mem_must(count + 1, sizeof *names);
	for (size_t i = 0; i < count; i++) {
		char a[32], b[32];

		names[i] = text_format("%s \xe2\x80\x93 %s", chart_number(low[i], a), chart_number(high[i], b));
	}
	x.names = (const char *const *)names;
	x.name_count = count;
	x.no_grid = true;
	x.label = "actual";
	plot_range(mae, count, &y.low, &y.high);
	plot_range(bias, count, &y.low, &y.high);
	chart_begin(&chart, figure, chart_page(figure, "Error by target", "tenths of the rows by their actual value; bias is predicted \xe2\x88\x92 actual", entries, 2), &x, &y);
	for (size_t i = 0; i < count; i++)
		chart_rect(&chart, COLOUR_ACCENT, 100, (double)i - 0.36, 0, (double)i + 0.36, mae[i]);
	figure_raise(figure);
	chart_horizontal(&chart, COLOUR_AXIS, DASH_NONE, 0);
	for (size_t i = 0; i < count; i++)
		chart_dot(&chart, COLOUR_BEST, 100, 3.5, (double)i, bias[i]);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	free(mae);
	free(bias);
	free(low);
	free(high);
	json_decref(root);
	return 0;
}

/* Bars of mean absolute error, one a level. */
static void draw_levels(struct figure *figure, struct box box, const json_t *levels, const char *label)
{
	json_t *names = json_object_get(levels, "level");
	size_t count = json_array_size(names), other;
	double *mae = plot_numbers(json_object_get(levels, "mae"), &other), *n = plot_numbers(json_object_get(levels, "n"), &other), *se = plot_numbers(json_object_get(levels, "se"), &other);
	struct axis x = {.low = 0, .high = 0, .label = label}, y = {.name_count = count, .no_grid = true};
	const char **list = mem_must(count + 1, sizeof *list);
	struct chart chart;
	char rows[TEXT_NUMBER_MAX];

	for (size_t i = 0; i < count; i++)
		list[i] = json_string_value(json_array_get(names, i));
	y.names = list;
	plot_range(mae, count, &x.low, &x.high);
	x.high *= 1.18; /* room for the counts */
	chart_begin(&chart, figure, box, &x, &y);
	for (size_t i = 0; i < count; i++)
		chart_rect(&chart, COLOUR_ACCENT, 100, 0, (double)i - 0.34, mae[i], (double)i + 0.34);
	for (size_t i = 0; i < count; i++)
		figure_text(figure, &(struct figure_style){.rgb = COLOUR_MUTED, .size = 9.5}, chart_x(&chart, mae[i]) + 5, chart_y(&chart, (double)i), text_count((int64_t)n[i], rows));
	chart_vertical(&chart, COLOUR_AXIS, DASH_NONE, 0);
	free(list);
	free(mae);
	free(n);
	free(se);
}

int plot_error_by_category(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	json_t *root = NULL, *columns = NULL, *column;
	size_t i, count, rows = 0;
	const char *what;
	struct box body, box;
	int code = open_kind(source, NULL, "by_category", &root, &columns, err);

	count = json_array_size(columns) < 4 ? json_array_size(columns) : 4;
	if (!code && !count)
		code = plot_nothing(err);
	if (!code) {
		what = strcmp(json_get_text(root, "kind", ""), "classification") ? "mean absolute error" : "mean probability missing from the true class";
		for (i = 0; i < count; i++)
			rows += json_array_size(json_object_get(json_object_get(json_array_get(columns, i), "levels"), "level"));
		figure->height = 70 + 17.0 * (double)rows + 66.0 * (double)count;
		body = box = chart_page(figure, "Error by category", "by the categories that explain most of it; beside the bars: rows", NULL, 0);
		json_array_foreach(columns, i, column) {
			json_t *levels = json_object_get(column, "levels");
			struct box part;

			if (i >= count)
				break;
			box.bottom = box.top + 66 + 17.0 * (double)json_array_size(json_object_get(levels, "level"));
			part = (struct box){body.left, box.top + 16, body.right, box.bottom};
			panel_title(figure, part, json_get_text(column, "name", ""));
			draw_levels(figure, part, levels, i + 1 == count ? what : NULL);
			box.top = box.bottom;
		}
	}
	json_decref(root);
	return code;
}

int plot_error_by_group(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	json_t *root = NULL, *groups;
	char *subtitle, number[TEXT_NUMBER_MAX];
	size_t shown;
	int code = open_kind(source, NULL, "by_group", &root, &groups, err);

	if (!code) {
		shown = json_array_size(json_object_get(groups, "level"));
		subtitle = text_format("the %zu worst of %s groups by %s; beside the bars: rows", shown, text_count(json_get_int(groups, "groups", 0), number), json_get_text(groups, "name", "group"));
		figure->height = 110 + 17.0 * (double)shown;
		draw_levels(figure, chart_page(figure, "Error by group", subtitle, NULL, 0), groups, "mean absolute error");
		free(subtitle);
	}
	json_decref(root);
	return code;
}

int plot_rec(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct axis x = {.low = 0, .high = NAN, .label = "tolerance"}, y = {.low = 0, .high = 1, .fixed = true, .label = "share of rows within"};
	json_t *root = NULL, *rec;
	size_t count, other;
	double *tolerance, *share;
	char *subtitle, a[32], b[32], c[32];
	struct chart chart;
	int code = open_kind(source, NULL, "rec", &root, &rec, err);

	if (!code) {
		const char *unit = is_angle(root) ? "\xc2\xb0" : "";

		tolerance = plot_numbers(json_object_get(rec, "tolerance"), &count);
		share = plot_numbers(json_object_get(rec, "share"), &other);
		subtitle = text_format("half of the rows within %s%s, nine tenths within %s%s; area over the curve %s%s", chart_number(get(rec, "median"), a), unit, chart_number(get(rec, "q90"), b), unit,
		        chart_number(get(rec, "area"), c), unit);
		plot_range(tolerance, count, &x.low, &x.high);
		chart_begin(&chart, figure, chart_page(figure, "Error tolerance (REC curve)", subtitle, NULL, 0), &x, &y);
		chart_line(&chart, COLOUR_ACCENT, 2.2, DASH_NONE, tolerance, share, count);
		chart_vertical(&chart, COLOUR_BEST, DASH_LONG, get(rec, "median"));
		chart_vertical(&chart, COLOUR_AXIS, DASH_LONG, get(rec, "q90"));
		free(tolerance);
		free(share);
		free(subtitle);
	}
	json_decref(root);
	return code;
}

/* ---- angles ---- */

static void polar_point(struct box box, double radius, double degrees, double *x, double *y)
{
	double size = fmin(box.right - box.left, box.bottom - box.top) / 2 - 26, angle = degrees * 3.14159265358979323846 / 180;

	*x = (box.left + box.right) / 2 + size * radius * sin(angle); /* north up, clockwise */
	*y = (box.top + box.bottom) / 2 - size * radius * cos(angle);
}

static void polar_frame(struct figure *figure, struct box box, double most)
{
	double ticks[24], step, x[73], y[73];
	size_t count = chart_ticks(0, most, 5, ticks, &step);
	static const char *const names[] = {"0\xc2\xb0", "45\xc2\xb0", "90\xc2\xb0", "135\xc2\xb0", "180\xc2\xb0", "225\xc2\xb0", "270\xc2\xb0", "315\xc2\xb0"};

	for (size_t t = 0; t < count; t++) {
		for (int i = 0; i <= 72; i++)
			polar_point(box, ticks[t] / most, i * 5, &x[i], &y[i]);
		figure_line(figure, &(struct figure_style){.rgb = COLOUR_GRID, .size = 1}, x, y, 73);
	}
	for (int d = 0; d < 8; d++) {
		polar_point(box, 0, d * 45, &x[0], &y[0]);
		polar_point(box, 1, d * 45, &x[1], &y[1]);
		figure_line(figure, &(struct figure_style){.rgb = COLOUR_GRID, .size = 1}, x, y, 2);
		polar_point(box, 1.09, d * 45, &x[0], &y[0]);
		figure_text(figure, &(struct figure_style){.rgb = COLOUR_TEXT, .size = CHART_SMALL, .align = ALIGN_CENTER}, x[0], y[0], names[d]);
	}
	for (size_t t = 1; t < count; t++) {
		char text[32];
		char *label = text_format("%s\xc2\xb0", chart_number(ticks[t], text));

		polar_point(box, ticks[t] / most, 22.5, &x[0], &y[0]);
		figure_text(figure, &(struct figure_style){.rgb = COLOUR_MUTED, .size = 9.5, .align = ALIGN_CENTER}, x[0], y[0], label);
		free(label);
	}
}

static void polar_sectors(struct figure *figure, struct box box, const json_t *around, const char *key, unsigned rgb, unsigned opacity, double most)
{
	size_t count, other;
	double *degrees = plot_numbers(json_object_get(around, "degrees"), &count), *value = plot_numbers(json_object_get(around, key), &other), half = 180.0 / (double)count;

	for (size_t s = 0; s < count; s++) {
		double x[8], y[8];

		if (!isfinite(value[s]))
			continue;
		polar_point(box, 0, 0, &x[0], &y[0]);
		for (int i = 0; i < 7; i++)
			polar_point(box, fmin(value[s] / most, 1), degrees[s] - half * 0.94 + 2 * half * 0.94 * i / 6, &x[i + 1], &y[i + 1]);
		figure_polygon(figure, rgb, opacity, x, y, 8);
	}
	figure_raise(figure);
	free(degrees);
	free(value);
}

int plot_angle_error(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	static const struct legend_entry entries[] = {{"median", COLOUR_ACCENT, LEGEND_BOX}, {"nine tenths", COLOUR_ACCENT_SOFT, LEGEND_BOX}};
	json_t *root = NULL, *around;
	double low = NAN, most = NAN, *q90;
	size_t count;
	char *rows, *subtitle, a[32], b[32];
	struct box body;
	int code = open_kind(source, "angle", "around", &root, &around, err);

	if (!code) {
		rows = rows_text(root);
		subtitle = text_format("%s by their actual direction; mean absolute error %s\xc2\xb0, bias %s\xc2\xb0", rows, chart_number(get(root, "mae"), a), chart_number(get(root, "bias"), b));
		q90 = plot_numbers(json_object_get(around, "q90"), &count);
		plot_range(q90, count, &low, &most);
		most = most > 0 ? most : 1;
		body = chart_page(figure, "Error around the circle", subtitle, entries, 2);
		polar_frame(figure, body, most);
		figure_raise(figure);
		polar_sectors(figure, body, around, "q90", COLOUR_ACCENT_SOFT, 70, most);
		polar_sectors(figure, body, around, "median", COLOUR_ACCENT, 100, most);
		free(q90);
		free(rows);
		free(subtitle);
	}
	json_decref(root);
	return code;
}

int plot_angle_bands(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct axis x = {.no_grid = true, .label = "absolute error at most"}, y = {.low = 0, .high = 1.08, .fixed = true, .label = "share of rows"};
	json_t *root = NULL, *within;
	size_t count, other;
	double *degrees, *share;
	char *names[16];
	struct box body, left, right;
	struct chart chart;
	int code = open_kind(source, "angle", "within", &root, &within, err);

	if (!code) {
		degrees = plot_numbers(json_object_get(within, "degrees"), &count);
		share = plot_numbers(json_object_get(within, "share"), &other);
		count = count < 16 ? count : 16;
		for (size_t i = 0; i < count; i++)
			names[i] = text_format("%.3g\xc2\xb0", degrees[i]);
		x.names = (const char *const *)names;
		x.name_count = count;
		body = left = right = chart_page(figure, "Accuracy of directions", "share of rows within each band, and the signed error", NULL, 0);
		left.right = body.left + (body.right - body.left) * 0.52;
		right.left = left.right + 16;
		chart_begin(&chart, figure, left, &x, &y);
		for (size_t i = 0; i < count; i++) {
			char *text = text_format("%.0f %%", share[i] * 100);

			chart_rect(&chart, COLOUR_ACCENT, 100, (double)i - 0.36, 0, (double)i + 0.36, share[i]);
			figure_text(figure, &(struct figure_style){.rgb = COLOUR_TEXT, .size = 9.5, .align = ALIGN_CENTER}, chart_x(&chart, (double)i), chart_y(&chart, share[i]) - 8, text);
			free(text);
			free(names[i]);
		}
		draw_histogram(figure, right, json_object_get(root, "histogram"), false);
		free(degrees);
		free(share);
	}
	json_decref(root);
	return code;
}
