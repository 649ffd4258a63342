/* figure: a picture as layers of simple shapes in pixels (origin top left), ready for gnuplot. Nothing is reckoned here but places: statistics
 * come from engines/diagnostics, axes and margins from chart.h. Shapes of one style go to one layer; layers are drawn in the order they
 * were begun, and figure_raise starts new ones above all that is there. Text may be anything: it is data, never part of a script.
 *
 *   new -> (line | polygon | dot | text | raise)* -> draw -> release.   One thread. The same calls give the same bytes. */
#ifndef REPORTS_FIGURE_H
#define REPORTS_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

#include "storage/base/err.h"
#include "storage/base/text.h"

/* The palette: colour-blind safe, and each with a twin for dark pages (gnuplot_svg.c). */
#define COLOUR_INK 0x111827u
#define COLOUR_TEXT 0x374151u
#define COLOUR_MUTED 0x6b7280u
#define COLOUR_AXIS 0x9ca3afu
#define COLOUR_GRID 0xe5e7ebu
#define COLOUR_PALE 0xcbd5e1u
#define COLOUR_ACCENT 0x3b82f6u
#define COLOUR_ACCENT_SOFT 0x93c5fdu
#define COLOUR_ACCENT_DARK 0x1e40afu
#define COLOUR_BEST 0xea580cu
#define COLOUR_BEST_SOFT 0xfdba74u
#define COLOUR_THIRD 0x059669u
#define COLOUR_FOURTH 0x9333eau

enum figure_kind { FIGURE_LINES, FIGURE_POLYGONS, FIGURE_DOTS, FIGURE_TEXTS };
enum figure_align { ALIGN_LEFT, ALIGN_CENTER, ALIGN_RIGHT };
enum figure_dash { DASH_NONE, DASH_LONG, DASH_SHORT };
struct figure_style {
	enum figure_kind kind;
	unsigned rgb;
	unsigned opacity;      /* percent; 0 means 100 */
	double size;           /* width of a line, radius of a dot, height of text: pixels */
	enum figure_dash dash;
	enum figure_align align;
	bool bold, upright;    /* upright: turned by 90 degrees, read from below */
	unsigned z;            /* set by figure.c */
};
struct figure_layer {
	struct figure_style style;
	struct text_buf data; /* a shape's points a line each, an empty line between shapes; texts: x, y, text, by tabs */
	size_t shapes;
};
struct figure {
	char *name; /* of the file, for ids: letters, digits, - and _ */
	char *title; /* for readers that cannot see */
	double width, height;
	struct figure_layer *layers;
	size_t count, capacity;
	unsigned z;
};
struct figure *figure_new(const char *name, double width, double height);
void figure_release(struct figure *figure); /* NULL is fine */
void figure_raise(struct figure *figure);
/* Points that are not finite break a line; a polygon with one is left out, and so is such a dot or text. */
void figure_line(struct figure *figure, const struct figure_style *style, const double *x, const double *y, size_t count);
void figure_polygon(struct figure *figure, unsigned rgb, unsigned opacity, const double *x, const double *y, size_t count);
void figure_rect(struct figure *figure, unsigned rgb, unsigned opacity, double left, double top, double right, double bottom);
void figure_dot(struct figure *figure, unsigned rgb, unsigned opacity, double radius, double x, double y);
/* x, y: the middle of the text's height, and its left, middle or right by align. Control characters and bad UTF-8 become visible signs. */
void figure_text(struct figure *figure, const struct figure_style *style, double x, double y, const char *text);

/* About how wide a text is in Inter, in pixels. */
double text_width(const char *text, double size, bool bold);
/* The text cut in the middle with an ellipsis until it is no wider than width; malloc'd. */
char *text_shortened(const char *text, double size, double width);
/* viridis at 0..1 (dark is 0), in 64 steps, so that equal shades share a layer. */
unsigned colour_viridis(double at);
/* red - white - blue at -1..1, in 41 steps. */
unsigned colour_diverging(double at);
/* Blue - orange at 0..1, in 16 steps, none of them pale or dark: dots that are seen on light and dark pages. */
unsigned colour_low_high(double at);
/* Colours for several series: 0 is the accent. */
unsigned colour_series(size_t index);
/* Black or white, whichever reads better on rgb: by the contrast ratio of WCAG 2, at least 4.5 on every colour. Not themed: the cell is not. */
unsigned colour_on(unsigned rgb);

#endif
