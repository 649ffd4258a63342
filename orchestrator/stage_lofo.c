/* 04_lofo: what each feature (or group) is worth, and what the next round does without.
 * lofo.csv / lofo.parquet: one row a unit, most important first; row_delta_mean, row_delta_se and rows_worse describe what leaving it out does to single
 * held-out rows (engines/lofo/row_deltas.h), by the loss that row_loss names; they prove nothing about zero.
 * folds.csv: the paired scores behind them. drop.json: the decision.
 * adaptive.json, where the campaign asks for adaptive folds: what they saved, and by which rule. path.*: elimination_path.h. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/lofo/adaptive.h"
#include "engines/lofo/lofo_stats.h"
#include "engines/rfe/rfe.h"
#include "orchestrator/adaptive_folds.h"
#include "orchestrator/elimination_path.h"
#include "orchestrator/row_losses.h"
#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/table_file.h"

struct lofo {
	const struct stage_context *context;
	size_t units, folds;
	double *with, *without; /* folds; units x folds */
	struct lofo_stat *stats;
	unsigned *fold_rank;
	unsigned *fitted;  /* folds of each unit, failed ones included */
	int64_t trial;     /* the chosen configuration */
	bool *unused;      /* units x folds: the model does not use the unit, so nothing was fitted and the score is the same */
	struct row_deltas *rows; /* units x folds: what happens to single rows; rows 0: not known */
	bool measured; /* there are LOFO fits at all */
};

/* ---- gathering ---- */

static int take_search(void *data, const struct ledger_fit *fit, struct orch_err *err)
{
	struct lofo *lofo = data;

	(void)err;
	if (fit->trial == lofo->trial && fit->state == LEDGER_DONE)
		adaptive_folds_unused(lofo->context->study, fit->fold, fit->metrics, lofo->unused);
	return 0;
}

/* The model is the same without the unit: so is what it says of every row. */
static int gather_unchanged(struct lofo *lofo, struct orch_err *err)
{
	struct row_deltas *unchanged = mem_must(lofo->folds + 1, sizeof *unchanged);
	int code = 0;

	for (size_t i = 0; !code && i < lofo->units * lofo->folds; i++) {
		size_t fold = i % lofo->folds;

		if (lofo->unused[i] && !(unchanged[fold].rows > 0))
			code = row_losses_unchanged(lofo->context->study, (int)fold, &unchanged[fold], err);
		if (!code && lofo->unused[i])
			lofo->rows[i] = unchanged[fold];
	}
	free(unchanged);
	return code;
}

/* Units that a program said its model does not use. */
static int gather_unused(struct lofo *lofo, struct orch_err *err)
{
	const struct stage_context *context = lofo->context;
	int code;

	if (!lofo->measured || !adaptive_folds_by_use(context->study))
		return 0;
	code = ledger_each_fit(context->ledger, context->round, stage_table[STAGE_HPO].name, take_search, lofo, err);
	for (size_t i = 0; !code && i < lofo->units * lofo->folds; i++)
		if (lofo->unused[i])
			lofo->without[i] = lofo->with[i % lofo->folds];
	return code ? code : gather_unchanged(lofo, err);
}

/* Fits of an earlier orch, and of programs that only gave a score, have none. */
static int take_rows(const struct ledger_fit *fit, struct row_deltas *out, struct orch_err *err)
{
	json_t *metrics = NULL;
	int code = fit->metrics ? json_parse(fit->metrics, strlen(fit->metrics), "ledger", &metrics, err) : 0;

	if (!code)
		row_losses_read(metrics, out);
	json_decref(metrics);
	return code;
}

static int take_fit(void *data, const struct ledger_fit *fit, struct orch_err *err)
{
	struct lofo *lofo = data;
	const struct study *study = lofo->context->study;
	const struct study_unit *unit = study_unit_find(study, fit->left_out);

	if (!unit || fit->fold < 0 || (size_t)fit->fold >= lofo->folds)
		return orch_fail(err, ORCH_EDAMAGED, "the ledger has a LOFO fit without \"%s\", fold %d, which the round does not have", fit->left_out, fit->fold);
	lofo->fitted[unit - study->units]++;
	if (fit->state == LEDGER_DONE) {
		size_t at = (size_t)(unit - study->units) * lofo->folds + (size_t)fit->fold;

		lofo->without[at] = fit->score;
		return take_rows(fit, &lofo->rows[at], err);
	}
	return 0;
}

static int gather(struct lofo *lofo, struct orch_err *err)
{
	const struct stage_context *context = lofo->context;
	struct lofo_request request = {.metric = context->study->metric, .folds = lofo->folds, .with = lofo->with, .units = lofo->units, .without = lofo->without};
	json_t *best = NULL;
	int code = stage_read_json(context, STAGE_HPO, "best.json", &best, err);

	lofo->trial = json_get_int(best, "trial", -1);
	if (!code)
		code = stage_fold_scores(context, STAGE_BASELINE, lofo->trial, "", lofo->with, err);
	json_decref(best);
	for (size_t i = 0; i < lofo->units * lofo->folds; i++)
		lofo->without[i] = NAN;
	if (!code)
		code = gather_unused(lofo, err);
	if (!code && lofo->measured)
		code = ledger_each_fit(context->ledger, context->round, stage_table[STAGE_LOFO].name, take_fit, lofo, err);
	if (!code)
		code = stage_test_train(context->study, &request.test_train, err);
	return code ? code : lofo_stats(&request, lofo->stats, lofo->fold_rank, err);
}

/* ---- tables ---- */

/* Its best and its worst rank in a fold. */
static void put_rank_range(struct table_file *table, const struct lofo *lofo, size_t unit)
{
	unsigned best = UINT_MAX, worst = 0;

	for (size_t f = 0; f < lofo->folds; f++) {
		unsigned rank = lofo->fold_rank[unit * lofo->folds + f];

		if (rank) {
			best = rank < best ? rank : best;
			worst = rank > worst ? rank : worst;
		}
	}
	if (worst) {
		table_file_int(table, best);
		table_file_int(table, worst);
	} else {
		table_file_missing(table);
		table_file_missing(table);
	}
}

/* Over the pairs of folds behind the unit's other numbers; nothing when one of them has no rows to tell of. */
static void put_rows(struct table_file *table, const struct lofo *lofo, size_t unit)
{
	const struct study *study = lofo->context->study;
	struct row_deltas *folds = mem_must(lofo->folds + 1, sizeof *folds);
	struct row_deltas_stat stat;
	bool known = lofo->stats[unit].pairs > 0;

	for (size_t f = 0; f < lofo->folds; f++)
		if (isfinite(lofo->with[f]) && isfinite(lofo->without[unit * lofo->folds + f])) {
			folds[f] = lofo->rows[unit * lofo->folds + f];
			known = known && folds[f].rows > 0;
		}
	stat = row_deltas_stat(folds, lofo->folds, study->split->k);
	free(folds);
	table_file_double(table, known ? stat.mean : NAN);
	table_file_double(table, known ? stat.se : NAN);
	table_file_double(table, known ? stat.worse : NAN);
	table_file_text(table, known && isfinite(stat.mean) ? metric_row_loss(study->metric)->name : NULL);
}

static void put_unit(struct table_file *table, const struct lofo *lofo, size_t unit, uint64_t saved)
{
	const struct lofo_stat *stat = &lofo->stats[unit];
	const double values[] = {stat->delta_mean, stat->delta_sd, stat->ci_low, stat->ci_high, stat->p, stat->p_holm, stat->p_bh, stat->score_without};

	table_file_text(table, lofo->context->study->units[unit].name);
	for (size_t i = 0; i < 8; i++)
		table_file_double(table, values[i]);
	table_file_int(table, stat->rank);
	table_file_int(table, (int64_t)stat->pairs);
	put_rank_range(table, lofo, unit);
	table_file_int(table, (int64_t)lofo->context->study->units[unit].count);
	table_file_int(table, (int64_t)saved);
	put_rows(table, lofo, unit);
	table_file_end_row(table);
}

static int write_table(const struct lofo *lofo, struct orch_err *err)
{
	static const struct table_column columns[] = {{"feature", TABLE_TEXT}, {"delta_mean", TABLE_DOUBLE}, {"delta_sd", TABLE_DOUBLE}, {"ci_low", TABLE_DOUBLE},
	        {"ci_high", TABLE_DOUBLE}, {"p", TABLE_DOUBLE}, {"p_adjusted", TABLE_DOUBLE}, {"p_bh", TABLE_DOUBLE}, {"score_without", TABLE_DOUBLE}, {"rank", TABLE_INT32},
	        {"folds_used", TABLE_INT32}, {"rank_best", TABLE_INT32}, {"rank_worst", TABLE_INT32}, {"features", TABLE_INT32}, {"fits_saved", TABLE_INT64},
	        {"row_delta_mean", TABLE_DOUBLE}, {"row_delta_se", TABLE_DOUBLE}, {"rows_worse", TABLE_DOUBLE}, {"row_loss", TABLE_TEXT}};
	char *parquet = file_join(lofo->context->folder, "lofo.parquet"), *csv = file_join(lofo->context->folder, "lofo.csv");
	const struct engine *engine = engine_find(lofo->context->study->spec->models[lofo->context->study->model].engine);
	bool shares = engine->shares & ENGINE_SHARE_LEFT_OUT;
	struct table_file *table = NULL;
	int code = table_file_begin(parquet, csv, columns, sizeof columns / sizeof *columns, &table, err);

	free(parquet);
	free(csv);
	if (code)
		return code;
	for (unsigned rank = 1; lofo->measured && rank <= lofo->units; rank++)
		for (size_t u = 0; u < lofo->units; u++)
			if (lofo->stats[u].rank == rank)
				put_unit(table, lofo, u, shares ? lofo->folds : lofo->folds - lofo->fitted[u]);
	return table_file_commit(&table, err);
}

static int write_folds(const struct lofo *lofo, struct orch_err *err)
{
	static const struct table_column columns[] = {{"feature", TABLE_TEXT}, {"fold", TABLE_INT32}, {"score_with", TABLE_DOUBLE}, {"score_without", TABLE_DOUBLE},
	        {"delta", TABLE_DOUBLE}, {"rank", TABLE_INT32}, {"repeat", TABLE_INT32}};
	char *csv = file_join(lofo->context->folder, "folds.csv");
	struct table_file *table = NULL;
	int code = table_file_begin(NULL, csv, columns, sizeof columns / sizeof *columns, &table, err);

	free(csv);
	if (code)
		return code;
	for (size_t u = 0; lofo->measured && u < lofo->units; u++)
		for (size_t f = 0; f < lofo->folds; f++) {
			double without = lofo->without[u * lofo->folds + f];

			table_file_text(table, lofo->context->study->units[u].name);
			table_file_int(table, (int64_t)f);
			table_file_double(table, lofo->with[f]);
			table_file_double(table, without);
			table_file_double(table, metric_gain(lofo->context->study->metric, lofo->with[f], without));
			if (lofo->fold_rank[u * lofo->folds + f])
				table_file_int(table, lofo->fold_rank[u * lofo->folds + f]);
			else
				table_file_missing(table);
			table_file_int(table, (int64_t)(f / lofo->context->study->split->k));
			table_file_end_row(table);
		}
	return table_file_commit(&table, err);
}

/* ---- adaptive folds ---- */

static int write_adaptive(const struct lofo *lofo, struct orch_err *err)
{
	const struct study *study = lofo->context->study;
	const char *useless = adaptive_folds_useless(study);
	uint64_t planned = lofo->units * lofo->folds, fitted = 0;
	size_t decided = 0;
	json_t *object;
	int code;

	if (!study->spec->lofo.adaptive || !lofo->measured)
		return 0;
	for (size_t u = 0; u < lofo->units; u++) {
		fitted += lofo->fitted[u];
		decided += lofo->stats[u].pairs < lofo->folds && lofo->fitted[u] < lofo->folds;
	}
	object = json_pack("{s:s, s:f, s:i, s:I, s:I, s:I, s:I, s:s?}", "rule", "one-sided Nadeau-Bengio test over the folds so far, level / looks before each further fold", "level",
	        LOFO_ADAPTIVE_LEVEL, "looks", study->folds > LOFO_ADAPTIVE_FIRST ? (int)study->folds - LOFO_ADAPTIVE_FIRST : 0, "fits_planned", (json_int_t)planned, "fits",
	        (json_int_t)fitted, "fits_saved", (json_int_t)(planned - fitted), "decided_early", (json_int_t)decided, "note", useless);
	code = stage_write_json(lofo->context, "adaptive.json", object, err);
	json_decref(object);
	return code;
}

/* ---- the decision ---- */

static int round_score(const struct stage_context *context, unsigned round, struct rfe_round *out, struct orch_err *err)
{
	json_t *metrics = NULL, *features = NULL;
	int code = stage_round_read_json(context, round, STAGE_BASELINE, "metrics.json", &metrics, err);

	if (!code)
		code = stage_round_read_json(context, round, STAGE_DATASET, "features.json", &features, err);
	if (!code)
		*out = stage_rfe_round(metrics, context->study->metric->name, json_array_size(features));
	json_decref(metrics);
	json_decref(features);
	return code;
}

static int verdict(const struct stage_context *context, enum rfe_verdict *out, struct text_buf *reason, struct orch_err *err)
{
	const struct spec_rfe *rfe = &context->study->spec->rfe;
	struct rfe_stop_rule rule = {.max_rounds = rfe->max_rounds, .min_features = rfe->min_features, .has_worse = rfe->has_stop, .worse_by = rfe->worse_by, .patience = rfe->patience};
	struct rfe_round *rounds = mem_must(context->round + 1u, sizeof *rounds);
	int code = 0;

	for (unsigned r = 0; r <= context->round && !code; r++)
		code = round_score(context, r, &rounds[r], err);
	if (!code)
		*out = rfe_stop(&rule, context->study->metric, rounds, context->round + 1u, reason);
	free(rounds);
	return code;
}

static size_t choose_units(const struct lofo *lofo, size_t *dropped, struct text_buf *reason)
{
	static const enum rfe_drop_kind kinds[] = {[SPEC_DROP_COUNT] = RFE_DROP_COUNT, [SPEC_DROP_FRACTION] = RFE_DROP_FRACTION, [SPEC_DROP_INSIGNIFICANT] = RFE_DROP_INSIGNIFICANT};
	const struct study *study = lofo->context->study;
	const struct spec_rfe *rfe = &study->spec->rfe;
	struct rfe_drop_rule rule = {.kind = kinds[rfe->drop], .count = rfe->drop_count, .fraction = rfe->drop_fraction, .min_features = rfe->min_features};
	struct rfe_unit *units = mem_must(lofo->units + 1, sizeof *units);
	size_t count;

	for (size_t u = 0; u < lofo->units; u++)
		units[u] = (struct rfe_unit){.name = study->units[u].name, .features = study->units[u].count, .importance = lofo->stats[u].delta_mean, .ci_low = lofo->stats[u].ci_low};
	count = rfe_drop(&rule, units, lofo->units, dropped, reason);
	free(units);
	return count;
}

/* Why the elimination ends here, or NULL: it goes on. */
static const char *stop_name(enum rfe_verdict verdict)
{
	static const char *const names[] = {[RFE_GO_ON] = NULL, [RFE_STOP_WORSE] = "worse", [RFE_STOP_ROUNDS] = "max_rounds", [RFE_STOP_FEATURES] = "min_features"};

	return names[verdict];
}

static json_t *decide(const struct lofo *lofo, enum rfe_verdict verdict_now, struct text_buf *reason)
{
	const struct study *study = lofo->context->study;
	size_t *dropped = mem_must(lofo->units + 1, sizeof *dropped), count = 0;
	json_t *features = json_array(), *units = json_array();
	const char *stop = stop_name(verdict_now);

	if (!study->spec->rfe.enabled || !lofo->measured) {
		stop = study->spec->rfe.enabled ? "nothing to compare" : "disabled";
		reason->length = 0;
		text_add(reason, !study->spec->rfe.enabled ? "feature elimination is switched off (rfe.enabled)" : !study->spec->lofo.enabled ? "LOFO is switched off (lofo.enabled), so nothing tells what to drop" :
		        "one feature or group is left");
	} else if (!stop) {
		count = choose_units(lofo, dropped, reason);
		if (!count)
			stop = "nothing to drop";
	}
	for (size_t i = 0; i < count; i++) {
		const struct study_unit *unit = &study->units[dropped[i]];

		json_array_append_new(units, json_string_nocheck(unit->name));
		for (size_t f = 0; f < unit->count; f++)
			json_array_append_new(features, json_string_nocheck(unit->features[f]));
	}
	free(dropped);
	return json_pack("{s:o, s:o, s:s, s:s?, s:b}", "dropped", features, "units", units, "reason", reason->data ? reason->data : "", "stop", stop, "verify",
	        count && study->spec->rfe.drop == SPEC_DROP_INSIGNIFICANT);
}

static int write_decision(const struct lofo *lofo, struct orch_err *err)
{
	struct text_buf reason = {0};
	enum rfe_verdict verdict_now = RFE_GO_ON;
	json_t *object;
	int code = verdict(lofo->context, &verdict_now, &reason, err);

	if (!code) {
		object = decide(lofo, verdict_now, &reason);
		code = stage_write_json(lofo->context, "drop.json", object, err);
		json_decref(object);
	}
	text_buf_release(&reason);
	return code;
}

int stage_lofo_write(const struct stage_context *context, struct orch_err *err)
{
	const struct study *study = context->study;
	struct lofo lofo = {.context = context, .units = study->unit_count, .folds = study->folds, .measured = study->spec->lofo.enabled && study->unit_count > 1};
	int code;

	lofo.with = mem_must(lofo.folds + 1, sizeof(double));
	lofo.without = mem_must(lofo.units * lofo.folds + 1, sizeof(double));
	lofo.stats = mem_must(lofo.units + 1, sizeof *lofo.stats);
	lofo.fold_rank = mem_must(lofo.units * lofo.folds + 1, sizeof *lofo.fold_rank);
	lofo.fitted = mem_must(lofo.units + 1, sizeof *lofo.fitted);
	lofo.unused = mem_must(lofo.units * lofo.folds + 1, sizeof *lofo.unused);
	lofo.rows = mem_must(lofo.units * lofo.folds + 1, sizeof *lofo.rows);
	code = gather(&lofo, err);
	if (!code)
		code = write_table(&lofo, err);
	if (!code)
		code = write_folds(&lofo, err);
	if (!code)
		code = write_adaptive(&lofo, err);
	if (!code)
		code = write_decision(&lofo, err);
	if (!code)
		code = elimination_path_write(context, err);
	free(lofo.with);
	free(lofo.without);
	free(lofo.stats);
	free(lofo.fold_rank);
	free(lofo.fitted);
	free(lofo.unused);
	free(lofo.rows);
	return code;
}
