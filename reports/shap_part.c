#include "reports/shap_part.h"

#include <stdlib.h>
#include <string.h>

#include "reports/page.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define SHOWN 20

static char *note_of(const json_t *root)
{
	const json_t *scores = json_object_get(root, "scores");
	const char *of = json_get_text(root, "target", ""), *scale = json_get_text(root, "scale", "");
	char rows[TEXT_NUMBER_MAX], *what;

	if (json_array_size(scores) == 1)
		of = json_get_text(json_array_get(scores, 0), "name", of);
	what = !strcmp(scale, "target") ? text_format("the prediction of %s", of) : json_array_size(scores) > 1 ? text_format("the %s of each class of %s", scale, of) :
	        !strcmp(scale, "logarithm") ? text_format("the logarithm of the prediction of %s", of) : text_format("the %s of %s = %s", scale, json_get_text(root, "target", ""), of);
	char *note = text_format("how far each feature moves %s, on average over %s %s rows (mean of |SHAP|, %s); it says what the model uses, not what it would lose without it", what,
	        text_count(json_get_int(root, "rows", 0), rows), json_get_text(root, "of", ""), !strcmp(json_get_text(root, "method", ""), "linear") ? "closed form" : "exact TreeSHAP");
	free(what);
	return note;
}

static void add_features(struct text_buf *out, const json_t *root)
{
	static const char *const headers[] = {"feature", "rank", "mean |SHAP|", ""};
	const json_t *features = json_object_get(root, "features");
	double most = json_get_real(json_array_get(features, 0), "mean_abs", 0);

	page_table_begin(out, headers, 4, "0110");
	for (size_t i = 0; i < json_array_size(features) && i < SHOWN; i++) {
		const json_t *feature = json_array_get(features, i);
		double mean = json_get_real(feature, "mean_abs", 0);
		char rank[TEXT_NUMBER_MAX], number[TEXT_NUMBER_MAX];

		page_row_begin(out);
		page_cell(out, json_get_text(feature, "name", ""), 0);
		page_cell(out, text_count((int64_t)i + 1, rank), 1);
		page_cell(out, text_number(mean, number), 1);
		text_addf(out, "<td><span class=\"track\"><i style=\"left:0%%;width:%.2f%%\"></i></span></td>", most > 0 ? 100 * mean / most : 0);
		page_row_end(out);
	}
	page_table_end(out);
	if (json_get_int(root, "total", 0) > SHOWN)
		page_text(out, "sub", "All features are in 07_diagnostics/shap.csv.");
}

void shap_part_table(struct text_buf *out, const char *folder)
{
	char *path = file_join(folder, "07_diagnostics/shap.json"), *note;
	json_t *root = NULL;

	if (!json_read_file(path, &root, NULL)) {
		if (json_array_size(json_object_get(root, "features"))) {
			note = note_of(root);
			page_section(out, "Contributions to predictions", note);
			add_features(out, root);
			free(note);
		} else if (json_get_text(root, "why", NULL)) {
			page_section(out, "Contributions to predictions", NULL);
			page_text(out, "sub", json_get_text(root, "why", ""));
		}
	}
	json_decref(root);
	free(path);
}
