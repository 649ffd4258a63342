#include "reports/path_part.h"

#include <stdlib.h>
#include <string.h>

#include "reports/csv_table.h"
#include "reports/page.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define SHOWN 200 /* the last steps: those are where choices are made */

static char *note_of(const json_t *described, size_t rows)
{
	const json_t *best = json_object_get(described, "best"), *chosen = json_object_get(described, "chosen");
	char *left = rows > SHOWN ? text_format("; the last %d steps, all are in 04_lofo/path.csv", SHOWN) : mem_text("");
	char *note = text_format("in each step the feature goes whose absence scores best; best %s %.5g with %lld feature%s, %.5g with %lld, the fewest within one standard error of it. Steps are chosen on the "
	        "folds that score them, so these scores are optimistic; the holdout is not looked at%s", json_get_text(described, "metric", "score"), json_get_real(best, "mean", 0),
	        (long long)json_get_int(best, "features", 0), json_get_int(best, "features", 0) == 1 ? "" : "s", json_get_real(chosen, "mean", 0), (long long)json_get_int(chosen, "features", 0), left);

	free(left);
	return note;
}

static void add_rows(struct text_buf *out, const struct csv_table *table)
{
	static const char *const headers[] = {"features left", "without", "mean over folds", "s.d.", "standard error", ""};
	static const char *const numbers[] = {"mean", "sd", "se"};

	page_table_begin(out, headers, 6, "101110");
	for (size_t r = table->rows > SHOWN ? table->rows - SHOWN : 0; r < table->rows; r++) {
		bool best = !strcmp(csv_table_cell(table, r, "best"), "true"), chosen = !strcmp(csv_table_cell(table, r, "chosen"), "true");

		page_row_begin(out);
		page_cell(out, csv_table_cell(table, r, "features"), 1);
		page_cell(out, r ? csv_table_cell(table, r, "eliminated") : "(all are there)", 0);
		for (size_t i = 0; i < 3; i++)
			page_cell(out, csv_table_cell(table, r, numbers[i]), 1);
		page_cell(out, best && chosen ? "best, chosen" : best ? "best" : chosen ? "one standard error" : "", 0);
		page_row_end(out);
	}
	page_table_end(out);
}

void path_part_table(struct text_buf *out, const char *folder)
{
	char *path = file_join(folder, "04_lofo/path.json"), *csv = file_join(folder, "04_lofo/path.csv"), *note;
	struct csv_table table = {0};
	json_t *described = NULL;
	const char *why;

	if (file_exists(path) && !json_read_file(path, &described, NULL) && !strcmp(json_get_text(described, "engine", ""), "ridge")) {
		why = json_get_text(described, "why", NULL);
		if (why) {
			page_section(out, "Elimination path", NULL);
			page_text(out, "sub", why);
		} else if (!csv_table_read(csv, 0, &table, NULL)) {
			note = note_of(described, table.rows);
			page_section(out, "Elimination path", note);
			add_rows(out, &table);
			free(note);
		}
	}
	csv_table_release(&table);
	json_decref(described);
	free(path);
	free(csv);
}
