#include "orchestrator/row_losses.h"

#include <stdlib.h>
#include <string.h>

#include "orchestrator/stage.h"
#include "storage/base/mem.h"

void row_losses_release(struct row_losses *losses)
{
	free(losses->loss);
	free(losses->cluster);
	free(losses->scratch);
	*losses = (struct row_losses){0};
}

/* Rows of a group are one observation: what happens to one of them happens to the others. */
static int take_clusters(struct row_losses *losses, const struct study *study, const struct engine_fold *fold, struct orch_err *err)
{
	const struct spec_split *split = &study->spec->split;
	const struct column *column = split->kind == SPEC_FOLDS_GROUP && split->by ? frame_column(study->frame, split->by) : NULL;
	double *value;

	if (!column)
		return 0;
	value = mem_array(fold->test_count + 1, sizeof *value);
	losses->cluster = mem_array(fold->test_count + 1, sizeof *losses->cluster);
	losses->scratch = mem_array(2 * fold->test_count + 1, sizeof *losses->scratch);
	if (!value || !losses->cluster || !losses->scratch) {
		free(value);
		return orch_fail(err, ORCH_ENOMEM, "no memory for the groups of %zu rows", fold->test_count);
	}
	column_gather(column, fold->test, fold->test_count, value);
	losses->clusters = row_deltas_clusters(value, fold->test_count, losses->scratch, losses->cluster);
	free(value);
	return 0;
}

static int take_losses(struct row_losses *losses, const struct study *study, const char *path, const struct engine_fold *fold, struct orch_err *err)
{
	const struct metric_row_loss *loss = metric_row_loss(study->metric);
	struct arena arena = {0};
	struct metric_input in;
	uint32_t *rows;
	double *prediction;
	size_t count = 0;
	int code = stage_read_predictions(study, path, &arena, &rows, &count, &prediction, err);

	if (!code && (count != fold->test_count || memcmp(rows, fold->test, count * sizeof *rows)))
		code = orch_fail(err, ORCH_EDAMAGED, "%s has predictions of other rows than the fold holds out", path);
	if (!code)
		code = study_metric_input(study, rows, count, prediction, &arena, &in, err);
	if (!code && !(losses->loss = mem_array(count + 1, sizeof *losses->loss)))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for the losses of %zu rows", count);
	if (!code)
		metric_row_losses(loss, &in, losses->loss);
	arena_release(&arena);
	return code;
}

int row_losses_load(struct row_losses *losses, const struct study *study, const char *path, const struct engine_fold *fold, struct orch_err *err)
{
	int code;

	if (losses->fold == fold)
		return 0;
	row_losses_release(losses);
	code = take_losses(losses, study, path, fold, err);
	if (!code)
		code = take_clusters(losses, study, fold, err);
	if (code)
		row_losses_release(losses);
	else
		losses->fold = fold;
	return code;
}

static struct row_deltas_request request_of(const struct row_losses *losses, size_t rows, const double *without, const double *weight)
{
	return (struct row_deltas_request){.rows = rows, .with = losses->loss, .without = without, .weight = weight, .cluster = losses->cluster,
	        .clusters = losses->clusters, .scratch = losses->scratch};
}

int row_losses_note(struct row_losses *losses, const struct metric *metric, const struct metric_input *in, json_t *metrics, struct orch_err *err)
{
	double *without = mem_array(in->n + 1, sizeof *without);
	struct row_deltas_request request = request_of(losses, in->n, without, in->weight);
	struct row_deltas sums;

	if (!without)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the losses of %zu rows", in->n);
	metric_row_losses(metric_row_loss(metric), in, without);
	if (row_deltas_sum(&request, &sums))
		json_object_set_new(metrics, ROW_DELTAS, json_pack("[I, I, I, f, f, f, f, f]", (json_int_t)sums.rows, (json_int_t)sums.worse, (json_int_t)sums.clusters, sums.weight,
		        sums.sum, sums.squares, sums.cross, sums.weight_squares));
	free(without);
	return 0;
}

int row_losses_unchanged(const struct study *study, int fold, struct row_deltas *out, struct orch_err *err)
{
	struct row_losses losses = {0};
	struct engine_fold rows = {0};
	uint32_t *train = NULL, *test = NULL;
	double *weight = NULL;
	int code = split_rows(study->split, fold, &train, &rows.train_count, &test, &rows.test_count, err);

	rows.test = test;
	if (!code)
		code = take_clusters(&losses, study, &rows, err);
	if (!code && study->weight && !(weight = mem_array(rows.test_count + 1, sizeof *weight)))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for the weights of %zu rows", rows.test_count);
	for (size_t i = 0; !code && weight && i < rows.test_count; i++)
		weight[i] = study->weight[test[i]];
	if (!code) {
		struct row_deltas_request request = request_of(&losses, rows.test_count, NULL, weight);

		row_deltas_sum(&request, out);
	}
	row_losses_release(&losses);
	free(weight);
	free(train);
	free(test);
	return code;
}

bool row_losses_read(const json_t *metrics, struct row_deltas *out)
{
	const json_t *list = json_object_get(metrics, ROW_DELTAS);
	double values[8];

	for (size_t i = 0; i < 8; i++) {
		if (!json_is_number(json_array_get(list, i)))
			return false;
		values[i] = json_number_value(json_array_get(list, i));
	}
	*out = (struct row_deltas){.rows = values[0], .worse = values[1], .clusters = values[2], .weight = values[3], .sum = values[4], .squares = values[5],
	        .cross = values[6], .weight_squares = values[7]};
	return true;
}
