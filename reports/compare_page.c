#include "reports/compare_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/page.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define ENTRIES_MOST 32

static char *value_text(const json_t *value)
{
	char number[TEXT_NUMBER_MAX];

	if (!value || json_is_null(value))
		return mem_text("-");
	if (json_is_true(value))
		return mem_text("yes");
	if (json_is_string(value))
		return mem_text(json_string_value(value));
	return json_is_real(value) ? mem_text(text_number(json_real_value(value), number)) : json_text(value, JSON_STYLE_CANONICAL);
}

static void add_cell(struct text_buf *out, const json_t *value, int numeric)
{
	char *text = value_text(value);

	page_cell(out, text, numeric);
	free(text);
}

/* ---- scores ---- */

static void add_test_cells(struct text_buf *out, const json_t *test)
{
	double low = json_get_real(test, "ci_low", NAN), high = json_get_real(test, "ci_high", NAN);
	char *interval;

	if (!json_get_bool(test, "paired", 0)) {
		page_cell(out, "", 1);
		page_cell(out, json_is_object(test) ? json_get_text(test, "why", "") : "what the others are compared with", 0);
		page_cell(out, "", 1);
		return;
	}
	interval = text_format("%.4g to %.4g: %s", low, high, low > 0 ? "better" : high < 0 ? "worse" : "no clear difference");
	add_cell(out, json_object_get(test, "mean"), 1);
	page_cell(out, interval, 0);
	add_cell(out, json_object_get(test, "p_holm"), 1);
	free(interval);
}

static void add_scores(struct text_buf *out, const json_t *comparison)
{
	const char *headers[] = {"", "campaign", "round", "features", "trials", json_get_text(comparison, "metric", "score"), "95 % low", "95 % high", "holdout", "gain over A", "95 % interval of the gain", "p (Holm)"};
	const json_t *tests = json_object_get(comparison, "tests");
	json_t *entry;
	size_t i;

	page_section(out, "Scores", "gains are over the same folds, positive when better; intervals and p are corrected for folds that are not independent (Nadeau and Bengio)");
	page_table_begin(out, headers, 12, "001111111101");
	json_array_foreach(json_object_get(comparison, "entries"), i, entry) {
		page_row_begin(out);
		add_cell(out, json_object_get(entry, "label"), 0);
		add_cell(out, json_object_get(entry, "name"), 0);
		add_cell(out, json_object_get(entry, "round"), 1);
		add_cell(out, json_object_get(entry, "features"), 1);
		add_cell(out, json_object_get(entry, "trials"), 1);
		add_cell(out, json_object_get(entry, "score"), 1);
		add_cell(out, json_object_get(entry, "ci_low"), 1);
		add_cell(out, json_object_get(entry, "ci_high"), 1);
		add_cell(out, json_object_get(entry, "holdout"), 1);
		add_test_cells(out, json_array_get(tests, i));
		page_row_end(out);
	}
	page_table_end(out);
}

/* ---- differences ---- */

static void add_differences(struct text_buf *out, const json_t *comparison, const char *name, const char *title)
{
	const json_t *list = json_object_get(json_object_get(comparison, "differences"), name), *entries = json_object_get(comparison, "entries");
	const char *headers[ENTRIES_MOST + 1] = {"what"};
	char numeric[ENTRIES_MOST + 2] = "0";
	size_t count = json_array_size(entries) < ENTRIES_MOST ? json_array_size(entries) : ENTRIES_MOST, i, j;
	json_t *row;

	if (!json_array_size(list))
		return;
	for (i = 0; i < count; i++) {
		headers[i + 1] = json_get_text(json_array_get(entries, i), "label", "?");
		numeric[i + 1] = '0';
	}
	page_section(out, title, NULL);
	page_table_begin(out, headers, count + 1, numeric);
	json_array_foreach(list, i, row) {
		page_row_begin(out);
		page_cell(out, json_get_text(row, "key", ""), 0);
		for (j = 0; j < count; j++)
			add_cell(out, json_array_get(json_object_get(row, "values"), j), 0);
		page_row_end(out);
	}
	page_table_end(out);
}

static char *title_of(const json_t *comparison)
{
	struct text_buf title = {0};
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(comparison, "entries"), i, entry)
		text_addf(&title, "%s%s: %s round %lld", i ? ", " : "", json_get_text(entry, "label", "?"), json_get_text(entry, "name", "?"), (long long)json_get_int(entry, "round", 0));
	return text_take(&title);
}

void compare_page_write(const json_t *comparison, struct text_buf *out)
{
	char *title = title_of(comparison), *under = text_format("%s, %s is better; only what is different is listed", json_get_text(comparison, "metric", "score"),
	        json_get_bool(comparison, "maximise", 0) ? "higher" : "lower");

	page_begin(out, title, under);
	add_scores(out, comparison);
	add_differences(out, comparison, "data", "Data and program");
	add_differences(out, comparison, "spec", "Campaign file");
	add_differences(out, comparison, "params", "Best configuration");
	add_differences(out, comparison, "features", "Features");
	page_end(out);
	free(title);
	free(under);
}
