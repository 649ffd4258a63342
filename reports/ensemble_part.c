#include "reports/ensemble_part.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "reports/page.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

static void add_number(struct text_buf *out, const json_t *value)
{
	char *text = json_is_number(value) ? text_format("%.6g", json_number_value(value)) : mem_text("");

	page_cell(out, text, 1);
	free(text);
}

static void add_row(struct text_buf *out, const char *name, const char *trial, const json_t *cv, const json_t *holdout, const json_t *weight, bool weighted)
{
	page_row_begin(out);
	page_cell(out, name, 0);
	page_cell(out, trial, 1);
	add_number(out, json_object_get(cv, "mean"));
	add_number(out, json_object_get(cv, "sd"));
	add_number(out, holdout);
	if (weighted)
		add_number(out, weight);
	page_row_end(out);
}

static char *note_of(const json_t *ensemble)
{
	const json_t *gain = json_object_get(ensemble, "better_than_best");
	bool votes = !strcmp(json_get_text(ensemble, "method", ""), "vote");
	bool weighted = !strcmp(json_get_text(ensemble, "method", ""), "weighted");
	const char *how = weighted ? "the weighted mean of what the members predict (greedy selection; a fold is scored with weights chosen on the others)" : votes ? "each member votes for a class" : "the mean of what the members predict";
	double mean = json_get_real(gain, "mean", NAN), low = json_get_real(gain, "ci_low", NAN), high = json_get_real(gain, "ci_high", NAN);
	char *gained = isfinite(mean) ? text_format("; %s than the best alone by %.3g on the same folds", mean < 0 ? "worse" : "better", fabs(mean)) : mem_text("");
	char *interval = isfinite(low) ? text_format(" (gain, 95 %%: %.3g to %.3g)", low, high) : mem_text("");
	char *note = text_format("%s, of rows that they have not seen%s%s. Members were chosen by the same folds, so all these scores are a little optimistic; the holdout's are not", how, gained, interval);

	free(gained);
	free(interval);
	return note;
}

void ensemble_part_table(struct text_buf *out, const char *folder)
{
	static const char *const headers[] = {"model", "trial", "mean over folds", "s.d.", "holdout", "weight"};
	char *path = file_join(folder, "03_baseline/ensemble.json"), *note;
	json_t *ensemble = NULL, *member;
	const char *metric;
	bool weighted;
	size_t i;

	if (file_exists(path) && !json_read_file(path, &ensemble, NULL)) {
		metric = json_get_text(ensemble, "metric", "");
		weighted = !strcmp(json_get_text(ensemble, "method", ""), "weighted");
		note = note_of(ensemble);
		page_section(out, "Ensemble", note);
		page_table_begin(out, headers, weighted ? 6 : 5, "011111");
		json_array_foreach(json_object_get(ensemble, "members"), i, member) {
			char *trial = text_format("%lld", (long long)json_get_int(member, "trial", -1));

			add_row(out, json_get_text(member, "model", ""), trial, json_object_get(member, "cv"), json_object_get(member, "holdout"), json_object_get(member, "weight"), weighted);
			free(trial);
		}
		add_row(out, "all together", "", json_object_get(json_object_get(ensemble, "cv"), metric), json_object_get(json_object_get(ensemble, "holdout"), metric), NULL, weighted);
		page_table_end(out);
		free(note);
	}
	json_decref(ensemble);
	free(path);
}
