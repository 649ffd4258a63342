/* 09_stability: how far the round's results would move by chance. stability.json: the chosen configuration with other seeds and on parts of the training
 * rows, where the campaign asks for them (diagnostics.seed_repeats, diagnostics.learning_curve), and how often each feature would be chosen. scores.csv: the
 * fits behind it, the baseline's among them. selection.csv: a row for each feature or group, from the paired scores of 04_lofo; it takes no fit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/diagnostics/stability.h"
#include "orchestrator/stage.h"
#include "orchestrator/variations.h"
#include "reports/csv_table.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/table_file.h"

struct stability {
	const struct stage_context *context;
	const struct engine *engine;
	struct variations variations;
	size_t runs, folds;   /* run 0 is the baseline, run 1 + v variation v */
	int64_t trial;
	double *scores, *rows; /* runs x folds: NaN where failed; training rows */
};

/* ---- gathering ---- */

static int take_fit(void *data, const struct ledger_fit *fit, struct orch_err *err)
{
	struct stability *stability = data;
	size_t variation = variations_find(&stability->variations, fit->left_out), at;
	json_t *metrics = NULL;

	if (variation >= stability->variations.count || fit->fold < 0 || (size_t)fit->fold >= stability->folds)
		return orch_fail(err, ORCH_EDAMAGED, "the ledger has a fit \"%s\", fold %d, of stage %s, which the campaign does not have", fit->left_out, fit->fold,
		        stage_table[STAGE_STABILITY].name);
	at = (variation + 1) * stability->folds + (size_t)fit->fold;
	if (fit->state != LEDGER_DONE)
		return 0;
	stability->scores[at] = fit->score;
	if (stability->variations.list[variation].share < 1 && fit->metrics && !json_parse(fit->metrics, strlen(fit->metrics), "ledger", &metrics, NULL))
		stability->rows[at] = json_get_real(metrics, "training_rows", NAN);
	json_decref(metrics);
	return 0;
}

static int count_rows(struct stability *stability, struct orch_err *err)
{
	int code = 0;

	for (size_t f = 0; f < stability->folds && !code; f++) {
		uint32_t *train = NULL, *test = NULL;
		size_t train_count = 0, test_count = 0;

		code = split_rows(stability->context->study->split, (int)f, &train, &train_count, &test, &test_count, err);
		free(train);
		free(test);
		for (size_t r = 0; r < stability->runs && !code; r++)
			if (!r || stability->variations.list[r - 1].share >= 1)
				stability->rows[r * stability->folds + f] = (double)train_count;
	}
	return code;
}

static int gather(struct stability *stability, struct orch_err *err)
{
	const struct stage_context *context = stability->context;
	json_t *best = NULL;
	int code = stage_read_json(context, STAGE_HPO, "best.json", &best, err);

	for (size_t i = 0; i < stability->runs * stability->folds; i++)
		stability->scores[i] = stability->rows[i] = NAN;
	stability->trial = json_get_int(best, "trial", -1);
	json_decref(best);
	if (!code)
		code = stage_fold_scores(context, STAGE_BASELINE, stability->trial, "", stability->scores, err);
	if (!code)
		code = count_rows(stability, err);
	if (!code)
		code = ledger_each_fit(context->ledger, context->round, stage_table[STAGE_STABILITY].name, take_fit, stability, err);
	return code;
}

/* ---- scores ---- */

static int write_scores(const struct stability *stability, struct orch_err *err)
{
	static const struct table_column columns[] = {{"seed", TABLE_INT32}, {"share", TABLE_DOUBLE}, {"fold", TABLE_INT32}, {"training_rows", TABLE_INT64}, {"score", TABLE_DOUBLE}};
	char *csv = file_join(stability->context->folder, "scores.csv");
	struct table_file *table = NULL;
	int code = table_file_begin(NULL, csv, columns, sizeof columns / sizeof *columns, &table, err);

	free(csv);
	if (code)
		return code;
	for (size_t r = 0; r < stability->runs; r++)
		for (size_t f = 0; f < stability->folds; f++) {
			double rows = stability->rows[r * stability->folds + f];

			table_file_int(table, r ? stability->variations.list[r - 1].seed : 0);
			table_file_double(table, r ? stability->variations.list[r - 1].share : 1);
			table_file_int(table, (int64_t)f);
			if (isfinite(rows))
				table_file_int(table, (int64_t)rows);
			else
				table_file_missing(table);
			table_file_double(table, stability->scores[r * stability->folds + f]);
			table_file_end_row(table);
		}
	return table_file_commit(&table, err);
}

/* The runs that are in a comparison, in order: those with other seeds, behind the baseline; or those on parts of the rows, before it. */
static size_t choose_runs(const struct stability *stability, bool seeds, size_t *out)
{
	size_t count = 0;

	if (seeds)
		out[count++] = 0;
	for (size_t v = 0; v < stability->variations.count; v++)
		if ((stability->variations.list[v].seed > 0) == seeds)
			out[count++] = v + 1;
	if (!seeds)
		out[count++] = 0;
	return count;
}

static json_t *seeds_of(const struct stability *stability)
{
	size_t runs[VARIATIONS_MAX + 1], count = choose_runs(stability, true, runs);
	double *scores;
	json_t *out;

	if (!stability->context->study->spec->diagnostics.seed_repeats)
		return json_null();
	if (stability->engine->seedless)
		return json_pack("{s:s++}", "note", "engine ", stability->engine->name, " draws no random numbers: other seeds give the same model");
	scores = mem_must(count * stability->folds + 1, sizeof *scores);
	for (size_t r = 0; r < count; r++)
		memcpy(scores + r * stability->folds, stability->scores + runs[r] * stability->folds, stability->folds * sizeof *scores);
	out = stability_seeds(scores, count, stability->folds);
	free(scores);
	return out;
}

static int curve_of(const struct stability *stability, json_t **out, struct orch_err *err)
{
	size_t runs[VARIATIONS_MAX + 1], count = choose_runs(stability, false, runs), folds = stability->folds;
	struct stability_curve in = {.metric = stability->context->study->metric, .points = count, .folds = folds};
	double *scores, *share, *rows;
	int code;

	if (count < 2) {
		*out = json_null();
		return 0;
	}
	in.scores = scores = mem_must(count * folds + 1, sizeof *scores);
	in.share = share = mem_must(count, sizeof *share);
	in.rows = rows = mem_must(count, sizeof *rows);
	for (size_t r = 0; r < count; r++) {
		double sd;

		memcpy(scores + r * folds, stability->scores + runs[r] * folds, folds * sizeof *scores);
		share[r] = runs[r] ? stability->variations.list[runs[r] - 1].share : 1;
		stage_mean_sd(stability->rows + runs[r] * folds, (unsigned)folds, &rows[r], &sd);
	}
	code = stage_test_train(stability->context->study, &in.test_train, err);
	if (!code)
		code = stability_curve(&in, out, err);
	free(scores);
	free(share);
	free(rows);
	return code;
}

/* ---- selection ---- */

struct selection {
	size_t units, folds, dropped, shown_tops, tops[5];
	double *delta;
	unsigned *rank;
	struct stability_unit *list;
};

/* 04_lofo/folds.csv has the units one after another, each with all folds. */
static int read_selection(const struct stability *stability, struct selection *out, struct orch_err *err)
{
	const struct stage_context *context = stability->context;
	char *path = text_format("%s/%s/folds.csv", context->work, stage_table[STAGE_LOFO].name);
	struct csv_table table = {0};
	json_t *drop = NULL;
	int code = csv_table_read(path, 0, &table, err);

	if (!code)
		code = stage_read_json(context, STAGE_LOFO, "drop.json", &drop, err);
	if (!code && table.rows && table.rows != context->study->unit_count * stability->folds)
		code = orch_fail(err, ORCH_EDAMAGED, "%s has %zu rows instead of %zu", path, table.rows, context->study->unit_count * stability->folds);
	if (!code) {
		out->units = table.rows ? context->study->unit_count : 0;
		out->folds = stability->folds;
		out->dropped = json_array_size(json_object_get(drop, "units"));
		out->delta = mem_must(table.rows + 1, sizeof *out->delta);
		out->rank = mem_must(table.rows + 1, sizeof *out->rank);
		out->list = mem_must(out->units + 1, sizeof *out->list);
		for (size_t i = 0; i < table.rows; i++) {
			double rank;

			if (!text_to_double(csv_table_cell(&table, i, "delta"), &out->delta[i]))
				out->delta[i] = NAN;
			out->rank[i] = text_to_double(csv_table_cell(&table, i, "rank"), &rank) ? (unsigned)rank : 0;
		}
		out->shown_tops = stability_tops(out->units, out->tops);
		stability_selection(out->delta, out->rank, out->units, out->folds, out->dropped, out->list);
	}
	csv_table_release(&table);
	json_decref(drop);
	free(path);
	return code;
}

/* The most chosen first; equal ones by their mean rank, then in the order of the columns. */
static size_t *order_units(const struct selection *selection)
{
	size_t *order = mem_must(selection->units + 1, sizeof *order);

	for (size_t u = 0; u < selection->units; u++) {
		double rank = selection->list[u].mean_rank;
		size_t at = u;

		while (at && (selection->list[order[at - 1]].mean_rank > rank || (isnan(selection->list[order[at - 1]].mean_rank) && isfinite(rank)))) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = u;
	}
	return order;
}

static int write_selection(const struct stability *stability, const struct selection *selection, struct orch_err *err)
{
	static const struct table_column columns[] = {{"feature", TABLE_TEXT}, {"folds", TABLE_INT32}, {"mean_rank", TABLE_DOUBLE}, {"helps", TABLE_DOUBLE}, {"kept", TABLE_DOUBLE}, {"top_1", TABLE_DOUBLE},
	        {"top_3", TABLE_DOUBLE}, {"top_5", TABLE_DOUBLE}, {"top_10", TABLE_DOUBLE}, {"top_20", TABLE_DOUBLE}};
	char *csv = file_join(stability->context->folder, "selection.csv");
	size_t *order = order_units(selection);
	struct table_file *table = NULL;
	int code = table_file_begin(NULL, csv, columns, 5 + selection->shown_tops, &table, err);

	free(csv);
	for (size_t i = 0; i < selection->units && !code; i++) {
		const struct stability_unit *unit = &selection->list[order[i]];

		table_file_text(table, stability->context->study->units[order[i]].name);
		table_file_int(table, (int64_t)unit->folds);
		table_file_double(table, unit->mean_rank);
		table_file_double(table, unit->helps);
		table_file_double(table, unit->kept);
		for (size_t t = 0; t < selection->shown_tops; t++)
			table_file_double(table, unit->folds ? unit->top[t] : NAN);
		table_file_end_row(table);
	}
	free(order);
	return code ? code : table_file_commit(&table, err);
}

static json_t *selection_of(const struct stability *stability, const struct selection *selection)
{
	const struct study *study = stability->context->study;
	size_t always = 0, never = 0;

	if (!selection->units)
		return json_null();
	for (size_t u = 0; u < selection->units; u++) {
		always += selection->list[u].helps >= 1;
		never += selection->list[u].helps <= 0;
	}
	return json_pack("{s:I, s:i, s:i, s:I, s:I, s:I}", "units", (json_int_t)selection->units, "folds", (int)study->folds, "repeats", (int)study->split->repeats, "dropped",
	        (json_int_t)selection->dropped, "helps_always", (json_int_t)always, "helps_never", (json_int_t)never);
}

/* ---- all ---- */

static int write_summary(const struct stability *stability, const struct selection *selection, struct orch_err *err)
{
	const struct metric *metric = stability->context->study->metric;
	json_t *curve = NULL, *object;
	int code = curve_of(stability, &curve, err);

	if (code)
		return code;
	object = json_pack("{s:s, s:b, s:s, s:I, s:o, s:o, s:o}", "metric", metric->name, "maximise", metric->maximise, "engine", stability->engine->name, "trial",
	        (json_int_t)stability->trial, "seeds", seeds_of(stability), "curve", curve, "selection", selection_of(stability, selection));
	code = stage_write_json(stability->context, "stability.json", object, err);
	json_decref(object);
	return code;
}

int stage_stability_write(const struct stage_context *context, struct orch_err *err)
{
	const struct study *study = context->study;
	struct stability stability = {.context = context, .engine = engine_find(study->spec->models[study->model].engine), .folds = study->folds};
	struct selection selection = {0};
	int code;

	variations_of(study->spec, stability.engine, &stability.variations);
	stability.runs = stability.variations.count + 1;
	stability.scores = mem_must(stability.runs * stability.folds + 1, sizeof(double));
	stability.rows = mem_must(stability.runs * stability.folds + 1, sizeof(double));
	code = gather(&stability, err);
	if (!code)
		code = read_selection(&stability, &selection, err);
	if (!code && stability.variations.count)
		code = write_scores(&stability, err);
	if (!code && selection.units)
		code = write_selection(&stability, &selection, err);
	if (!code)
		code = write_summary(&stability, &selection, err);
	free(stability.scores);
	free(stability.rows);
	free(selection.delta);
	free(selection.rank);
	free(selection.list);
	return code;
}
