/* Plots over rounds, drawn again after each: score against number of features, ranks, cost. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/chart.h"
#include "reports/plot_list.h"
#include "reports/stage_cost.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define RANK_ROWS 60

/* ---- score against number of features ---- */

struct path {
	size_t count, chosen, best;
	double *features, *score, *low, *high, *holdout;
	bool has_holdout, has_chosen;
};

static void take_path(const json_t *summary, struct path *path)
{
	const json_t *rounds = json_object_get(summary, "rounds"), *row;
	const char *metric = json_get_text(summary, "metric", "");
	bool maximise = json_get_bool(summary, "maximise", 0);
	size_t i;

	path->count = json_array_size(rounds);
	path->features = mem_must(5 * path->count + 5, sizeof(double));
	path->score = path->features + path->count;
	path->low = path->score + path->count;
	path->high = path->low + path->count;
	path->holdout = path->high + path->count;
	json_array_foreach(rounds, i, row) {
		double se = json_get_real(row, "se", NAN);

		path->features[i] = (double)json_get_int(row, "features", 0);
		path->score[i] = json_get_real(row, "score", NAN);
		path->low[i] = path->score[i] - se;
		path->high[i] = path->score[i] + se;
		path->holdout[i] = json_get_real(json_object_get(row, "holdout"), metric, NAN);
		path->has_holdout = path->has_holdout || isfinite(path->holdout[i]);
		if (maximise ? path->score[i] > path->score[path->best] : path->score[i] < path->score[path->best])
			path->best = i;
	}
	row = json_object_get(summary, "chosen");
	path->has_chosen = json_is_object(row);
	path->chosen = (size_t)json_get_int(row, "round", 0);
}

static void draw_path(struct figure *figure, const json_t *summary, const struct path *path)
{
	const struct legend_entry entries[] = {{"cross-validated", COLOUR_ACCENT, LEGEND_LINE}, {"chosen", COLOUR_BEST, LEGEND_DOT}, {"holdout", COLOUR_THIRD, LEGEND_DASH}};
	struct axis x = {.low = NAN, .high = NAN, .label = "features", .whole = true}, y = {.low = NAN, .high = NAN, .label = json_get_text(summary, "metric", "score")};
	char *subtitle, best[32], chosen[32];
	struct chart chart;

	if (path->has_chosen)
		subtitle = text_format("best %s with %.0f features; chosen: round %zu, %s with %.0f; band and whiskers \xc2\xb1 one standard error", chart_number(path->score[path->best], best),
		        path->features[path->best], path->chosen, chart_number(path->score[path->chosen], chosen), path->features[path->chosen]);
	else
		subtitle = text_format("%zu rounds", path->count);
	plot_range(path->features, path->count, &x.low, &x.high);
	plot_range(path->low, 4 * path->count - path->count - (path->has_holdout ? 0 : path->count), &y.low, &y.high);
	plot_range(path->score, path->count, &y.low, &y.high);
	chart_begin(&chart, figure, chart_page(figure, "Score against number of features", subtitle, entries, path->has_holdout ? 3 : 2), &x, &y);
	if (isfinite(path->low[path->best])) {
		chart_rect(&chart, COLOUR_ACCENT_SOFT, 25, chart.x.low, path->low[path->best], chart.x.high, path->high[path->best]);
		figure_raise(figure);
	}
	chart_line(&chart, COLOUR_THIRD, 1.6, DASH_LONG, path->features, path->holdout, path->count);
	for (size_t i = 0; i < path->count; i++)
		chart_whisker_y(&chart, COLOUR_ACCENT_DARK, path->features[i], path->low[i], path->high[i]);
	chart_line(&chart, COLOUR_ACCENT, 2, DASH_NONE, path->features, path->score, path->count);
	for (size_t i = 0; i < path->count; i++)
		chart_dot(&chart, COLOUR_ACCENT, 100, path->count > 100 ? 1.8 : 3, path->features[i], path->score[i]);
	figure_raise(figure);
	if (path->has_chosen && path->chosen < path->count)
		chart_dot(&chart, COLOUR_BEST, 100, 5.5, path->features[path->chosen], path->score[path->chosen]);
	free(subtitle);
}

int plot_features_score(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct path path = {0};
	json_t *summary = NULL;
	int code = plot_read_json(source, "summary.json", &summary, err);

	if (!code) {
		take_path(summary, &path);
		if (path.count)
			draw_path(figure, summary, &path);
		else
			code = plot_nothing(err);
	}
	free(path.features);
	json_decref(summary);
	return code;
}

/* ---- rank by round ---- */

struct ranks {
	size_t rounds, features, capacity;
	char **names;
	unsigned short *rank; /* features x rounds, 0: not there */
};
struct rank_order {
	const struct ranks *ranks;
	size_t feature, last; /* last round it was in */
	unsigned rank;        /* there */
};

static size_t rank_row(struct ranks *ranks, const char *name)
{
	for (size_t i = 0; i < ranks->features; i++)
		if (!strcmp(ranks->names[i], name))
			return i;
	if (ranks->features == ranks->capacity) {
		size_t capacity = ranks->capacity ? 2 * ranks->capacity : 64;
		char **names = mem_array_grow(ranks->names, capacity, sizeof *names);
		unsigned short *rank = names ? mem_array_grow(ranks->rank, capacity * ranks->rounds, sizeof *rank) : NULL;

		if (!rank)
			orch_bug("out of memory for a plot of ranks");
		memset(rank + ranks->capacity * ranks->rounds, 0, (capacity - ranks->capacity) * ranks->rounds * sizeof *rank);
		ranks->names = names;
		ranks->rank = rank;
		ranks->capacity = capacity;
	}
	ranks->names[ranks->features] = mem_text(name);
	return ranks->features++;
}

static int read_ranks(const struct plot_source *source, struct ranks *ranks, struct orch_err *err)
{
	int code = 0;

	for (size_t round = 0; round < ranks->rounds && !code; round++) {
		struct csv_table lofo = {0};
		char name[64];

		snprintf(name, sizeof name, "rounds/round_%03zu/04_lofo/lofo.csv", round);
		code = plot_read_csv(source, name, &lofo, err);
		for (size_t r = 0; r < lofo.rows && !code; r++) {
			double rank = plot_cell(&lofo, r, "rank");
			size_t row = rank_row(ranks, csv_table_cell(&lofo, r, "feature"));

			ranks->rank[row * ranks->rounds + round] = isfinite(rank) ? (unsigned short)rank : 0;
		}
		csv_table_release(&lofo);
	}
	return code;
}

static int by_survival(const void *a, const void *b)
{
	const struct rank_order *x = a, *y = b;

	if (x->last != y->last)
		return x->last < y->last ? 1 : -1;
	return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank) : (x->feature > y->feature) - (x->feature < y->feature);
}

static struct rank_order *order_ranks(const struct ranks *ranks)
{
	struct rank_order *order = mem_must(ranks->features + 1, sizeof *order);

	for (size_t f = 0; f < ranks->features; f++) {
		order[f] = (struct rank_order){.ranks = ranks, .feature = f};
		for (size_t round = 0; round < ranks->rounds; round++)
			if (ranks->rank[f * ranks->rounds + round]) {
				order[f].last = round;
				order[f].rank = ranks->rank[f * ranks->rounds + round];
			}
	}
	qsort(order, ranks->features, sizeof *order, by_survival);
	return order;
}

static unsigned rank_colour(double at)
{
	return colour_viridis(1 - at); /* the most important is the brightest */
}

static unsigned cell_colour(unsigned rank, size_t features)
{
	return rank_colour(features > 1 ? (rank - 1.0) / ((double)features - 1) : 0);
}

static void draw_ranks(struct figure *figure, const struct ranks *ranks)
{
	struct rank_order *order = order_ranks(ranks);
	size_t shown = ranks->features < RANK_ROWS ? ranks->features : RANK_ROWS;
	const char **names = mem_must(shown + 1, sizeof *names);
	struct axis x = {.low = -0.5, .high = (double)ranks->rounds - 0.5, .fixed = true, .label = "round", .no_grid = true, .whole = true}, y = {.names = names, .name_count = shown, .no_grid = true};
	char *subtitle = text_format("%zu of %zu features, those that stayed longest first; 1 is the most important", shown, ranks->features), number[32];
	bool written = ranks->rounds <= 16;
	struct chart chart;
	struct box body;

	for (size_t i = 0; i < shown; i++)
		names[i] = ranks->names[order[i].feature];
	figure->height = 120 + 17.0 * (double)shown;
	body = chart_page(figure, "Rank of each feature by round", subtitle, NULL, 0);
	if (!written)
		body = chart_colour_bar(figure, body, 1, (double)ranks->features, false, "rank", rank_colour);
	chart_begin(&chart, figure, body, &x, &y);
	for (size_t i = 0; i < shown; i++)
		for (size_t round = 0; round < ranks->rounds; round++) {
			unsigned rank = ranks->rank[order[i].feature * ranks->rounds + round];
			double gap = written ? 0.04 : 0;

			if (rank)
				chart_rect(&chart, cell_colour(rank, ranks->features), 100, (double)round - 0.5 + gap / 2, (double)i - 0.5 + gap, (double)round + 0.5 - gap / 2, (double)i + 0.5 - gap);
		}
	figure_raise(figure);
	for (size_t i = 0; i < shown && written; i++)
		for (size_t round = 0; round < ranks->rounds; round++) {
			unsigned rank = ranks->rank[order[i].feature * ranks->rounds + round];

			snprintf(number, sizeof number, "%u", rank);
			if (rank)
				chart_text(&chart, colour_on(cell_colour(rank, ranks->features)), 9.5, ALIGN_CENTER, (double)round, (double)i, number);
		}
	free(order);
	free(names);
	free(subtitle);
}

int plot_rank_by_round(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct ranks ranks = {0};
	json_t *summary = NULL;
	int code = plot_read_json(source, "summary.json", &summary, err);

	ranks.rounds = json_array_size(json_object_get(summary, "rounds"));
	if (!code)
		code = read_ranks(source, &ranks, err);
	if (!code && ranks.features)
		draw_ranks(figure, &ranks);
	else if (!code)
		code = plot_nothing(err);
	for (size_t f = 0; f < ranks.features; f++)
		free(ranks.names[f]);
	free(ranks.names);
	free(ranks.rank);
	json_decref(summary);
	return code;
}

/* ---- cost ---- */

static void draw_cost_panel(struct figure *figure, struct box box, const struct stage_cost *costs, size_t count, bool memory)
{
	const char *names[STAGE_COSTS_MAX];
	double most = 0, unit = memory ? 1.0 / (1 << 20) : 1;
	struct axis x = {.low = 0, .label = memory ? "largest worker, MiB" : "worker time, seconds"}, y = {.names = names, .name_count = count, .no_grid = true, .none = memory};
	struct chart chart;

	for (size_t i = 0; i < count; i++)
		most = fmax(most, (memory ? costs[i].memory : costs[i].seconds) * unit);
	if (!memory && most > 7200) {
		unit = 1.0 / 3600;
		most *= unit;
		x.label = "worker time, hours";
	}
	x.high = most;
	for (size_t i = 0; i < count; i++)
		names[i] = costs[i].stage;
	chart_begin(&chart, figure, box, &x, &y);
	for (size_t i = 0; i < count; i++)
		chart_rect(&chart, memory ? COLOUR_ACCENT_SOFT : COLOUR_ACCENT, 100, 0, (double)i - 0.34, (memory ? costs[i].memory : costs[i].seconds) * unit, (double)i + 0.34);
	chart_vertical(&chart, COLOUR_AXIS, DASH_NONE, 0);
}

int plot_stage_cost(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct stage_cost costs[STAGE_COSTS_MAX] = {0};
	size_t count = 0;
	double seconds = 0;
	char *subtitle, text[TEXT_NUMBER_MAX];
	struct box body, left, right;
	int code = stage_costs(source->folder, costs, &count, err);

	if (!code && !count)
		code = plot_nothing(err);
	if (code)
		return code;
	for (size_t i = 0; i < count; i++)
		seconds += costs[i].seconds;
	subtitle = text_format("%s of worker time in all rounds", text_seconds(seconds, text));
	figure->height = 120 + 24.0 * (double)count;
	left = right = body = chart_page(figure, "Time and memory by stage", subtitle, NULL, 0);
	left.right = body.left + (body.right - body.left) * 0.6;
	right.left = left.right + 12;
	draw_cost_panel(figure, left, costs, count, false);
	draw_cost_panel(figure, right, costs, count, true);
	free(subtitle);
	return 0;
}
