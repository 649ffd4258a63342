#include "reports/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

const struct plot *plot_find(const char *name)
{
	for (const struct plot *plot = plot_table; plot->name; plot++)
		if (!strcmp(plot->name, name))
			return plot;
	return NULL;
}

int plot_draw(const struct plot *plot, const struct plot_source *source, enum gnuplot_format format, char **bytes, size_t *length, struct orch_err *err)
{
	struct figure *figure = figure_new(plot->name, plot->width, plot->height);
	struct orch_err why = {0};
	int code = plot->draw(source, figure, &why);

	if (!code) {
		code = gnuplot_draw(figure, format, bytes, length, err);
		orch_err_prefix(code ? err : NULL, "plot %s", plot->name);
	} else if (code == ORCH_EMISSING) {
		*bytes = NULL;
		*length = 0;
		code = 0;
	} else {
		code = orch_fail(err, code, "plot %s: %s", plot->name, why.text);
	}
	figure_release(figure);
	return code;
}

/* ---- reading ---- */

int plot_read_json(const struct plot_source *source, const char *name, json_t **out, struct orch_err *err)
{
	char *path = file_join(source->folder, name);
	int code = json_read_file(path, out, err);

	free(path);
	return code;
}

int plot_read_csv(const struct plot_source *source, const char *name, struct csv_table *out, struct orch_err *err)
{
	char *path = file_join(source->folder, name);
	int code = csv_table_read(path, 0, out, err);

	free(path);
	return code;
}

int plot_read_trials(const struct plot_source *source, struct csv_table *out, size_t *total, struct orch_err *err)
{
	static const char part[] = "02_hpo_analysis/trials_shown.csv";
	char *path = file_join(source->folder, part);
	json_t *best = NULL;
	int code = plot_read_csv(source, file_exists(path) ? part : "01_hpo/trials.csv", out, err);

	free(path);
	if (!code) { /* without it, all that there are are those */
		plot_read_json(source, "01_hpo/best.json", &best, NULL);
		*total = (size_t)json_get_int(best, "trials", (json_int_t)out->rows);
	}
	if (!code && *total < out->rows)
		*total = out->rows;
	json_decref(best);
	return code;
}

void plot_say_part(struct text_buf *out, size_t shown, size_t total)
{
	char text[TEXT_NUMBER_MAX];

	if (shown < total)
		text_addf(out, "; %s are drawn, the best among them", text_count((int64_t)shown, text));
}

double plot_cell(const struct csv_table *table, size_t row, const char *column)
{
	double value;

	return text_to_double(csv_table_cell(table, row, column), &value) ? value : NAN;
}

double *plot_numbers(const json_t *array, size_t *count)
{
	size_t n = json_array_size(array);
	double *out = mem_must(n + 1, sizeof *out);

	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(array, i);

		out[i] = json_is_number(value) ? json_number_value(value) : NAN;
	}
	*count = n;
	return out;
}

int plot_nothing(struct orch_err *err)
{
	return orch_fail(err, ORCH_EMISSING, "nothing to show");
}

void plot_range(const double *values, size_t count, double *low, double *high)
{
	for (size_t i = 0; i < count; i++) {
		if (isfinite(values[i]) && !(values[i] >= *low))
			*low = values[i];
		if (isfinite(values[i]) && !(values[i] <= *high))
			*high = values[i];
	}
}

/* ---- campaign ---- */

static int put(const struct plot *plot, const char *campaign, const char *folder, struct orch_err *err)
{
	struct plot_source source = {.folder = campaign};
	char *bytes = NULL, *name = text_format("%s.svg", plot->name), *path = file_join(folder, name);
	size_t length = 0;
	int code = plot_draw(plot, &source, GNUPLOT_SVG, &bytes, &length, err);

	if (!code && bytes)
		code = file_replace_fast(path, bytes, length, err);
	else if (!code)
		code = file_remove(path, err);
	free(bytes);
	free(name);
	free(path);
	return code;
}

int plot_campaign(const char *campaign, struct orch_err *err)
{
	char *folder = file_join(campaign, "report/plots");
	int code = file_make_folders(folder, err);

	for (const struct plot *plot = plot_table; plot->name && !code; plot++)
		if (plot->scope == PLOT_CAMPAIGN)
			code = put(plot, campaign, folder, err);
	free(folder);
	return code;
}
