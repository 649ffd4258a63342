#include "reports/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/mem.h"

#define TICKS_MAX 24
#define LABEL_GAP 8
#define UPRIGHT_MOST 120.0
#define NAMES_SHOWN_WIDTH 240 /* a name may take this much of the width */

/* ---- numbers ---- */

const char *chart_number(double value, char out[32])
{
	double size = fabs(value);

	if (!isfinite(value))
		snprintf(out, 32, "\xe2\x80\x93");
	else if (size >= 1000 && size < 1e7 && value == round(value))
		text_count((int64_t)value, out);
	else if (size >= 1000 && size < 1e7)
		text_count((int64_t)llround(value), out);
	else
		snprintf(out, 32, "%.4g", value == 0 ? 0.0 : value);
	return out;
}

size_t chart_ticks(double low, double high, size_t most, double *out, double *step)
{
	double raw = (high - low) / (double)(most > 1 ? most - 1 : 1), power = pow(10, floor(log10(raw))), each;
	size_t count = 0;

	if (!(raw > 0) || !isfinite(raw))
		return 0;
	each = raw <= power * 1.0001 ? power : raw <= 2 * power * 1.0001 ? 2 * power : raw <= 5 * power * 1.0001 ? 5 * power : 10 * power;
	for (double k = ceil(low / each - 1e-9); k * each <= high + 1e-9 * each && count < TICKS_MAX; k++)
		out[count++] = k * each;
	if (step)
		*step = each;
	return count;
}

static void tick_text(double value, double step, char out[32])
{
	int decimals = (int)-floor(log10(step) + 1e-9);

	if (fabs(value) < step * 1e-6)
		value = 0;
	if (fabs(value) >= 1e7 || (value != 0 && step < 1e-5))
		snprintf(out, 32, "%.3g", value);
	else if (decimals <= 0 && fabs(value) < 10000) /* no comma: it may be a year */
		snprintf(out, 32, "%.0f", value);
	else if (decimals <= 0)
		text_count((int64_t)llround(value), out);
	else
		snprintf(out, 32, "%.*f", decimals > 6 ? 6 : decimals, value);
}

/* ---- axes ---- */

struct ticks {
	double at[TICKS_MAX * 2];
	char text[TICKS_MAX * 2][32];
	size_t count;
};

static double scaled(const struct axis *axis, double value)
{
	return axis->log ? log10(value) : value;
}

/* 1, 10, 100 ...; with few decades 2 and 5 as well; with many every second, third ... */
static void log_ticks(const struct axis *axis, size_t most, struct ticks *out)
{
	int from = (int)floor(log10(axis->low) + 1e-9), to = (int)ceil(log10(axis->high) - 1e-9), stride = 1;
	static const double steps[] = {1, 2, 5};
	bool fine = (size_t)(to - from) * 3 <= most;

	while ((size_t)((to - from) / stride + 1) > (most < 3 ? 3 : most))
		stride++;
	for (int decade = from; decade <= to; decade += stride)
		for (size_t i = 0; i < (fine ? 3u : 1u) && out->count < TICKS_MAX; i++) {
			double value = steps[i] * pow(10, decade);

			if (value < axis->low * 0.9999 || value > axis->high * 1.0001)
				continue;
			out->at[out->count] = value;
			if (value >= 1e-4 && value < 1e6)
				chart_number(value, out->text[out->count]);
			else
				snprintf(out->text[out->count], sizeof *out->text, "%.0e", value);
			out->count++;
		}
}

static void make_ticks(struct axis *axis, size_t most, struct ticks *out)
{
	double step = 1;

	out->count = 0;
	if (axis->none || axis->names)
		return;
	if (axis->log) {
		for (size_t more = most; out->count < 2 && more < most + 8; more++) {
			out->count = 0;
			log_ticks(axis, more, out);
		}
		if (out->count >= 2)
			return;
		out->count = 0; /* less than a decade: round numbers are as good */
	}
	do { /* rounding up the step may leave one tick or two where there is room for more */
		out->count = chart_ticks(axis->low, axis->high, most, out->at, &step);
	} while (out->count < 3 && ++most < 6);
	if (axis->whole && step < 1) {
		step = 1;
		out->count = 0;
		for (double k = ceil(axis->low - 1e-9); k <= axis->high + 1e-9 && out->count < TICKS_MAX; k++)
			out->at[out->count++] = k;
	}
	for (size_t i = 0; i < out->count; i++)
		tick_text(out->at[i], step, out->text[i]);
}

/* A range that can be drawn: not empty, a little air at both ends, zero kept as an end when the data touches it. */
static void settle(struct axis *axis)
{
	double air;

	if (axis->names) {
		axis->low = -0.5;
		axis->high = (double)axis->name_count - 0.5;
		return;
	}
	if (!isfinite(axis->low) || !isfinite(axis->high))
		axis->low = 0, axis->high = 1;
	if (axis->log && !(axis->low > 0)) {
		axis->log = false;
	}
	if (!(axis->high > axis->low)) {
		double size = fabs(axis->low) > 0 ? fabs(axis->low) * 0.1 : 1;

		if (axis->log) {
			axis->low /= 2;
			axis->high *= 2;
		} else {
			axis->low -= size;
			axis->high += size;
		}
		return;
	}
	if (axis->fixed)
		return;
	if (axis->log) {
		air = pow(axis->high / axis->low, 0.03);
		axis->low /= air;
		axis->high *= air;
		return;
	}
	air = (axis->high - axis->low) * 0.03;
	axis->low = axis->low == 0 ? 0 : axis->low - air;
	axis->high = axis->high == 0 ? 0 : axis->high + air;
}

double chart_x(const struct chart *chart, double value)
{
	const struct axis *axis = &chart->x;
	double low = scaled(axis, axis->low), high = scaled(axis, axis->high);

	return chart->plot.left + (scaled(axis, value) - low) / (high - low) * (chart->plot.right - chart->plot.left);
}

double chart_y(const struct chart *chart, double value)
{
	const struct axis *axis = &chart->y;
	double low = scaled(axis, axis->low), high = scaled(axis, axis->high), at = (scaled(axis, value) - low) / (high - low);

	return axis->names ? chart->plot.top + at * (chart->plot.bottom - chart->plot.top) : chart->plot.bottom - at * (chart->plot.bottom - chart->plot.top);
}

static void plain_line(struct figure *figure, unsigned rgb, double width, enum figure_dash dash, double x0, double y0, double x1, double y1)
{
	const double x[] = {x0, x1}, y[] = {y0, y1};

	figure_line(figure, &(struct figure_style){.rgb = rgb, .size = width, .dash = dash}, x, y, 2);
}

/* Every how many names are written, so that they do not touch. */
static size_t name_stride(size_t count, double pixels, double each)
{
	size_t fits = pixels > each ? (size_t)(pixels / each) : 1;

	return count <= fits ? 1 : (count + fits - 1) / fits;
}

static double names_width(const struct axis *axis)
{
	double most = 0;

	for (size_t i = 0; i < axis->name_count; i++) {
		double width = text_width(axis->names[i], CHART_SMALL, false);

		most = width > most ? width : most;
	}
	return most < NAMES_SHOWN_WIDTH ? most : NAMES_SHOWN_WIDTH;
}

static double ticks_width(const struct ticks *ticks)
{
	double most = 0;

	for (size_t i = 0; i < ticks->count; i++) {
		double width = text_width(ticks->text[i], CHART_SMALL, false);

		most = width > most ? width : most;
	}
	return most;
}

/* Names along x stand upright when they do not fit side by side. */
static bool names_upright(const struct axis *axis, double width)
{
	return axis->names && axis->name_count && names_width(axis) + 8 > width / (double)axis->name_count;
}

static void draw_y(struct chart *chart, const struct ticks *ticks, double left_edge)
{
	struct figure *figure = chart->figure;
	const struct axis *axis = &chart->y;
	struct figure_style style = {.rgb = COLOUR_TEXT, .size = CHART_SMALL, .align = ALIGN_RIGHT};
	size_t stride = name_stride(axis->name_count, chart->plot.bottom - chart->plot.top, 11);

	for (size_t i = 0; i < ticks->count; i++) {
		double y = chart_y(chart, ticks->at[i]);

		if (!axis->no_grid)
			plain_line(figure, COLOUR_GRID, 1, DASH_NONE, chart->plot.left, y, chart->plot.right, y);
		figure_text(figure, &style, chart->plot.left - LABEL_GAP, y, ticks->text[i]);
	}
	for (size_t i = 0; axis->names && !axis->none && i < axis->name_count; i += stride) {
		char *name = text_shortened(axis->names[i], CHART_SMALL, NAMES_SHOWN_WIDTH);

		figure_text(figure, &style, chart->plot.left - LABEL_GAP, chart_y(chart, (double)i), name);
		free(name);
	}
	if (axis->label)
		figure_text(figure, &(struct figure_style){.rgb = COLOUR_TEXT, .size = CHART_SMALL + 0.5, .align = ALIGN_CENTER, .upright = true}, left_edge + 8,
		        (chart->plot.top + chart->plot.bottom) / 2, axis->label);
}

/* upright_most: names stand and may be so long; 0: they lie. */
static void draw_x(struct chart *chart, const struct ticks *ticks, double upright_most, double bottom_edge)
{
	struct figure *figure = chart->figure;
	const struct axis *axis = &chart->x;
	bool upright = upright_most > 0;
	struct figure_style style = {.rgb = COLOUR_TEXT, .size = CHART_SMALL, .align = upright ? ALIGN_RIGHT : ALIGN_CENTER, .upright = upright};
	size_t stride = upright ? name_stride(axis->name_count, chart->plot.right - chart->plot.left, 12) : 1;

	for (size_t i = 0; i < ticks->count; i++) {
		double x = chart_x(chart, ticks->at[i]);

		if (!axis->no_grid)
			plain_line(figure, COLOUR_GRID, 1, DASH_NONE, x, chart->plot.top, x, chart->plot.bottom);
		figure_text(figure, &style, x, chart->plot.bottom + 14, ticks->text[i]);
	}
	for (size_t i = 0; axis->names && !axis->none && i < axis->name_count; i += stride) {
		char *name = text_shortened(axis->names[i], CHART_SMALL, upright ? upright_most : NAMES_SHOWN_WIDTH);

		figure_text(figure, &style, chart_x(chart, (double)i), chart->plot.bottom + (upright ? 8 : 14), name);
		free(name);
	}
	if (axis->label)
		figure_text(figure, &(struct figure_style){.rgb = COLOUR_TEXT, .size = CHART_SMALL + 0.5, .align = ALIGN_CENTER}, (chart->plot.left + chart->plot.right) / 2,
		        bottom_edge - 8, axis->label);
}

void chart_begin(struct chart *chart, struct figure *figure, struct box box, const struct axis *x, const struct axis *y)
{
	struct ticks x_ticks, y_ticks;
	double names, upright_most;
	bool upright;
	size_t most;

	*chart = (struct chart){.figure = figure, .plot = box, .x = *x, .y = *y};
	settle(&chart->x);
	settle(&chart->y);
	most = (size_t)((box.bottom - box.top) / 38);
	make_ticks(&chart->y, most < 3 ? 3 : most > 9 ? 9 : most, &y_ticks);
	names = chart->y.names && !chart->y.none ? names_width(&chart->y) : ticks_width(&y_ticks);
	names = names < chart->y.room ? chart->y.room : names;
	chart->plot.left = box.left + (chart->y.label ? 20 : 0) + (names > 0 ? names + LABEL_GAP : 0);
	chart->plot.top = box.top + 6;
	chart->plot.right = box.right - 4;
	most = (size_t)((chart->plot.right - chart->plot.left) / 75);
	make_ticks(&chart->x, most < 2 ? 2 : most > 9 ? 9 : most, &x_ticks);
	if (x_ticks.count) { /* half of the last label hangs over the edge */
		double over = chart_x(chart, x_ticks.at[x_ticks.count - 1]) + text_width(x_ticks.text[x_ticks.count - 1], CHART_SMALL, false) / 2 - box.right;

		if (over > 0)
			chart->plot.right -= over + 1;
	}
	upright = names_upright(&chart->x, chart->plot.right - chart->plot.left);
	names = chart->x.names && !chart->x.none ? names_width(&chart->x) : 0;
	upright_most = (box.bottom - box.top) * 0.35 < UPRIGHT_MOST ? (box.bottom - box.top) * 0.35 : UPRIGHT_MOST;
	names = names > upright_most ? upright_most : names;
	chart->plot.bottom = box.bottom - (chart->x.label ? 22 : 0) - (chart->x.none ? 4 : upright ? names + 12 : 24);
	figure_raise(figure);
	draw_y(chart, &y_ticks, box.left);
	draw_x(chart, &x_ticks, upright ? upright_most : 0, box.bottom);
	figure_raise(figure);
}

/* ---- shapes ---- */

/* Liang-Barsky: the part of a segment inside the panel; false when there is none. */
static bool cut(const struct box *box, double *x0, double *y0, double *x1, double *y1)
{
	double dx = *x1 - *x0, dy = *y1 - *y0, from = 0, to = 1;
	const double p[] = {-dx, dx, -dy, dy}, q[] = {*x0 - box->left, box->right - *x0, *y0 - box->top, box->bottom - *y0};

	for (int i = 0; i < 4; i++) {
		double r = q[i] / p[i];

		if (p[i] == 0) {
			if (q[i] < 0)
				return false;
		} else if (p[i] < 0) {
			from = r > from ? r : from;
		} else {
			to = r < to ? r : to;
		}
	}
	if (from > to)
		return false;
	*x1 = *x0 + to * dx;
	*y1 = *y0 + to * dy;
	*x0 += from * dx;
	*y0 += from * dy;
	return true;
}

/* Runs of joined segments are kept as one line. */
static void pixel_line(const struct chart *chart, const struct figure_style *style, const double *x, const double *y, size_t count)
{
	double *px = mem_must(2 * count + 1, sizeof *px), *py = mem_must(2 * count + 1, sizeof *py);
	size_t n = 0;

	for (size_t i = 1; i < count; i++) {
		double x0 = x[i - 1], y0 = y[i - 1], x1 = x[i], y1 = y[i];

		if (!isfinite(x0 + y0 + x1 + y1) || !cut(&chart->plot, &x0, &y0, &x1, &y1))
			continue;
		if (n && (px[n - 1] != x0 || py[n - 1] != y0)) {
			figure_line(chart->figure, style, px, py, n);
			n = 0;
		}
		if (!n) {
			px[n] = x0;
			py[n++] = y0;
		}
		px[n] = x1;
		py[n++] = y1;
	}
	if (n)
		figure_line(chart->figure, style, px, py, n);
	free(px);
	free(py);
}

void chart_line(const struct chart *chart, unsigned rgb, double width, enum figure_dash dash, const double *x, const double *y, size_t count)
{
	double *px = mem_must(count + 1, sizeof *px), *py = mem_must(count + 1, sizeof *py);

	for (size_t i = 0; i < count; i++) {
		px[i] = chart_x(chart, x[i]);
		py[i] = chart_y(chart, y[i]);
	}
	pixel_line(chart, &(struct figure_style){.rgb = rgb, .size = width, .dash = dash}, px, py, count);
	free(px);
	free(py);
}

void chart_steps(const struct chart *chart, unsigned rgb, double width, const double *x, const double *y, size_t count)
{
	double *sx = mem_must(2 * count + 1, sizeof *sx), *sy = mem_must(2 * count + 1, sizeof *sy);
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (n) {
			sx[n] = x[i];
			sy[n] = sy[n - 1];
			n++;
		}
		sx[n] = x[i];
		sy[n++] = y[i];
	}
	chart_line(chart, rgb, width, DASH_NONE, sx, sy, n);
	free(sx);
	free(sy);
}

static double inside(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

void chart_rect(const struct chart *chart, unsigned rgb, unsigned opacity, double x0, double y0, double x1, double y1)
{
	const struct box *box = &chart->plot;
	double left = inside(chart_x(chart, x0), box->left, box->right), right = inside(chart_x(chart, x1), box->left, box->right);
	double top = inside(chart_y(chart, y0), box->top, box->bottom), bottom = inside(chart_y(chart, y1), box->top, box->bottom);

	figure_rect(chart->figure, rgb, opacity, left, top, right, bottom);
}

void chart_band(const struct chart *chart, unsigned rgb, unsigned opacity, const double *x, const double *low, const double *high, size_t count)
{
	const struct box *box = &chart->plot;
	double *px = mem_must(2 * count + 1, sizeof *px), *py = mem_must(2 * count + 1, sizeof *py);
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (isfinite(low[i]) && isfinite(high[i])) {
			px[n] = inside(chart_x(chart, x[i]), box->left, box->right);
			py[n++] = inside(chart_y(chart, low[i]), box->top, box->bottom);
		}
	for (size_t i = count; i-- > 0;)
		if (isfinite(low[i]) && isfinite(high[i])) {
			px[n] = inside(chart_x(chart, x[i]), box->left, box->right);
			py[n++] = inside(chart_y(chart, high[i]), box->top, box->bottom);
		}
	figure_polygon(chart->figure, rgb, opacity, px, py, n);
	free(px);
	free(py);
}

void chart_dot(const struct chart *chart, unsigned rgb, unsigned opacity, double radius, double x, double y)
{
	double px = chart_x(chart, x), py = chart_y(chart, y);

	if (px >= chart->plot.left - 0.5 && px <= chart->plot.right + 0.5 && py >= chart->plot.top - 0.5 && py <= chart->plot.bottom + 0.5)
		figure_dot(chart->figure, rgb, opacity, radius, px, py);
}

void chart_text(const struct chart *chart, unsigned rgb, double size, enum figure_align align, double x, double y, const char *text)
{
	figure_text(chart->figure, &(struct figure_style){.rgb = rgb, .size = size, .align = align}, chart_x(chart, x), chart_y(chart, y), text);
}

static void whisker(const struct chart *chart, unsigned rgb, const double *x, const double *y)
{
	const struct figure_style style = {.rgb = rgb, .size = 1.2};

	for (int i = 0; i < 6; i += 2)
		pixel_line(chart, &style, x + i, y + i, 2);
}

void chart_whisker_x(const struct chart *chart, unsigned rgb, double low, double high, double y)
{
	double a = chart_x(chart, low), b = chart_x(chart, high), at = chart_y(chart, y);
	const double x[] = {a, b, a, a, b, b}, yy[] = {at, at, at - 2.5, at + 2.5, at - 2.5, at + 2.5};

	if (isfinite(a + b + at))
		whisker(chart, rgb, x, yy);
}

void chart_whisker_y(const struct chart *chart, unsigned rgb, double x, double low, double high)
{
	double a = chart_y(chart, low), b = chart_y(chart, high), at = chart_x(chart, x);
	const double xx[] = {at, at, at - 2.5, at + 2.5, at - 2.5, at + 2.5}, y[] = {a, b, a, a, b, b};

	if (isfinite(a + b + at))
		whisker(chart, rgb, xx, y);
}

void chart_vertical(const struct chart *chart, unsigned rgb, enum figure_dash dash, double x)
{
	const double px[] = {chart_x(chart, x), chart_x(chart, x)}, py[] = {chart->plot.top, chart->plot.bottom};

	pixel_line(chart, &(struct figure_style){.rgb = rgb, .size = 1.2, .dash = dash}, px, py, 2);
}

void chart_horizontal(const struct chart *chart, unsigned rgb, enum figure_dash dash, double y)
{
	const double px[] = {chart->plot.left, chart->plot.right}, py[] = {chart_y(chart, y), chart_y(chart, y)};

	pixel_line(chart, &(struct figure_style){.rgb = rgb, .size = 1.2, .dash = dash}, px, py, 2);
}

void chart_diagonal(const struct chart *chart, unsigned rgb)
{
	double low = chart->x.low > chart->y.low ? chart->x.low : chart->y.low, high = chart->x.high < chart->y.high ? chart->x.high : chart->y.high;
	const double ends[] = {low, high};

	chart_line(chart, rgb, 1.2, DASH_LONG, ends, ends, 2);
}

/* ---- the page ---- */

static double legend_width(const struct legend_entry *entries, size_t count)
{
	double width = 0;

	for (size_t i = 0; i < count; i++)
		width += 24 + text_width(entries[i].text, CHART_SMALL + 0.5, false) + 18;
	return width;
}

static void draw_legend(struct figure *figure, const struct legend_entry *entries, size_t count, double x, double y)
{
	for (size_t i = 0; i < count; i++) {
		switch (entries[i].shape) {
		case LEGEND_LINE:
		case LEGEND_DASH:
			plain_line(figure, entries[i].rgb, 2, entries[i].shape == LEGEND_DASH ? DASH_LONG : DASH_NONE, x, y, x + 18, y);
			break;
		case LEGEND_DOT:
			figure_dot(figure, entries[i].rgb, 100, 3, x + 10, y);
			break;
		case LEGEND_BOX:
			figure_rect(figure, entries[i].rgb, 100, x + 4, y - 5, x + 16, y + 5);
			break;
		}
		figure_text(figure, &(struct figure_style){.rgb = COLOUR_TEXT, .size = CHART_SMALL + 0.5}, x + 24, y, entries[i].text);
		x += legend_width(&entries[i], 1);
	}
}

struct box chart_page(struct figure *figure, const char *title, const char *subtitle, const struct legend_entry *entries, size_t count)
{
	struct box body = {16, 54, figure->width - 16, figure->height - 8};
	double room = figure->width - 48 - text_width(title, 15, true), legend = legend_width(entries, count);
	char *shown = text_shortened(subtitle, 11.5, figure->width - 32);

	free(figure->title);
	figure->title = text_format("%s: %s", title, subtitle);
	figure_text(figure, &(struct figure_style){.rgb = COLOUR_INK, .size = 15, .bold = true}, 16, 20, title);
	figure_text(figure, &(struct figure_style){.rgb = COLOUR_MUTED, .size = 11.5}, 16, 40, shown);
	if (count && legend <= room) {
		draw_legend(figure, entries, count, figure->width - 16 - legend + 18, 20);
	} else if (count) {
		draw_legend(figure, entries, count, 16, 60);
		body.top += 20;
	}
	figure_raise(figure);
	free(shown);
	return body;
}

struct box chart_colour_bar(struct figure *figure, struct box box, double low, double high, bool log, const char *label, unsigned (*colour)(double at))
{
	struct axis axis = {.low = low, .high = high, .log = log};
	struct box bar = {0, box.top + 6, 0, box.bottom - 46};
	struct ticks ticks;
	double width;

	if (!(high > low)) {
		axis.fixed = true;
		settle(&axis);
	}
	make_ticks(&axis, 6, &ticks);
	width = ticks_width(&ticks);
	bar.right = box.right - width - 8 - (label ? 20 : 0);
	bar.left = bar.right - 11;
	for (int i = 0; i < 64; i++) {
		double y1 = bar.bottom - (bar.bottom - bar.top) * i / 64, y0 = bar.bottom - (bar.bottom - bar.top) * (i + 1) / 64;

		figure_rect(figure, colour((i + 0.5) / 64), 100, bar.left, y0 - (i < 63 ? 0.3 : 0), bar.right, y1);
	}
	for (size_t i = 0; i < ticks.count; i++) {
		double at = (scaled(&axis, ticks.at[i]) - scaled(&axis, axis.low)) / (scaled(&axis, axis.high) - scaled(&axis, axis.low));

		figure_text(figure, &(struct figure_style){.rgb = COLOUR_TEXT, .size = CHART_SMALL}, bar.right + 6, bar.bottom - at * (bar.bottom - bar.top), ticks.text[i]);
	}
	if (label)
		figure_text(figure, &(struct figure_style){.rgb = COLOUR_TEXT, .size = CHART_SMALL + 0.5, .align = ALIGN_CENTER, .upright = true}, box.right - 8,
		        (bar.top + bar.bottom) / 2, label);
	box.right = bar.left - 14;
	return box;
}
