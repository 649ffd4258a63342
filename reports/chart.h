/* chart: axes, grid, ticks and legends on a figure. There is no automatic layout to fight with: margins come from the widths of the labels, and
 * are known before anything is drawn.
 *
 *   chart_page (title, subtitle; gives the body) -> chart_begin (one or several panels in the body) -> shapes in data units. */
#ifndef REPORTS_CHART_H
#define REPORTS_CHART_H

#include "reports/figure.h"

struct box {
	double left, top, right, bottom; /* pixels */
};
struct legend_entry {
	const char *text;
	unsigned rgb;
	enum { LEGEND_LINE, LEGEND_DASH, LEGEND_DOT, LEGEND_BOX } shape;
};
/* Title and grey subtitle, and legend entries (may be none) at the right of the title, below the subtitle when there is no room. */
struct box chart_page(struct figure *figure, const char *title, const char *subtitle, const struct legend_entry *entries, size_t count);

struct axis {
	double low, high;          /* of the data; widened to what the ticks need unless fixed */
	bool fixed, log, none;     /* fixed: the range as it is; log: decades; none: no ticks, no labels */
	const char *label;         /* may be NULL */
	const char *const *names;  /* categories at 0..count-1 instead of numbers; low and high are set by chart_begin; or NULL */
	size_t name_count;
	double room;               /* least pixels for the labels of a y axis, so that panels below each other line up */
	bool no_grid, whole;       /* whole: ticks at whole numbers only */
};
struct chart {
	struct figure *figure;
	struct box plot;           /* where data goes */
	struct axis x, y;
};
#define CHART_SMALL 10.5 /* height of tick labels */
/* Draws grid, ticks and labels inside box and says where data goes. A y axis with names counts from the top. */
void chart_begin(struct chart *chart, struct figure *figure, struct box box, const struct axis *x, const struct axis *y);
double chart_x(const struct chart *chart, double value);
double chart_y(const struct chart *chart, double value);

/* Shapes in data units, cut at the panel's edges. */
void chart_line(const struct chart *chart, unsigned rgb, double width, enum figure_dash dash, const double *x, const double *y, size_t count);
void chart_steps(const struct chart *chart, unsigned rgb, double width, const double *x, const double *y, size_t count); /* level until the next x */
void chart_band(const struct chart *chart, unsigned rgb, unsigned opacity, const double *x, const double *low, const double *high, size_t count);
void chart_rect(const struct chart *chart, unsigned rgb, unsigned opacity, double x0, double y0, double x1, double y1);
void chart_dot(const struct chart *chart, unsigned rgb, unsigned opacity, double radius, double x, double y);
void chart_text(const struct chart *chart, unsigned rgb, double size, enum figure_align align, double x, double y, const char *text);
/* A whisker with caps; nothing when low or high is not finite. */
void chart_whisker_x(const struct chart *chart, unsigned rgb, double low, double high, double y);
void chart_whisker_y(const struct chart *chart, unsigned rgb, double x, double low, double high);
void chart_vertical(const struct chart *chart, unsigned rgb, enum figure_dash dash, double x);
void chart_horizontal(const struct chart *chart, unsigned rgb, enum figure_dash dash, double y);
void chart_diagonal(const struct chart *chart, unsigned rgb); /* y = x, dashed */

/* A bar of colours with its scale, at the right of box; returns the box that is left. colour: at 0..1. */
struct box chart_colour_bar(struct figure *figure, struct box box, double low, double high, bool log, const char *label, unsigned (*colour)(double at));

/* "0.0012", "1,250", "3.2e+07": a number for people in at most about seven signs. */
const char *chart_number(double value, char out[32]);
/* At most most round numbers that cover or lie inside low..high; returns how many. step may be NULL. */
size_t chart_ticks(double low, double high, size_t most, double *out, double *step);

#endif
