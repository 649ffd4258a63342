/* Plots of what a score owes to chance: seeds, the number of rows, and how often each feature is chosen. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/chart.h"
#include "reports/plot_list.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define FOLDS_SHOWN 40
#define UNITS_SHOWN 60

static void release(struct csv_table *table, json_t *about)
{
	csv_table_release(table);
	json_decref(about);
}

/* ---- seeds ---- */

static char *seeds_subtitle(const json_t *seeds, size_t shown, size_t folds)
{
	struct text_buf out = {0};
	char mean[32], sd[32], fold[32];

	text_addf(&out, "mean %s \xc2\xb1 %s over %lld seeds (s.d.); folds differ by %s", chart_number(json_get_real(seeds, "mean", NAN), mean), chart_number(json_get_real(seeds, "sd", NAN), sd),
	        (long long)json_get_int(seeds, "seeds", 0), chart_number(json_get_real(seeds, "fold_sd", NAN), fold));
	if (json_get_bool(seeds, "same", 0)) {
		out.length = 0;
		text_addf(&out, "the same to the last digit with %lld seeds: these parameters leave nothing to chance", (long long)json_get_int(seeds, "seeds", 0));
	}
	if (shown < folds)
		text_addf(&out, "; the first %zu of %zu folds are shown", shown, folds);
	return text_take(&out);
}

static size_t count_folds(const struct csv_table *scores)
{
	double most = -1;

	for (size_t r = 0; r < scores->rows; r++)
		most = fmax(most, plot_cell(scores, r, "fold"));
	return (size_t)(most + 1);
}

/* A row for each fold, and one for their mean on top. */
static void draw_seeds(struct figure *figure, const json_t *about, const struct csv_table *scores)
{
	static const struct legend_entry entries[] = {{"campaign's seed", COLOUR_BEST, LEGEND_DOT}, {"other seeds", COLOUR_ACCENT, LEGEND_DOT}};
	const json_t *seeds = json_object_get(about, "seeds");
	size_t folds = count_folds(scores), shown = folds < FOLDS_SHOWN ? folds : FOLDS_SHOWN, means;
	double *mean = plot_numbers(json_object_get(seeds, "scores"), &means), middle = json_get_real(seeds, "mean", NAN), sd = json_get_real(seeds, "sd", NAN);
	char **names = mem_must(shown + 1, sizeof *names), *subtitle = seeds_subtitle(seeds, shown, folds);
	struct axis x = {.low = NAN, .high = NAN, .label = json_get_text(about, "metric", "score")}, y = {.name_count = shown + 1};
	struct chart chart;

	names[0] = mem_text("all folds");
	for (size_t f = 0; f < shown; f++)
		names[f + 1] = text_format("fold %zu", f);
	for (size_t r = 0; r < scores->rows; r++) {
		double score = plot_cell(scores, r, "score");

		if (plot_cell(scores, r, "share") >= 1 && plot_cell(scores, r, "fold") < (double)shown)
			plot_range(&score, 1, &x.low, &x.high);
	}
	plot_range(mean, means, &x.low, &x.high);
	y.names = (const char *const *)names;
	figure->height = 130 + 22.0 * (double)(shown + 1);
	chart_begin(&chart, figure, chart_page(figure, "Seeds", subtitle, entries, 2), &x, &y);
	if (isfinite(sd))
		chart_rect(&chart, COLOUR_ACCENT_SOFT, 35, middle - sd, chart.y.low, middle + sd, chart.y.high);
	figure_raise(figure);
	for (int own = 0; own < 2; own++) /* the campaign's own on top */
		for (size_t r = 0; r < scores->rows; r++) {
			double fold = plot_cell(scores, r, "fold");

			if (plot_cell(scores, r, "share") >= 1 && fold < (double)shown && (plot_cell(scores, r, "seed") == 0) == own)
				chart_dot(&chart, own ? COLOUR_BEST : COLOUR_ACCENT, own ? 100 : 75, own ? 2.8 : 3, plot_cell(scores, r, "score"), fold + 1);
		}
	figure_raise(figure);
	for (size_t s = means; s-- > 0;)
		chart_dot(&chart, s ? COLOUR_ACCENT : COLOUR_BEST, 100, 3.8, mean[s], 0);
	for (size_t i = 0; i <= shown; i++)
		free(names[i]);
	free(names);
	free(mean);
	free(subtitle);
}

int plot_seeds(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct csv_table scores = {0};
	json_t *about = NULL;
	int code = plot_read_json(source, "09_stability/stability.json", &about, err);

	if (!code && json_get_int(json_object_get(about, "seeds"), "seeds", 0) < 2)
		code = plot_nothing(err);
	if (!code)
		code = plot_read_csv(source, "09_stability/scores.csv", &scores, err);
	if (!code)
		draw_seeds(figure, about, &scores);
	release(&scores, about);
	return code;
}

/* ---- learning curve ---- */

static char *curve_subtitle(const json_t *curve, size_t folds)
{
	const json_t *last = json_object_get(curve, "last");
	double gain = json_get_real(last, "gain", NAN), low = json_get_real(last, "low", NAN), high = json_get_real(last, "high", NAN);
	struct text_buf out = {0};
	char a[32], b[32], c[32];

	text_addf(&out, "mean over %zu folds with 95 %% intervals", folds);
	if (isfinite(gain))
		text_addf(&out, "; from %.3g %% to all rows: %s by %s", 100 * json_get_real(last, "from", NAN), gain < 0 ? "worse" : "better", chart_number(fabs(gain), a));
	if (isfinite(low) && isfinite(high) && gain >= 0)
		text_addf(&out, " (95 %%: %s to %s)", chart_number(low, b), chart_number(high, c));
	else if (isfinite(low) && isfinite(high))
		text_addf(&out, " (95 %%: %s to %s)", chart_number(-high, b), chart_number(-low, c));
	return text_take(&out);
}

static void draw_curve(struct figure *figure, const json_t *about, const struct csv_table *scores)
{
	static const struct legend_entry entries[] = {{"mean", COLOUR_ACCENT, LEGEND_LINE}, {"fold", COLOUR_ACCENT_SOFT, LEGEND_DOT}};
	const json_t *curve = json_object_get(about, "curve"), *points = json_object_get(curve, "points");
	size_t count = json_array_size(points), folds = count_folds(scores);
	double *rows = mem_must(4 * count + 1, sizeof *rows), *mean = rows + count, *low = mean + count, *high = low + count;
	struct axis x = {.low = 0, .high = NAN, .label = "training rows"}, y = {.low = NAN, .high = NAN, .label = json_get_text(about, "metric", "score")};
	char *subtitle = curve_subtitle(curve, folds);
	struct chart chart;

	for (size_t i = 0; i < count; i++) {
		const json_t *point = json_array_get(points, i);

		rows[i] = json_get_real(point, "rows", NAN);
		mean[i] = json_get_real(point, "mean", NAN);
		low[i] = json_get_real(point, "low", NAN);
		high[i] = json_get_real(point, "high", NAN);
	}
	plot_range(rows, count, &x.low, &x.high);
	plot_range(mean, 3 * count, &y.low, &y.high);
	for (size_t r = 0; r < scores->rows; r++) {
		double score = plot_cell(scores, r, "score");

		if (plot_cell(scores, r, "seed") == 0)
			plot_range(&score, 1, &y.low, &y.high);
	}
	chart_begin(&chart, figure, chart_page(figure, "Learning curve", subtitle, entries, 2), &x, &y);
	chart_band(&chart, COLOUR_ACCENT_SOFT, 30, rows, low, high, count);
	figure_raise(figure);
	for (size_t r = 0; r < scores->rows; r++)
		if (plot_cell(scores, r, "seed") == 0)
			chart_dot(&chart, COLOUR_ACCENT_SOFT, 100, folds > 40 ? 1.4 : 2.2, plot_cell(scores, r, "training_rows"), plot_cell(scores, r, "score"));
	figure_raise(figure);
	chart_line(&chart, COLOUR_ACCENT, 2, DASH_NONE, rows, mean, count);
	for (size_t i = 0; i < count; i++)
		chart_dot(&chart, COLOUR_ACCENT, 100, 3.6, rows[i], mean[i]);
	free(rows);
	free(subtitle);
}

int plot_learning_curve(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct csv_table scores = {0};
	json_t *about = NULL;
	int code = plot_read_json(source, "09_stability/stability.json", &about, err);

	if (!code && !json_array_size(json_object_get(json_object_get(about, "curve"), "points")))
		code = plot_nothing(err);
	if (!code)
		code = plot_read_csv(source, "09_stability/scores.csv", &scores, err);
	if (!code)
		draw_curve(figure, about, &scores);
	release(&scores, about);
	return code;
}

/* ---- how often each feature is chosen ---- */

static unsigned share_colour(double at)
{
	return colour_viridis(at);
}

/* Cells of shares, with their percentage where there is room; NaN: nothing. */
static void draw_shares(const struct chart *chart, const double *shares, size_t rows, size_t columns, bool written)
{
	double gap = written ? 0.04 : 0;

	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < columns; c++)
			if (isfinite(shares[r * columns + c]))
				chart_rect(chart, share_colour(shares[r * columns + c]), 100, (double)c - 0.5 + gap / 2, (double)r - 0.5 + gap, (double)c + 0.5 - gap / 2, (double)r + 0.5 - gap);
	figure_raise(chart->figure);
	for (size_t r = 0; r < rows && written; r++)
		for (size_t c = 0; c < columns; c++) {
			char text[24];

			snprintf(text, sizeof text, "%.0f %%", 100 * shares[r * columns + c]);
			if (isfinite(shares[r * columns + c]))
				chart_text(chart, colour_on(share_colour(shares[r * columns + c])), 9.5, ALIGN_CENTER, (double)c, (double)r, text);
		}
}

static char *selection_subtitle(const json_t *part, size_t shown, size_t count)
{
	long long dropped = (long long)json_get_int(part, "dropped", 0);
	struct text_buf out = {0};

	text_addf(&out, "share of %lld folds; helps: its gain there is above zero", (long long)json_get_int(part, "folds", 0));
	if (dropped == 1)
		text_add(&out, "; kept: it is not the least important");
	else if (dropped)
		text_addf(&out, "; kept: not among the %lld least important", dropped);
	if (shown < count)
		text_addf(&out, "; %zu of %zu features", shown, count);
	return text_take(&out);
}

static void draw_selection(struct figure *figure, const json_t *about, const struct csv_table *selection)
{
	static const struct {
		const char *column, *name;
	} kinds[] = {{"helps", "helps"}, {"kept", "kept"}, {"top_1", "first"}, {"top_3", "top 3"}, {"top_5", "top 5"}, {"top_10", "top 10"}, {"top_20", "top 20"}};
	const json_t *part = json_object_get(about, "selection");
	size_t columns = selection->columns - 3, shown = selection->rows < UNITS_SHOWN ? selection->rows : UNITS_SHOWN;
	const char **names = mem_must(shown + 1, sizeof *names), *titles[7];
	double *shares = mem_must(shown * columns + 1, sizeof *shares);
	struct axis x = {.no_grid = true, .names = titles, .name_count = columns}, y = {.no_grid = true, .names = names, .name_count = shown};
	char *subtitle = selection_subtitle(part, shown, selection->rows);
	struct chart chart;

	for (size_t c = 0; c < columns; c++)
		titles[c] = kinds[c].name;
	for (size_t r = 0; r < shown; r++) {
		names[r] = csv_table_cell(selection, r, "feature");
		for (size_t c = 0; c < columns; c++)
			shares[r * columns + c] = plot_cell(selection, r, kinds[c].column);
	}
	figure->height = 130 + 19.0 * (double)shown;
	chart_begin(&chart, figure, chart_page(figure, "How often folds choose each feature", subtitle, NULL, 0), &x, &y);
	draw_shares(&chart, shares, shown, columns, true);
	free(names);
	free(shares);
	free(subtitle);
}

int plot_selection(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct csv_table selection = {0};
	json_t *about = NULL;
	int code = plot_read_json(source, "09_stability/stability.json", &about, err);

	if (!code && !json_is_object(json_object_get(about, "selection")))
		code = plot_nothing(err);
	if (!code)
		code = plot_read_csv(source, "09_stability/selection.csv", &selection, err);
	if (!code)
		draw_selection(figure, about, &selection);
	release(&selection, about);
	return code;
}

/* ---- over the rounds ---- */

struct rounds {
	size_t count, columns; /* columns: the rounds, and what each fold's own best round has */
	char **names;          /* what LOFO leaves out in some round (features, groups), then the features that are in none of them */
	size_t features, capacity;
	double *shares;        /* NaN: not there in that round */
	double *order;         /* less comes first */
	bool *covered;         /* a feature of the summary, in its order there: a row shows it, alone or in a group */
};

static size_t find_row(const struct rounds *rounds, const char *name)
{
	size_t row = 0;

	while (row < rounds->features && strcmp(rounds->names[row], name))
		row++;
	return row;
}

static void add_row(struct rounds *rounds, const char *name, double own, double order)
{
	size_t row = rounds->features++;

	if (row == rounds->capacity) {
		rounds->capacity = rounds->capacity ? 2 * rounds->capacity : 64;
		rounds->names = mem_array_grow(rounds->names, rounds->capacity, sizeof *rounds->names);
		rounds->order = mem_array_grow(rounds->order, rounds->capacity, sizeof *rounds->order);
		rounds->shares = mem_array_grow(rounds->shares, rounds->capacity * rounds->columns, sizeof *rounds->shares);
		if (!rounds->names || !rounds->order || !rounds->shares)
			orch_bug("out of memory for a plot of what folds agree on");
	}
	rounds->names[row] = mem_text(name);
	rounds->order[row] = order;
	for (size_t c = 0; c < rounds->count; c++)
		rounds->shares[row * rounds->columns + c] = NAN;
	rounds->shares[row * rounds->columns + rounds->count] = own;
}

/* The features of a group of that round; NULL: the name is a feature's. Borrowed. */
static const json_t *members_of(const json_t *groups, const char *name)
{
	const json_t *group;
	size_t i;

	json_array_foreach(json_object_get(groups, "groups"), i, group)
		if (!strcmp(json_get_text(group, "name", ""), name))
			return json_object_get(group, "features");
	return NULL;
}

/* The share of the folds that would have the whole of it; what it is made of counts as shown. */
static double own_share(struct rounds *rounds, const json_t *own, const json_t *members, const char *name)
{
	double least = NAN;
	const char *feature;
	json_t *share;
	size_t f = 0;

	json_object_foreach((json_t *)own, feature, share) {
		bool in = !members && !strcmp(feature, name);
		const json_t *member;
		size_t m;

		json_array_foreach(members, m, member)
			in = in || !strcmp(feature, json_string_value(member));
		if (in)
			least = fmin(least, json_number_value(share)); /* NaN gives way */
		rounds->covered[f] = rounds->covered[f] || in;
		f++;
	}
	return least;
}

static int read_round(const struct plot_source *source, size_t round, const json_t *own, struct rounds *rounds, struct orch_err *err)
{
	struct csv_table selection = {0};
	json_t *groups = NULL;
	char name[64];
	int code;

	snprintf(name, sizeof name, "rounds/round_%03zu/09_stability/selection.csv", round);
	code = plot_read_csv(source, name, &selection, err);
	if (code == ORCH_EMISSING)
		return 0;
	snprintf(name, sizeof name, "rounds/round_%03zu/00_dataset/groups.json", round);
	plot_read_json(source, name, &groups, NULL); /* rounds without groups have none */
	for (size_t r = 0; r < selection.rows && !code; r++) {
		const char *unit = csv_table_cell(&selection, r, "feature");
		size_t row = find_row(rounds, unit);

		if (row == rounds->features)
			add_row(rounds, unit, own_share(rounds, own, members_of(groups, unit), unit), 0);
		rounds->shares[row * rounds->columns + round] = plot_cell(&selection, r, "helps");
		rounds->order[row] = plot_cell(&selection, r, "mean_rank") - 1e6 * (double)round; /* those that stayed longest first */
	}
	csv_table_release(&selection);
	json_decref(groups);
	return code;
}

static void draw_rounds(struct figure *figure, const struct rounds *rounds, long long folds)
{
	size_t shown = rounds->features < UNITS_SHOWN ? rounds->features : UNITS_SHOWN, *order = mem_must(rounds->features + 1, sizeof *order);
	const char **names = mem_must(shown + 1, sizeof *names), **titles = mem_must(rounds->columns + 1, sizeof *titles);
	char (*numbers)[24] = mem_must(rounds->columns + 1, sizeof *numbers), *subtitle;
	double *shares = mem_must(shown * rounds->columns + 1, sizeof *shares);
	struct axis x = {.no_grid = true, .names = titles, .name_count = rounds->columns}, y = {.no_grid = true, .names = names, .name_count = shown};
	bool written = rounds->columns <= 13;
	struct chart chart;
	struct box body;

	for (size_t f = 0; f < rounds->features; f++) {
		size_t at = f;

		for (; at && rounds->order[order[at - 1]] > rounds->order[f]; at--)
			order[at] = order[at - 1];
		order[at] = f;
	}
	for (size_t c = 0; c + 1 < rounds->columns; c++) {
		snprintf(numbers[c], sizeof *numbers, "%zu", c);
		titles[c] = numbers[c];
	}
	titles[rounds->columns - 1] = "own best";
	for (size_t i = 0; i < shown; i++) {
		names[i] = rounds->names[order[i]];
		memcpy(shares + i * rounds->columns, rounds->shares + order[i] * rounds->columns, rounds->columns * sizeof *shares);
	}
	subtitle = text_format("share of %lld folds in which it helps, by round; own best: the round that is best by the fold alone has it%s", folds,
	        shown < rounds->features ? "; what stayed longest" : "");
	figure->height = 130 + 19.0 * (double)shown;
	body = chart_page(figure, "What folds agree on", subtitle, NULL, 0);
	if (!written)
		body = chart_colour_bar(figure, body, 0, 1, false, "share", share_colour);
	chart_begin(&chart, figure, body, &x, &y);
	draw_shares(&chart, shares, shown, rounds->columns, written);
	free(order);
	free(names);
	free(titles);
	free(numbers);
	free(shares);
	free(subtitle);
}

int plot_selection_by_round(const struct plot_source *source, struct figure *figure, struct orch_err *err)
{
	struct rounds rounds = {0};
	json_t *summary = NULL, *own, *share;
	const char *name;
	size_t f = 0;
	int code = plot_read_json(source, "summary.json", &summary, err);

	own = json_object_get(json_object_get(summary, "selection"), "features");
	rounds.count = json_array_size(json_object_get(summary, "rounds"));
	rounds.columns = rounds.count + 1;
	rounds.covered = mem_must(json_object_size(own) + 1, sizeof *rounds.covered);
	if (!code && (rounds.count < 2 || !json_object_size(own)))
		code = plot_nothing(err);
	for (size_t r = 0; r < rounds.count && !code; r++)
		code = read_round(source, r, own, &rounds, err);
	json_object_foreach(own, name, share) {
		if (!rounds.covered[f] && !code)
			add_row(&rounds, name, json_number_value(share), 1e9);
		f++;
	}
	if (!code)
		draw_rounds(figure, &rounds, (long long)json_get_int(json_object_get(summary, "selection"), "folds", 0));
	for (size_t i = 0; i < rounds.features; i++)
		free(rounds.names[i]);
	free(rounds.names);
	free(rounds.order);
	free(rounds.shares);
	free(rounds.covered);
	json_decref(summary);
	return code;
}
