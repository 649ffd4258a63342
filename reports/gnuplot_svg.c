/* gnuplot's SVG, made again: it repeats styles with every shape, names data files in titles, uses ids that clash when several pictures stand in
 * one page, and turns smoothing off for polygons. Only tags that gnuplot 5.4 and 6.0 write are known; anything else is an error, not a guess. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/gnuplot.h"

struct cleaner {
	struct text_buf *out;
	const char *at;
	char group[200];   /* the style that is open, "" for none */
	char line_width[24];
	char text_style[200], text_place[96];
};

/* Light colour, its twin on dark pages, and the CSS variable that a page may set for both. */
static const struct {
	unsigned rgb, dark;
	const char *variable;
} themed[] = {{COLOUR_INK, 0xf3f4f6, "ink"}, {COLOUR_TEXT, 0xd1d5db, "text"}, {COLOUR_MUTED, 0x9ca3af, "muted"}, {COLOUR_AXIS, 0x6b7280, "axis"}, {COLOUR_GRID, 0x2b3443, "grid"},
	{COLOUR_PALE, 0x475569, "pale"}, {COLOUR_ACCENT_DARK, 0xbfdbfe, "strong"}};

static void add_rules(struct text_buf *out, bool dark)
{
	for (size_t i = 0; i < sizeof themed / sizeof *themed; i++) {
		unsigned shown = dark ? themed[i].dark : themed[i].rgb;

		text_addf(out, ".orch-plot [fill=\"#%06x\"]{fill:var(--plot-%s,#%06x)}.orch-plot [stroke=\"#%06x\"]{stroke:var(--plot-%s,#%06x)}", themed[i].rgb, themed[i].variable, shown,
		        themed[i].rgb, themed[i].variable, shown);
	}
}

static void add_head(struct text_buf *out, const struct figure *figure)
{
	text_addf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"orch-plot\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\" "
	        "font-family=\"Inter, 'Helvetica Neue', Arial, sans-serif\">\n<title>", figure->width, figure->height, figure->width, figure->height);
	text_add_html(out, figure->title ? figure->title : figure->name);
	text_add(out, "</title>\n<style>");
	add_rules(out, false);
	text_add(out, "@media(prefers-color-scheme:dark){");
	add_rules(out, true);
	text_add(out, "}</style>\n");
}

/* The value of an attribute inside a tag (from <name to >), in either quote; false when it is not there. */
static bool attribute(const char *tag, const char *end, const char *name, const char **value, size_t *length)
{
	size_t n = strlen(name);

	for (const char *at = tag; at + n + 2 < end; at++) {
		const char *from = at + n, *close;

		if ((at[-1] != ' ' && at[-1] != '\t') || strncmp(at, name, n))
			continue;
		while (*from == ' ')
			from++;
		if (*from != '=')
			continue;
		for (from++; *from == ' ';)
			from++;
		close = memchr(from + 1, *from, (size_t)(end - from - 1));
		if (!close)
			return false;
		*value = from + 1;
		*length = (size_t)(close - from - 1);
		return true;
	}
	return false;
}

/* An attribute as its own text; "" when absent or too long. */
static void take(const char *tag, const char *end, const char *name, char *out, size_t size)
{
	const char *value;
	size_t length;

	out[0] = '\0';
	if (attribute(tag, end, name, &value, &length) && length < size) {
		memcpy(out, value, length);
		out[length] = '\0';
	}
}

static void take_colour(const char *tag, const char *end, const char *name, char out[8])
{
	char text[40];
	unsigned r, g, b;

	take(tag, end, name, text, sizeof text);
	if (sscanf(text, "rgb(%u,%u,%u)", &r, &g, &b) == 3 || sscanf(text, "rgb( %u , %u , %u )", &r, &g, &b) == 3)
		snprintf(out, 8, "#%02x%02x%02x", r & 255, g & 255, b & 255);
	else
		out[0] = '\0';
}

static void open_group(struct cleaner *cleaner, const char *style)
{
	if (!strcmp(cleaner->group, style))
		return;
	if (cleaner->group[0])
		text_add(cleaner->out, "</g>\n");
	if (style[0])
		text_addf(cleaner->out, "<g%s>\n", style);
	snprintf(cleaner->group, sizeof cleaner->group, "%s", style);
}

/* A coordinate in tenths of a pixel; gnuplot's own hundredths wobble by one. Returns what follows it. */
static const char *add_coordinate(struct text_buf *out, const char *at)
{
	bool negative = *at == '-';
	long value = 0;
	char text[32];

	for (at += negative; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (*at - '0');
	value *= 100;
	if (*at == '.') {
		long place = 10;

		for (at++; *at >= '0' && *at <= '9'; at++, place /= 10)
			value += place * (*at - '0');
	}
	value = (value + 5) / 10;
	snprintf(text, sizeof text, value % 10 ? "%s%ld.%ld" : "%s%ld", negative && value ? "-" : "", value / 10, value % 10);
	text_add(out, text);
	return at;
}

static void add_numbers(struct text_buf *out, const char *from, size_t length)
{
	const char *end = from + length;
	bool blank = true; /* none at the beginning */

	while (end > from && strchr(" \t\n", end[-1]))
		end--;
	while (from < end) {
		if ((*from >= '0' && *from <= '9') || *from == '-' || *from == '.') {
			from = add_coordinate(out, from);
			blank = false;
		} else if (strchr(" \t\n", *from)) {
			if (!blank)
				text_add(out, " ");
			blank = true;
			from++;
		} else {
			text_add_bytes(out, from++, 1);
			blank = false;
		}
	}
}

static void add_opacity(char *style, size_t size, const char *opacity, const char *name)
{
	size_t length = strlen(style);

	if (opacity[0] && strcmp(opacity, "1.000000") && strcmp(opacity, "1.00"))
		snprintf(style + length, size - length, " %s=\"%.4s\"", name, opacity);
}

static bool take_path(struct cleaner *cleaner, const char *tag, const char *end)
{
	char style[200], colour[8], dash[40], opacity[16];
	const char *d;
	size_t length;

	take_colour(tag, end, "stroke", colour);
	take(tag, end, "stroke-dasharray", dash, sizeof dash);
	take(tag, end, "opacity", opacity, sizeof opacity);
	if (!colour[0] || !attribute(tag, end, "d", &d, &length))
		return false;
	snprintf(style, sizeof style, " fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-linejoin=\"round\"%s%s%s", colour, cleaner->line_width[0] ? cleaner->line_width : "1",
	        dash[0] ? " stroke-dasharray=\"" : "", dash, dash[0] ? "\"" : "");
	add_opacity(style, sizeof style, opacity, "stroke-opacity");
	open_group(cleaner, style);
	text_add(cleaner->out, "<path d=\"");
	add_numbers(cleaner->out, d, length);
	text_add(cleaner->out, "\"/>\n");
	return true;
}

static bool take_polygon(struct cleaner *cleaner, const char *tag, const char *end)
{
	char style[200], colour[8], opacity[16];
	const char *points;
	size_t length;

	take_colour(tag, end, "fill", colour);
	take(tag, end, "fill-opacity", opacity, sizeof opacity);
	if (!colour[0] || !attribute(tag, end, "points", &points, &length))
		return false;
	snprintf(style, sizeof style, " fill=\"%s\"", colour);
	add_opacity(style, sizeof style, opacity, "fill-opacity");
	open_group(cleaner, style);
	text_add(cleaner->out, "<polygon points=\"");
	add_numbers(cleaner->out, points, length);
	text_add(cleaner->out, "\"/>\n");
	return true;
}

static bool take_dot(struct cleaner *cleaner, const char *tag, const char *end)
{
	char style[200], colour[8], opacity[16], transform[96], place[3][24];

	take_colour(tag, end, "color", colour);
	take(tag, end, "opacity", opacity, sizeof opacity);
	take(tag, end, "transform", transform, sizeof transform);
	if (!colour[0] || sscanf(transform, "translate(%23[-0-9.],%23[-0-9.]) scale(%23[0-9.])", place[0], place[1], place[2]) != 3)
		return false;
	snprintf(style, sizeof style, " fill=\"%s\"", colour);
	add_opacity(style, sizeof style, opacity, "fill-opacity");
	open_group(cleaner, style);
	text_add(cleaner->out, "<circle cx=\"");
	add_numbers(cleaner->out, place[0], strlen(place[0]));
	text_add(cleaner->out, "\" cy=\"");
	add_numbers(cleaner->out, place[1], strlen(place[1]));
	text_add(cleaner->out, "\" r=\"");
	add_numbers(cleaner->out, place[2], strlen(place[2]));
	text_add(cleaner->out, "\"/>\n");
	return true;
}

/* A group carries either the width of lines, or the place and look of a text. */
static void take_group(struct cleaner *cleaner, const char *tag, const char *end)
{
	char family[64], size[24], anchor[16], colour[8];

	take(tag, end, "font-family", family, sizeof family);
	if (!family[0]) {
		char width[24];

		take(tag, end, "stroke-width", width, sizeof width);
		if (width[0])
			memcpy(cleaner->line_width, width, sizeof width);
		return;
	}
	take(tag, end, "font-size", size, sizeof size);
	take(tag, end, "text-anchor", anchor, sizeof anchor);
	take_colour(tag, end, "fill", colour);
	take(tag, end, "transform", cleaner->text_place, sizeof cleaner->text_place);
	snprintf(cleaner->text_style, sizeof cleaner->text_style, " fill=\"%s\" font-size=\"%.4s\"%s%s%s%s", colour[0] ? colour : "#374151", size,
	        strcmp(anchor, "start") ? " text-anchor=\"" : "", strcmp(anchor, "start") ? anchor : "", strcmp(anchor, "start") ? "\"" : "",
	        strstr(family, ":Bold") ? " font-weight=\"600\"" : "");
}

/* The content ends at the next "</text>"; gnuplot has escaped < and & in it. */
static bool take_text(struct cleaner *cleaner, const char *end)
{
	const char *close = strstr(end, "</text>");
	double x, y;

	if (!close)
		return false;
	open_group(cleaner, cleaner->text_style);
	if (!strstr(cleaner->text_place, "rotate") && sscanf(cleaner->text_place, "translate(%lf,%lf)", &x, &y) == 2)
		text_addf(cleaner->out, "<text x=\"%.1f\" y=\"%.1f\">", x, y);
	else
		text_addf(cleaner->out, "<text transform=\"%s\">", cleaner->text_place);
	text_add_bytes(cleaner->out, end + 1, (size_t)(close - end - 1));
	text_add(cleaner->out, "</text>\n");
	cleaner->at = close + strlen("</text>");
	return true;
}

static bool is_tag(const char *at, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(at, name, length) && strchr(" \t\n>/", at[length]);
}

static bool take_tag(struct cleaner *cleaner, const char *tag, const char *end)
{
	if (is_tag(tag, "path"))
		return take_path(cleaner, tag, end);
	if (is_tag(tag, "polygon"))
		return take_polygon(cleaner, tag, end);
	if (is_tag(tag, "use"))
		return take_dot(cleaner, tag, end);
	if (is_tag(tag, "text"))
		return take_text(cleaner, end);
	if (is_tag(tag, "g"))
		take_group(cleaner, tag, end);
	else if (is_tag(tag, "title"))
		cleaner->at = strstr(end, "</title>") ? strstr(end, "</title>") + 8 : cleaner->at;
	else if (tag[0] != '/' && !is_tag(tag, "rect"))
		return false;
	return true;
}

int gnuplot_svg_clean(const struct figure *figure, const char *raw, struct text_buf *out, struct orch_err *err)
{
	struct cleaner cleaner = {.out = out, .at = strstr(raw, "</defs>")};

	if (!cleaner.at)
		return orch_fail(err, ORCH_EIO, "gnuplot wrote no SVG that orch knows (is it 5.4 or 6.0? gnuplot --version)");
	cleaner.at += strlen("</defs>");
	add_head(out, figure);
	for (const char *tag; (tag = strchr(cleaner.at, '<'));) {
		const char *end = strchr(tag, '>');

		if (!end)
			break;
		cleaner.at = end + 1;
		if (!take_tag(&cleaner, tag + 1, end))
			return orch_fail(err, ORCH_EIO, "gnuplot wrote an SVG that orch does not know, at \"%.80s\"", tag);
	}
	open_group(&cleaner, "");
	text_add(out, "</svg>\n");
	return 0;
}
