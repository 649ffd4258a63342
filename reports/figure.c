#include "reports/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/mem.h"

struct figure *figure_new(const char *name, double width, double height)
{
	struct figure *figure = mem_must(1, sizeof *figure);

	figure->name = mem_text(name);
	figure->width = width;
	figure->height = height;
	return figure;
}

void figure_release(struct figure *figure)
{
	if (!figure)
		return;
	for (size_t i = 0; i < figure->count; i++)
		text_buf_release(&figure->layers[i].data);
	free(figure->layers);
	free(figure->name);
	free(figure->title);
	free(figure);
}

void figure_raise(struct figure *figure)
{
	figure->z++;
}

static bool same_style(const struct figure_style *a, const struct figure_style *b)
{
	return a->z == b->z && a->kind == b->kind && a->rgb == b->rgb && a->opacity == b->opacity && a->size == b->size && a->dash == b->dash &&
	        a->align == b->align && a->bold == b->bold && a->upright == b->upright;
}

static struct figure_layer *layer_of(struct figure *figure, struct figure_style style)
{
	style.z = figure->z;
	if (!style.opacity)
		style.opacity = 100;
	for (size_t i = figure->count; i-- > 0 && figure->layers[i].style.z == figure->z;)
		if (same_style(&figure->layers[i].style, &style))
			return &figure->layers[i];
	if (figure->count == figure->capacity) {
		size_t capacity = figure->capacity ? 2 * figure->capacity : 32;
		struct figure_layer *grown = mem_array_grow(figure->layers, capacity, sizeof *grown);

		if (!grown)
			orch_bug("out of memory for a picture");
		figure->layers = grown;
		figure->capacity = capacity;
	}
	figure->layers[figure->count] = (struct figure_layer){.style = style};
	return &figure->layers[figure->count++];
}

/* Hundredths of a pixel; "-0" never. printf is slow, and there are a hundred thousand of them. */
static void add_number(struct text_buf *out, double value)
{
	char digits[24];
	size_t at = sizeof digits;
	long long hundredths = llround(value * 100);
	bool negative = hundredths < 0;

	if (negative)
		hundredths = -hundredths;
	for (int i = 0; hundredths || i < 3; i++, hundredths /= 10) {
		if (i == 2)
			digits[--at] = '.';
		digits[--at] = (char)('0' + hundredths % 10);
	}
	if (negative)
		digits[--at] = '-';
	text_add_bytes(out, digits + at, sizeof digits - at);
}

static void add_point(struct text_buf *out, double x, double y)
{
	add_number(out, x);
	text_add(out, "\t");
	add_number(out, y);
	text_add(out, "\n");
}

void figure_line(struct figure *figure, const struct figure_style *style, const double *x, const double *y, size_t count)
{
	struct figure_style own = *style;
	struct figure_layer *layer;
	size_t run = 0;

	own.kind = FIGURE_LINES;
	layer = layer_of(figure, own);
	for (size_t i = 0; i < count; i++) {
		if (!isfinite(x[i]) || !isfinite(y[i])) {
			if (run)
				text_add(&layer->data, "\n");
			run = 0;
			continue;
		}
		add_point(&layer->data, x[i], y[i]);
		layer->shapes++;
		run++;
	}
	if (run)
		text_add(&layer->data, "\n");
}

void figure_polygon(struct figure *figure, unsigned rgb, unsigned opacity, const double *x, const double *y, size_t count)
{
	struct figure_layer *layer;

	for (size_t i = 0; i < count; i++)
		if (!isfinite(x[i]) || !isfinite(y[i]))
			return;
	if (count < 3)
		return;
	layer = layer_of(figure, (struct figure_style){.kind = FIGURE_POLYGONS, .rgb = rgb, .opacity = opacity});
	for (size_t i = 0; i < count; i++)
		add_point(&layer->data, x[i], y[i]);
	add_point(&layer->data, x[0], y[0]);
	text_add(&layer->data, "\n");
	layer->shapes++;
}

void figure_rect(struct figure *figure, unsigned rgb, unsigned opacity, double left, double top, double right, double bottom)
{
	const double x[] = {left, right, right, left}, y[] = {top, top, bottom, bottom};

	figure_polygon(figure, rgb, opacity, x, y, 4);
}

void figure_dot(struct figure *figure, unsigned rgb, unsigned opacity, double radius, double x, double y)
{
	struct figure_layer *layer;

	if (!isfinite(x) || !isfinite(y))
		return;
	layer = layer_of(figure, (struct figure_style){.kind = FIGURE_DOTS, .rgb = rgb, .opacity = opacity, .size = radius});
	add_point(&layer->data, x, y);
	layer->shapes++;
}

void figure_text(struct figure *figure, const struct figure_style *style, double x, double y, const char *text)
{
	struct figure_style own = *style;
	struct figure_layer *layer;
	char *printable;

	if (!text[0] || !isfinite(x) || !isfinite(y))
		return;
	own.kind = FIGURE_TEXTS;
	layer = layer_of(figure, own);
	printable = text_printable(text);
	add_number(&layer->data, x);
	text_add(&layer->data, "\t");
	add_number(&layer->data, y);
	text_add(&layer->data, "\t\""); /* quoted: gnuplot takes one pair of outer quotes away, and leaves those inside alone */
	for (const char *c = printable; *c; c++) /* gnuplot reads \n and its like in data too; "]]>" may not stand in XML */
		if (*c == '\\')
			text_add(&layer->data, "\\\\");
		else if (*c == '>' && c - printable >= 2 && c[-1] == ']' && c[-2] == ']')
			text_add(&layer->data, " >");
		else
			text_add_bytes(&layer->data, c, 1);
	text_add(&layer->data, "\"\n");
	layer->shapes++;
	free(printable);
}

/* ---- widths ---- */

/* Advances of Inter Regular from the space to the tilde, in thousandths of its size. */
static const unsigned short advances[95] = {281, 278, 403, 631, 638, 812, 639, 222, 362, 362, 500, 659, 280, 460, 276, 357, 625, 464, 605, 636, 642, 608, 624,
	571, 616, 624, 276, 280, 659, 659, 659, 507, 936, 676, 651, 727, 719, 598, 587, 743, 740, 264, 543, 652, 562, 889, 753, 761, 635, 761, 639, 638, 642, 741,
	676, 949, 642, 665, 625, 362, 357, 362, 469, 452, 497, 564, 621, 558, 621, 582, 361, 609, 591, 237, 237, 544, 237, 869, 585, 597, 609, 609, 372, 523, 364,
	581, 557, 812, 540, 557, 541, 362, 327, 362, 659};

static size_t character_bytes(const char *at)
{
	size_t bytes = 1;

	while (at[bytes] && ((unsigned char)at[bytes] & 0xc0) == 0x80)
		bytes++;
	return bytes;
}

static double character_width(const char *at)
{
	unsigned char first = (unsigned char)at[0];

	if (first >= 32 && first < 127)
		return advances[first - 32];
	return first >= 0xe3 ? 1000 : 620; /* wide scripts and signs begin about there */
}

double text_width(const char *text, double size, bool bold)
{
	double width = 0;

	for (const char *at = text; *at; at += character_bytes(at))
		width += character_width(at);
	return width / 1000 * size * (bold ? 1.07 : 1);
}

char *text_shortened(const char *text, double size, double width)
{
	static const char ellipsis[] = "\xe2\x80\xa6";
	size_t length = strlen(text), head = 0, tail = length;
	double room = width * 1000 / size - 800, used = 0;

	if (text_width(text, size, false) <= width)
		return mem_text(text);
	while (head < tail) { /* from both ends in turn, the head first */
		double next = character_width(text + head);

		if (used + next > room)
			break;
		used += next;
		head += character_bytes(text + head);
		if (head >= tail)
			break;
		for (next = 0, length = tail - 1; length > head && ((unsigned char)text[length] & 0xc0) == 0x80;)
			length--;
		next = character_width(text + length);
		if (used + next > room)
			break;
		used += next;
		tail = length;
	}
	return text_format("%.*s%s%s", (int)head, text, ellipsis, text + tail);
}

/* ---- colours ---- */

static unsigned blend(unsigned a, unsigned b, double at)
{
	unsigned out = 0;

	for (int shift = 16; shift >= 0; shift -= 8) {
		double from = (a >> shift) & 255, to = (b >> shift) & 255;

		out = out << 8 | (unsigned)lround(from + (to - from) * at);
	}
	return out;
}

static unsigned along(const unsigned *stops, size_t count, double at)
{
	double place = at * (double)(count - 1);
	size_t low = place >= (double)(count - 1) ? count - 2 : (size_t)place;

	return blend(stops[low], stops[low + 1], place - (double)low);
}

unsigned colour_viridis(double at)
{
	static const unsigned stops[] = {0x440154, 0x482475, 0x414487, 0x355f8d, 0x2a788e, 0x21918c, 0x22a884, 0x44bf70, 0x7ad151, 0xbddf26, 0xfde725};

	at = at > 0 ? at < 1 ? at : 1 : 0; /* NaN is 0 */
	return along(stops, sizeof stops / sizeof *stops, round(at * 63) / 63);
}

unsigned colour_diverging(double at)
{
	static const unsigned stops[] = {0x9a3412, 0xea580c, 0xfed7aa, 0xf8fafc, 0xbfdbfe, 0x3b82f6, 0x1e3a8a};

	at = at > -1 ? at < 1 ? at : 1 : -1;
	return along(stops, sizeof stops / sizeof *stops, round((at + 1) * 20) / 40);
}

unsigned colour_low_high(double at)
{
	static const unsigned stops[] = {COLOUR_ACCENT, 0x8b7fd1, 0xc76f8f, COLOUR_BEST};

	at = at > 0 ? at < 1 ? at : 1 : 0; /* NaN is 0 */
	return along(stops, sizeof stops / sizeof *stops, round(at * 15) / 15);
}

unsigned colour_series(size_t index)
{
	static const unsigned colours[] = {COLOUR_ACCENT, COLOUR_BEST, COLOUR_THIRD, COLOUR_FOURTH, 0x0891b2, 0xca8a04, 0xdb2777, 0x64748b};

	return colours[index % (sizeof colours / sizeof *colours)];
}

/* A channel of sRGB as light. */
static double light_of(unsigned channel)
{
	double value = (double)(channel & 255) / 255;

	return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

unsigned colour_on(unsigned rgb)
{
	double luminance = 0.2126 * light_of(rgb >> 16) + 0.7152 * light_of(rgb >> 8) + 0.0722 * light_of(rgb);

	return (luminance + 0.05) * (luminance + 0.05) > 1.05 * 0.05 ? 0x000000 : 0xffffff; /* the contrast with black against that with white */
}
