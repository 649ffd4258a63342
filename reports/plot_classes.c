/* Plots of predictions of classes, all from 07_diagnostics/predictions.json. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/chart.h"
#include "reports/plot_list.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define CURVES 8

static double get(const json_t *object, const char *key)
{
	return json_get_real(object, key, NAN);
}

static int open_part(const struct plot_source *source, const char *key, json_t **root, json_t **part, struct orch_err *err)
{
	int code = plot_read_json(source, "07_diagnostics/predictions.json", root, err);

	if (code)
		return code;
	*part = json_object_get(*root, key);
	if (strcmp(json_get_text(*root, "kind", ""), "classification") || !*part || (json_is_array(*part) && !json_array_size(*part)))
		return plot_nothing(err);
	return 0;
}

/* One entry for each curve, by its class; texts are freed by the caller. */
static size_t class_legend(const json_t *curves, struct legend_entry *entries, char **texts)
{
	size_t count = json_array_size(curves) < CURVES ? json_array_size(curves) : CURVES;

	for (size_t i = 0; i < count; i++) {
		texts[i] = text_shortened(json_get_text(json_array_get(curves, i), "class", ""), CHART_SMALL, 90);
		entries[i] = (struct legend_entry){texts[i], colour_series(i), LEGEND_LINE};
	}
	return count;
}

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
}

static void draw_curves(const struct chart *chart, const json_t *curves, const char *x_key, const char *y_key)
{
	const json_t *curve;
	size_t i, count, other;

	json_array_foreach(curves, i, curve) {
		double *x = plot_numbers(json_object_get(curve, x_key), &count), *y = plot_numbers(json_object_get(curve, y_key), &other);

		if (i < CURVES)
			chart_line(chart, colour_series(i), 2, DASH_NONE, x, y, count);
		free(x);
		free(y);
	}
}

/* "AUC 0.953", or the mean of several. */
static char *area_text(const json_t *curves, const char *name)
{
	const json_t *curve;
	double sum = 0;
	char number[32];
	size_t i;

	json_array_foreach(curves, i, curve)
		sum += get(curve, "area");
	chart_number(sum / (double)json_array_size(curves), number);
	if (json_array_size(curves) == 1)
		return text_format("%s %s", name, number);
	return text_format("each class against the rest; mean %s %s", name, number);
}

static void draw_area_plot(struct figure *figure, const json_t *curves, const char *title, const char *name, const struct axis *x, const struct axis *y, bool diagonal)
{
	struct legend_entry entries[CURVES];
	char *texts[CURVES], *subtitle = area_text(curves, name);
	size_t count = class_legend(curves, entries, texts);
	struct chart chart;

	chart_begin(&chart, figure, chart_page(figure, title, subtitle, entries, count), x, y);
	if (diagonal)
		chart_diagonal(&chart, COLOUR_AXIS);
	else if (json_array_size(curves) == 1)
		chart_horizontal(&chart, COLOUR_AXIS, DASH_LONG, get(json_array_get(curves, 0), "share"));
	draw_curves(&chart, curves, "x", "y");
	free_texts(texts, count);
	free(subtitle);
}

int plot_roc(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	const struct axis x = {.low = 0, .high = 1, .fixed = true, .label = "false positive rate"}, y = {.low = 0, .high = 1, .fixed = true, .label = "true positive rate"};
	json_t *root = NULL, *curves;
	int code = open_part(source, "roc", &root, &curves, err);

	if (!code)
		draw_area_plot(figure, curves, "ROC curve", "AUC", &x, &y, true);
	json_decref(root);
	return code;
}

int plot_pr(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	const struct axis x = {.low = 0, .high = 1, .fixed = true, .label = "recall"}, y = {.low = 0, .high = 1, .fixed = true, .label = "precision"};
	json_t *root = NULL, *curves;
	int code = open_part(source, "pr", &root, &curves, err);

	if (!code)
		draw_area_plot(figure, curves, "Precision and recall", "average precision", &x, &y, false);
	json_decref(root);
	return code;
}

/* ---- calibration ---- */

static void draw_calibration(const struct chart *chart, const json_t *curve, unsigned rgb, bool whiskers)
{
	size_t count, other;
	double *x = plot_numbers(json_object_get(curve, "predicted"), &count), *y = plot_numbers(json_object_get(curve, "observed"), &other);
	double *low = plot_numbers(json_object_get(curve, "low"), &other), *high = plot_numbers(json_object_get(curve, "high"), &other);
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (!isfinite(x[i]))
			continue;
		if (whiskers)
			chart_whisker_y(chart, rgb, x[i], low[i], high[i]);
		chart_dot(chart, rgb, 100, 2.8, x[i], y[i]);
		x[n] = x[i];
		y[n++] = y[i];
	}
	chart_line(chart, rgb, 1.8, DASH_NONE, x, y, n);
	free(x);
	free(y);
	free(low);
	free(high);
}

static void draw_score_rows(struct figure *figure, struct box box, const json_t *curve, const struct axis *x)
{
	struct axis y = {.low = 0, .high = 0, .label = "rows", .room = 40};
	size_t count;
	double *n = plot_numbers(json_object_get(curve, "n"), &count);
	struct chart chart;

	plot_range(n, count, &y.low, &y.high);
	chart_begin(&chart, figure, box, x, &y);
	for (size_t i = 0; i < count; i++)
		if (n[i] > 0)
			chart_rect(&chart, COLOUR_PALE, 100, ((double)i + 0.05) / (double)count, 0, ((double)i + 0.95) / (double)count, n[i]);
	free(n);
}

int plot_calibration(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct axis x = {.low = 0, .high = 1, .fixed = true}, y = {.low = 0, .high = 1, .fixed = true, .label = "observed frequency", .room = 40};
	struct legend_entry entries[CURVES];
	char *texts[CURVES], *subtitle, a[32], b[32];
	json_t *root = NULL, *curves, *curve;
	size_t count, i;
	struct box body, lower;
	struct chart chart;
	int code = open_part(source, "calibration", &root, &curves, err);

	if (!code) {
		count = class_legend(curves, entries, texts);
		subtitle = text_format("15 bins%s; Brier %s, ECE %s%s", count == 1 ? ", 95 % intervals" : "", chart_number(get(json_array_get(curves, 0), "brier"), a),
		        chart_number(get(json_array_get(curves, 0), "ece"), b), count == 1 ? "" : " (first class)");
		body = lower = chart_page(figure, "Calibration", subtitle, entries, count);
		body.bottom = body.top + (body.bottom - body.top) * 0.68;
		lower.top = body.bottom + 4;
		chart_begin(&chart, figure, body, &x, &y);
		chart_diagonal(&chart, COLOUR_AXIS);
		json_array_foreach(curves, i, curve)
			if (i < count)
				draw_calibration(&chart, curve, colour_series(i), count == 1);
		x.label = "predicted probability";
		draw_score_rows(figure, lower, json_array_get(curves, 0), &x);
		free_texts(texts, count);
		free(subtitle);
	}
	json_decref(root);
	return code;
}

/* ---- confusion ---- */

static void draw_cell(const struct chart *chart, double share, double rows, size_t r, size_t c, bool written)
{
	unsigned shade = colour_viridis(1 - share);
	char number[TEXT_NUMBER_MAX];

	chart_rect(chart, shade, 100, (double)c - 0.48, (double)r - 0.48, (double)c + 0.48, (double)r + 0.48);
	if (!written)
		return;
	figure_raise(chart->figure);
	chart_text(chart, colour_on(shade), 10, ALIGN_CENTER, (double)c, (double)r, text_count((int64_t)rows, number));
}

int plot_confusion(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct axis x = {.label = "predicted", .no_grid = true}, y = {.label = "actual", .no_grid = true};
	json_t *root = NULL, *confusion;
	const char **names;
	char *subtitle, number[32], rows[TEXT_NUMBER_MAX];
	size_t size, other;
	struct chart chart;
	struct box body;
	int code = open_part(source, "confusion", &root, &confusion, err);

	if (!code) {
		size = json_array_size(json_object_get(confusion, "names"));
		names = mem_must(size + 1, sizeof *names);
		for (size_t i = 0; i < size; i++)
			names[i] = json_string_value(json_array_get(json_object_get(confusion, "names"), i));
		x.names = y.names = names;
		x.name_count = y.name_count = size;
		subtitle = text_format("%s out-of-fold rows, accuracy %s; colour is the share of the actual class (dark: all of it)", text_count(json_get_int(root, "rows", 0), rows),
		        chart_number(get(root, "accuracy"), number));
		figure->height = 170 + (size < 4 ? 62.0 : size < 9 ? 44.0 : 30.0) * (double)size;
		body = chart_page(figure, "Confusion matrix", subtitle, NULL, 0);
		chart_begin(&chart, figure, body, &x, &y);
		for (size_t r = 0; r < size; r++) {
			double *row = plot_numbers(json_array_get(json_object_get(confusion, "rows"), r), &other), sum = 0;

			for (size_t c = 0; c < size; c++)
				sum += row[c];
			for (size_t c = 0; c < size; c++)
				draw_cell(&chart, sum > 0 ? row[c] / sum : 0, row[c], r, c, size <= 12);
			free(row);
		}
		free(names);
		free(subtitle);
	}
	json_decref(root);
	return code;
}

/* ---- two classes ---- */

int plot_thresholds(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	static const char *const keys[] = {"precision", "recall", "f1", "accuracy", "called"};
	static const struct legend_entry entries[] = {{"precision", COLOUR_ACCENT, LEGEND_LINE}, {"recall", COLOUR_BEST, LEGEND_LINE}, {"F1", COLOUR_THIRD, LEGEND_LINE},
	        {"accuracy", COLOUR_FOURTH, LEGEND_LINE}, {"called positive", COLOUR_AXIS, LEGEND_DASH}};
	struct axis x = {.low = 0, .high = 1, .fixed = true, .label = "limit on the probability"}, y = {.low = 0, .high = 1, .fixed = true};
	json_t *root = NULL, *sweep;
	size_t count, other;
	char *subtitle, a[32], b[32];
	struct chart chart;
	int code = open_part(source, "thresholds", &root, &sweep, err);

	if (!code) {
		double *limit = plot_numbers(json_object_get(sweep, "limit"), &count);

		subtitle = text_format("positive is \"%s\"; F1 is greatest at %s: %s", json_get_text(root, "positive", ""), chart_number(get(sweep, "best"), a), chart_number(get(sweep, "best_f1"), b));
		chart_begin(&chart, figure, chart_page(figure, "Threshold", subtitle, entries, 5), &x, &y);
		for (size_t k = 0; k < 5; k++) {
			double *value = plot_numbers(json_object_get(sweep, keys[k]), &other);

			chart_line(&chart, entries[k].rgb, k == 4 ? 1.4 : 2, k == 4 ? DASH_LONG : DASH_NONE, limit, value, count);
			free(value);
		}
		chart_vertical(&chart, COLOUR_THIRD, DASH_SHORT, get(sweep, "best"));
		free(limit);
		free(subtitle);
	}
	json_decref(root);
	return code;
}

int plot_scores(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct axis x = {.low = 0, .high = 1, .fixed = true, .no_grid = true, .label = "predicted probability"}, y = {.low = 0, .high = 0, .label = "share of the class"};
	json_t *root = NULL, *scores;
	struct legend_entry entries[2];
	char *subtitle, *texts[2];
	struct chart chart;
	int code = open_part(source, "scores", &root, &scores, err);

	if (!code) {
		static const char *const keys[] = {"negative", "positive"};
		static const unsigned colours[] = {COLOUR_ACCENT, COLOUR_BEST};
		double *n[2];
		size_t bins = 0;

		for (int k = 0; k < 2; k++) {
			double sum = 0;

			n[k] = plot_numbers(json_object_get(scores, keys[k]), &bins);
			for (size_t i = 0; i < bins; i++)
				sum += n[k][i];
			for (size_t i = 0; i < bins && sum > 0; i++)
				n[k][i] /= sum;
			plot_range(n[k], bins, &y.low, &y.high);
			texts[k] = text_shortened(json_get_text(root, keys[k], ""), CHART_SMALL, 140);
			entries[k] = (struct legend_entry){texts[k], colours[k], LEGEND_BOX};
		}
		subtitle = text_format("probability of \"%s\" by the actual class", json_get_text(root, "positive", ""));
		chart_begin(&chart, figure, chart_page(figure, "Scores by class", subtitle, entries, 2), &x, &y);
		for (int k = 0; k < 2; k++) {
			for (size_t i = 0; i < bins; i++)
				if (n[k][i] > 0)
					chart_rect(&chart, colours[k], 55, (double)i / (double)bins, 0, (double)(i + 1) / (double)bins, n[k][i]);
			free(n[k]);
			figure_raise(figure);
		}
		free_texts(texts, 2);
		free(subtitle);
	}
	json_decref(root);
	return code;
}

int plot_lift(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct axis x = {.low = 0, .high = 1, .fixed = true, .label = "share of rows, best scores first"}, gain = {.low = 0, .high = 1, .fixed = true, .label = "share of positives found"};
	struct axis y = {.low = 0, .high = 1, .label = "lift"};
	json_t *root = NULL, *lift;
	size_t count, other;
	struct box body, left, right;
	char *subtitle, a[32];
	struct chart chart;
	int code = open_part(source, "lift", &root, &lift, err);

	if (!code) {
		double *share = plot_numbers(json_object_get(lift, "share"), &count), *found = plot_numbers(json_object_get(lift, "found"), &other), *factor = mem_must(count + 1, sizeof *factor);

		for (size_t i = 0; i < count; i++)
			factor[i] = share[i] > 0 ? found[i] / share[i] : NAN;
		plot_range(factor, count, &y.low, &y.high);
		subtitle = text_format("the best-scored tenth of the rows holds %s times its share of \"%s\"", chart_number(round((count > 10 ? factor[10] : NAN) * 100) / 100, a),
		        json_get_text(root, "positive", ""));
		body = left = right = chart_page(figure, "Gains and lift", subtitle, NULL, 0);
		left.right = body.left + (body.right - body.left) * 0.5;
		right.left = left.right + 16;
		chart_begin(&chart, figure, left, &x, &gain);
		chart_diagonal(&chart, COLOUR_AXIS);
		chart_line(&chart, COLOUR_ACCENT, 2.2, DASH_NONE, share, found, count);
		chart_begin(&chart, figure, right, &x, &y);
		chart_horizontal(&chart, COLOUR_AXIS, DASH_LONG, 1);
		chart_line(&chart, COLOUR_BEST, 2.2, DASH_NONE, share, factor, count);
		free(share);
		free(found);
		free(factor);
		free(subtitle);
	}
	json_decref(root);
	return code;
}
