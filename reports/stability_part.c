#include "reports/stability_part.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/chart.h"
#include "reports/csv_table.h"
#include "reports/page.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

static json_t *read_about(const char *folder)
{
	char *path = file_join(folder, "09_stability/stability.json");
	json_t *about = NULL;

	if (json_read_file(path, &about, NULL))
		about = NULL;
	free(path);
	return about;
}

static void add_seeds(struct text_buf *out, const json_t *seeds)
{
	long long count = (long long)json_get_int(seeds, "seeds", 0);
	double mean = json_get_real(seeds, "mean", NAN), sd = json_get_real(seeds, "sd", NAN);
	char *label = text_format("over %lld seeds", count), *value, *note, a[32], b[32], c[32];

	if (json_get_text(seeds, "note", NULL)) {
		page_figure(out, "over seeds", "no difference", json_get_text(seeds, "note", ""));
	} else if (json_get_bool(seeds, "same", 0)) {
		page_figure(out, label, "no difference", "the same to the last digit: these parameters leave nothing to chance");
	} else if (isfinite(mean) && isfinite(sd)) {
		value = text_format("%.6g \xc2\xb1 %.2g", mean, sd);
		note = text_format("deviation of the means over folds, from %s to %s; folds differ by %s", chart_number(json_get_real(seeds, "low", NAN), a),
		        chart_number(json_get_real(seeds, "high", NAN), b), chart_number(json_get_real(seeds, "fold_sd", NAN), c));
		page_figure(out, label, value, note);
		free(value);
		free(note);
	}
	free(label);
}

static void add_last_rows(struct text_buf *out, const json_t *last)
{
	double gain = json_get_real(last, "gain", NAN), low = json_get_real(last, "low", NAN), high = json_get_real(last, "high", NAN);
	char *label = text_format("from %.3g %% of the rows to all", 100 * json_get_real(last, "from", NAN)), *value, *note, a[32], b[32], c[32];

	if (isfinite(gain)) {
		value = text_format("%s by %s", gain < 0 ? "worse" : "better", chart_number(fabs(gain), a));
		note = isfinite(low) ? text_format("gain, 95 %%: %s to %s; %s", chart_number(low, b), chart_number(high, c), low > 0 ? "more rows would help" : "whether more rows would help is open") :
		        mem_text("");
		page_figure(out, label, value, note);
		free(value);
		free(note);
	}
	free(label);
}

void stability_part_figures(struct text_buf *out, const char *folder)
{
	json_t *about = read_about(folder);

	if (json_is_object(json_object_get(about, "seeds")))
		add_seeds(out, json_object_get(about, "seeds"));
	if (json_is_object(json_object_get(about, "curve")))
		add_last_rows(out, json_object_get(json_object_get(about, "curve"), "last"));
	json_decref(about);
}

static void add_share(struct text_buf *out, const char *cell)
{
	double share;
	char *text = text_to_double(cell, &share) ? text_format("%.0f", 100 * share) : mem_text("");

	page_cell(out, text, 1);
	free(text);
}

static void add_rows(struct text_buf *out, const struct csv_table *table)
{
	static const char *const headers[] = {"feature", "folds", "mean rank", "helps, %", "kept, %", "first, %", "top 3, %", "top 5, %", "top 10, %", "top 20, %"};
	char number[TEXT_NUMBER_MAX];

	page_table_begin(out, headers, table->columns, "0111111111");
	for (size_t r = 0; r < table->rows; r++) {
		page_row_begin(out);
		for (size_t c = 0; c < table->columns; c++) {
			const char *cell = table->cells[(r + 1) * table->columns + c];

			if (c < 2)
				page_cell(out, cell, c > 0);
			else if (c == 2)
				page_cell(out, page_number(cell, number), 1);
			else
				add_share(out, cell);
		}
		page_row_end(out);
	}
	page_table_end(out);
}

void stability_part_table(struct text_buf *out, const char *folder)
{
	char *path = file_join(folder, "09_stability/selection.csv"), *note;
	struct csv_table table = {0};
	json_t *about;
	long long dropped;

	if (file_exists(path) && !csv_table_read(path, 0, &table, NULL) && table.rows && table.columns >= 5 && table.columns <= 10) {
		about = read_about(folder);
		dropped = (long long)json_get_int(json_object_get(about, "selection"), "dropped", 0);
		if (dropped)
			note = text_format("each fold by itself. helps: it has a gain there; kept: it is not among the %lld least important of that fold, as many as the round drops", dropped);
		else
			note = mem_text("each fold by itself. helps: it has a gain there; kept: all, for nothing is dropped after this round");
		page_section(out, "How often folds choose each feature", note);
		add_rows(out, &table);
		json_decref(about);
		free(note);
	}
	csv_table_release(&table);
	free(path);
}
