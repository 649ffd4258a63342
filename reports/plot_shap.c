/* Plots of contributions (SHAP values): how far each feature moves single predictions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/chart.h"
#include "reports/plot_list.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define SHOWN 20          /* features */
#define ROW_HEIGHT 25.0
#define RADIUS 2.1
#define CLASSES_SHOWN 6   /* more of them: bars are not divided */
#define CLASS_WIDTH 84

/* 07_diagnostics/shap.json, the features that are shown. ORCH_EMISSING: none, or as a swarm none. */
struct shap_view {
	json_t *root;
	const json_t *features, *scores;
	const char *names[SHOWN];
	size_t count;
	char *what; /* "the log-odds of malignant" */
};

/* What the contributions add up to. */
static char *what_of(const json_t *root)
{
	const json_t *scores = json_object_get(root, "scores");
	const char *scale = json_get_text(root, "scale", "");
	char *name = text_shortened(json_array_size(scores) == 1 ? json_get_text(json_array_get(scores, 0), "name", "") : json_get_text(root, "target", ""), CHART_SMALL, 200), *out;
	char *target = text_shortened(json_get_text(root, "target", ""), CHART_SMALL, 120);

	if (!strcmp(scale, "target"))
		out = text_format("the prediction of %s", name);
	else if (!strcmp(scale, "softmax score"))
		out = text_format("the score of each class of %s (softmax)", name);
	else if (!strcmp(scale, "logarithm"))
		out = text_format("the logarithm of the prediction of %s", name);
	else if (json_array_size(scores) > 1)
		out = text_format("the %s of each class of %s", scale, name);
	else
		out = text_format("the %s of %s = %s", scale, target, name);
	free(name);
	free(target);
	return out;
}

static int open_view(const struct plot_source *source, bool dots, struct shap_view *view, struct orch_err *err)
{
	int code = plot_read_json(source, "07_diagnostics/shap.json", &view->root, err);

	if (code)
		return code;
	view->features = json_object_get(view->root, "features");
	view->scores = json_object_get(view->root, "scores");
	for (size_t i = 0; i < json_array_size(view->features) && i < SHOWN; i++) {
		const json_t *feature = json_array_get(view->features, i);

		if (!(json_get_real(feature, "mean_abs", 0) > 0) || (dots && !json_object_get(feature, "dots")))
			break;
		view->names[view->count++] = json_get_text(feature, "name", "");
	}
	view->what = what_of(view->root);
	return view->count ? 0 : plot_nothing(err);
}

static void close_view(struct shap_view *view)
{
	json_decref(view->root);
	free(view->what);
}

/* "1,000 holdout rows; 20 of 500 features, the most moving first" */
static char *subtitle_of(const struct shap_view *view, const char *first, size_t rows)
{
	char number[TEXT_NUMBER_MAX];

	return text_format("%s %s %s row%s; %zu of %lld feature%s, the most moving first", first, text_count((int64_t)rows, number), json_get_text(view->root, "of", ""), rows == 1 ? "" : "s", view->count,
	        (long long)json_get_int(view->root, "total", 0), json_get_int(view->root, "total", 0) == 1 ? "" : "s");
}

/* ---- a dot a row ---- */

struct swarm_dot {
	double x;
	long column; /* of dots that would touch */
	size_t row;
};

static int by_column(const void *a, const void *b)
{
	const struct swarm_dot *p = a, *q = b;

	return p->column != q->column ? (p->column > q->column) - (p->column < q->column) : (p->row > q->row) - (p->row < q->row);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The values at a twentieth and at nineteen of the known ones, between which colours change; few values: the least and the most. */
static void colour_range(const double *value, size_t count, double *low, double *high)
{
	double *sorted = mem_must(count + 1, sizeof *sorted);
	size_t known = 0;

	for (size_t i = 0; i < count; i++)
		if (isfinite(value[i]))
			sorted[known++] = value[i];
	qsort(sorted, known, sizeof *sorted, by_value);
	*low = known ? sorted[known / 20] : NAN;
	*high = known ? sorted[known - 1 - known / 20] : NAN;
	if (known && !(*high > *low)) {
		*low = sorted[0];
		*high = sorted[known - 1];
	}
	free(sorted);
}

static unsigned colour_of(double value, double low, double high)
{
	return !isfinite(value) ? COLOUR_MUTED : high > low ? colour_low_high((value - low) / (high - low)) : colour_low_high(0.5);
}

/* Dots that would touch stand above each other, from the middle outwards: nothing of it is chance. */
static void draw_swarm(const struct chart *chart, const json_t *feature, size_t place)
{
	const json_t *dots = json_object_get(feature, "dots");
	size_t count, other, first = 0;
	double *value = plot_numbers(json_object_get(dots, "value"), &other), *shap = plot_numbers(json_object_get(dots, "shap"), &count), low, high;
	struct swarm_dot *swarm = mem_must(count + 1, sizeof *swarm);
	double middle = chart_y(chart, (double)place), half = (chart_y(chart, 1) - chart_y(chart, 0)) / 2 - RADIUS - 1;

	count = count < other ? count : other;
	colour_range(value, count, &low, &high);
	for (size_t i = 0; i < count; i++) {
		double x = isfinite(shap[i]) ? chart_x(chart, shap[i]) : NAN;

		swarm[i] = (struct swarm_dot){x, isfinite(x) ? lround(floor(x / (1.7 * RADIUS))) : -1, i};
	}
	qsort(swarm, count, sizeof *swarm, by_column);
	for (size_t i = 0; i < count; i++) {
		size_t last = i, k;
		double step;

		if (i && swarm[i].column != swarm[i - 1].column)
			first = i;
		while (last + 1 < count && swarm[last + 1].column == swarm[i].column)
			last++;
		step = fmin(1.7 * RADIUS, half / fmax(1, (double)((last - first + 1) / 2)));
		k = i - first;
		figure_dot(chart->figure, colour_of(value[swarm[i].row], low, high), 85, RADIUS, swarm[i].x, middle + (k % 2 ? -step : step) * (double)((k + 1) / 2));
	}
	free(value);
	free(shap);
	free(swarm);
}

static bool any_unknown(const struct shap_view *view)
{
	for (size_t i = 0; i < view->count; i++) {
		const json_t *list = json_object_get(json_object_get(json_array_get(view->features, i), "dots"), "value");

		for (size_t r = 0; r < json_array_size(list); r++)
			if (!json_is_number(json_array_get(list, r)))
				return true;
	}
	return false;
}

int plot_shap(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	static const struct legend_entry entries[] = {{"low value", COLOUR_ACCENT, LEGEND_DOT}, {"high value", COLOUR_BEST, LEGEND_DOT}, {"category or missing", COLOUR_MUTED, LEGEND_DOT}};
	struct shap_view view = {0};
	struct axis x = {.low = 0, .high = 0}, y = {.no_grid = true};
	struct chart chart;
	char *subtitle, *label;
	size_t rows = 0;
	int code = open_view(source, true, &view, err);

	if (!code) {
		for (size_t i = 0; i < view.count; i++) {
			double *shap = plot_numbers(json_object_get(json_object_get(json_array_get(view.features, i), "dots"), "shap"), &rows);

			plot_range(shap, rows, &x.low, &x.high);
			free(shap);
		}
		label = text_format("contribution to %s", view.what);
		x.label = label;
		y.names = view.names;
		y.name_count = view.count;
		subtitle = subtitle_of(&view, "a dot for each of", rows);
		figure->height = 120 + ROW_HEIGHT * (double)view.count;
		chart_begin(&chart, figure, chart_page(figure, "Contributions to predictions", subtitle, entries, any_unknown(&view) ? 3 : 2), &x, &y);
		chart_vertical(&chart, COLOUR_AXIS, DASH_NONE, 0);
		figure_raise(figure);
		for (size_t i = 0; i < view.count; i++)
			draw_swarm(&chart, json_array_get(view.features, i), i);
		free(subtitle);
		free(label);
	}
	close_view(&view);
	return code;
}

/* ---- a bar a feature ---- */

static void draw_bar(const struct chart *chart, const json_t *feature, size_t place, size_t parts)
{
	const json_t *by = json_object_get(feature, "by_score");
	double from = 0, mean = json_get_real(feature, "mean_abs", 0);
	char number[32];

	for (size_t s = 0; s < parts; s++) {
		double to = parts > 1 ? from + json_number_value(json_array_get(by, s)) / (double)parts : mean;

		chart_rect(chart, colour_series(s), 100, from, (double)place - 0.34, to, (double)place + 0.34);
		from = to;
	}
	figure_text(chart->figure, &(struct figure_style){.rgb = COLOUR_MUTED, .size = 9.5}, chart_x(chart, mean) + 5, chart_y(chart, (double)place), chart_number(mean, number));
}

int plot_shap_importance(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct shap_view view = {0};
	struct axis x = {.low = 0, .high = 0}, y = {.no_grid = true};
	struct legend_entry entries[CLASSES_SHOWN];
	char *subtitle, *label, *names[CLASSES_SHOWN];
	struct chart chart;
	size_t scores;
	int code = open_view(source, false, &view, err);

	if (!code) {
		scores = json_array_size(view.scores) <= CLASSES_SHOWN ? json_array_size(view.scores) : 1;
		for (size_t s = 0; s < scores; s++) {
			names[s] = text_shortened(json_get_text(json_array_get(view.scores, s), "name", ""), 11, CLASS_WIDTH);
			entries[s] = (struct legend_entry){names[s], colour_series(s), LEGEND_BOX};
		}
		x.high = 1.06 * json_get_real(json_array_get(view.features, 0), "mean_abs", 1); /* room for the number */
		label = text_format("mean |contribution| to %s", view.what);
		x.label = label;
		y.names = view.names;
		y.name_count = view.count;
		subtitle = subtitle_of(&view, "mean over", (size_t)json_get_int(view.root, "rows", 0));
		figure->height = 120 + 19 * (double)view.count + (scores > 1 ? 20 : 0);
		chart_begin(&chart, figure, chart_page(figure, "What moves the predictions", subtitle, entries, scores > 1 ? scores : 0), &x, &y);
		for (size_t i = 0; i < view.count; i++)
			draw_bar(&chart, json_array_get(view.features, i), i, scores);
		chart_vertical(&chart, COLOUR_AXIS, DASH_NONE, 0);
		for (size_t s = 0; s < scores; s++)
			free(names[s]);
		free(subtitle);
		free(label);
	}
	close_view(&view);
	return code;
}
