/* A comparison as people read it: scores, tests, and what is different. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/compare.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define CELL 18
#define LONG_LIST 40

/* Columns that the eye sees, not bytes. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static void end_line(struct text_buf *out)
{
	while (out->length && out->data[out->length - 1] == ' ')
		out->data[--out->length] = '\0';
	text_add(out, "\n");
}

static void add_cell(struct text_buf *out, const char *text, size_t width)
{
	char *plain = text_printable(text);
	size_t length = 0, shown = 0;

	while (plain[length] && (shown < width || (plain[length] & 0xc0) == 0x80))
		shown += (plain[length++] & 0xc0) != 0x80;
	if (plain[length]) { /* cut, and said so */
		while (length && shown >= width)
			shown -= (plain[--length] & 0xc0) != 0x80;
		text_addf(out, "%.*s\xe2\x80\xa6", (int)length, plain);
		shown++;
	} else {
		text_add(out, plain);
	}
	text_addf(out, "%*s", (int)(width - shown + 2), "");
	free(plain);
}

static char *value_text(const json_t *value, bool real)
{
	if (json_is_null(value) || !value)
		return mem_text("-");
	if (real && json_is_number(value))
		return text_format("%.6g", json_number_value(value));
	if (json_is_string(value))
		return mem_text(json_string_value(value));
	return json_text(value, JSON_STYLE_CANONICAL);
}

static void add_row(struct text_buf *out, const json_t *entries, const char *title, const char *key, bool real)
{
	json_t *entry;
	size_t i;

	add_cell(out, title, 14);
	json_array_foreach(entries, i, entry) {
		char *text = value_text(json_object_get(entry, key), real);

		add_cell(out, text, CELL);
		free(text);
	}
	end_line(out);
}

static void add_intervals(struct text_buf *out, const json_t *entries)
{
	json_t *entry;
	size_t i;

	add_cell(out, "95 % interval", 14);
	json_array_foreach(entries, i, entry) {
		char *text = text_format("%.4g..%.4g", json_get_real(entry, "ci_low", NAN), json_get_real(entry, "ci_high", NAN));

		add_cell(out, json_is_number(json_object_get(entry, "ci_low")) ? text : "-", CELL);
		free(text);
	}
	end_line(out);
}

static const char *verdict(const json_t *test)
{
	double low = json_get_real(test, "ci_low", NAN), high = json_get_real(test, "ci_high", NAN);

	return low > 0 ? "better" : high < 0 ? "worse" : "no clear difference";
}

static void add_test(struct text_buf *out, const json_t *test, const char *label)
{
	if (!json_get_bool(test, "paired", 0)) {
		text_addf(out, "%s against A: %s\n", label, json_get_text(test, "why", ""));
		return;
	}
	text_addf(out, "%s against A: %+.4g, 95 %% interval %.4g to %.4g, p %.2g", label, json_get_real(test, "mean", NAN), json_get_real(test, "ci_low", NAN), json_get_real(test, "ci_high", NAN),
	        json_get_real(test, "p", NAN));
	if (json_get_real(test, "p_holm", NAN) != json_get_real(test, "p", NAN) && json_is_number(json_object_get(test, "p_holm")))
		text_addf(out, " (Holm %.2g)", json_get_real(test, "p_holm", NAN));
	text_addf(out, ": %s\n", verdict(test));
}

static void add_scores(struct text_buf *out, const json_t *comparison)
{
	const json_t *entries = json_object_get(comparison, "entries");
	json_t *test;
	size_t i;

	add_row(out, entries, "", "label", false);
	add_row(out, entries, "campaign", "name", false);
	add_row(out, entries, "round", "round", false);
	add_row(out, entries, "features", "features", false);
	add_row(out, entries, "trials", "trials", false);
	add_row(out, entries, json_get_text(comparison, "metric", "score"), "score", true);
	add_intervals(out, entries);
	add_row(out, entries, "holdout", "holdout", true);
	text_addf(out, "\n%s is better; differences are over the same folds, positive when better\n", json_get_bool(comparison, "maximise", 0) ? "higher" : "lower");
	json_array_foreach(json_object_get(comparison, "tests"), i, test)
		if (i)
			add_test(out, test, json_get_text(json_array_get(entries, i), "label", "?"));
}

static void add_differences(struct text_buf *out, const json_t *list, const char *title)
{
	json_t *row, *value;
	size_t i, j, width = 14;

	if (!json_array_size(list))
		return;
	json_array_foreach(list, i, row)
		width = width_of(json_get_text(row, "key", "")) > width ? width_of(json_get_text(row, "key", "")) : width;
	width = width > 40 ? 40 : width;
	text_addf(out, "\n%s\n", title);
	json_array_foreach(list, i, row) {
		if (i == LONG_LIST) {
			text_addf(out, "  and %zu more (--json has all)\n", json_array_size(list) - i);
			break;
		}
		text_add(out, "  ");
		add_cell(out, json_get_text(row, "key", ""), width);
		json_array_foreach(json_object_get(row, "values"), j, value) {
			char *text = json_is_true(value) ? mem_text("yes") : value_text(value, false);

			add_cell(out, text, CELL);
			free(text);
		}
		end_line(out);
	}
}

void compare_text(const json_t *comparison, struct text_buf *out)
{
	const json_t *differences = json_object_get(comparison, "differences");
	size_t before;

	add_scores(out, comparison);
	before = out->length;
	add_differences(out, json_object_get(differences, "data"), "data and program");
	add_differences(out, json_object_get(differences, "spec"), "campaign file");
	add_differences(out, json_object_get(differences, "params"), "best configuration");
	add_differences(out, json_object_get(differences, "features"), "features");
	if (out->length == before)
		text_add(out, "\nnothing else is different\n");
}
