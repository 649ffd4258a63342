#include "orchestrator/front.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/search/pareto.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/table_file.h"

struct front {
	const struct study *study;
	const char **names; /* distinct, the first metric first */
	size_t name_count, objectives, *objective, *constrained; /* positions in names of the objectives and of what constraints name */
	double *sums;       /* of the trial at hand, by name */
	unsigned folds;     /* of it */
	int64_t *trials;
	double *values;     /* trials x names */
	size_t count, capacity;
};

static size_t position_of(struct front *front, const char *name)
{
	for (size_t i = 0; i < front->name_count; i++)
		if (!strcmp(front->names[i], name))
			return i;
	front->names[front->name_count] = name;
	return front->name_count++;
}

void front_open(const struct study *study, struct front **out)
{
	const struct spec *spec = study->spec;
	struct front *front;
	size_t most = spec->objective_count + spec->constraint_count + 2;

	*out = NULL;
	if (spec->objective_count < 2 && !spec->constraint_count)
		return;
	front = mem_must(1, sizeof *front);
	front->study = study;
	front->names = mem_must(most, sizeof *front->names);
	front->objective = mem_must(most, sizeof *front->objective);
	front->constrained = mem_must(most, sizeof *front->constrained);
	front->sums = mem_must(most, sizeof *front->sums);
	front->objective[front->objectives++] = position_of(front, study->metric->name);
	for (size_t i = 1; i < spec->objective_count; i++)
		front->objective[front->objectives++] = position_of(front, spec->objectives[i]);
	for (size_t i = 0; i < spec->constraint_count; i++)
		front->constrained[i] = position_of(front, spec->constraints[i].name);
	*out = front;
}

void front_close(struct front *front)
{
	if (!front)
		return;
	free(front->names);
	free(front->objective);
	free(front->constrained);
	free(front->sums);
	free(front->trials);
	free(front->values);
	free(front);
}

size_t front_extra(const struct front *front)
{
	return front ? front->name_count - 1 : 0;
}

const char *front_extra_name(const struct front *front, size_t i)
{
	return front->names[i + 1];
}

int front_fit(struct front *front, const struct ledger_fit *fit, struct orch_err *err)
{
	json_t *metrics = NULL;
	int code = fit->metrics ? json_parse(fit->metrics, strlen(fit->metrics), "ledger", &metrics, err) : 0;

	if (code)
		return code;
	for (size_t i = 1; i < front->name_count; i++)
		front->sums[i] += json_get_real(metrics, front->names[i], NAN);
	front->folds++;
	json_decref(metrics);
	return 0;
}

static int reserve(struct front *front, struct orch_err *err)
{
	size_t capacity = front->capacity ? 2 * front->capacity : 256;
	int64_t *trials;
	double *values;

	if (front->count < front->capacity)
		return 0;
	trials = mem_array_grow(front->trials, capacity, sizeof *trials);
	if (trials)
		front->trials = trials;
	values = trials ? mem_array_grow(front->values, capacity * front->name_count, sizeof *values) : NULL;
	if (!values)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the metrics of %zu trials", capacity);
	front->values = values;
	front->capacity = capacity;
	return 0;
}

int front_end_trial(struct front *front, int64_t trial, bool whole, double mean, double *extra, struct orch_err *err)
{
	int code = reserve(front, err);

	for (size_t i = 1; i < front->name_count; i++) {
		extra[i - 1] = whole ? front->sums[i] / front->folds : NAN;
		front->sums[i] = 0;
	}
	front->folds = 0;
	if (code || !whole)
		return code;
	front->trials[front->count] = trial;
	front->values[front->count * front->name_count] = mean;
	memcpy(front->values + front->count * front->name_count + 1, extra, (front->name_count - 1) * sizeof *extra);
	front->count++;
	return 0;
}

static bool maximises(const struct front *front, size_t name)
{
	const struct metric *metric = metric_find(front->names[name]);

	return metric && metric->maximise; /* seconds: fewer */
}

/* The problem as pareto.h takes it; its arrays are one block to free. */
static void *problem_of(const struct front *front, struct pareto_problem *out)
{
	size_t constraints = front->study->spec->constraint_count, numbers = front->count * (front->objectives + constraints);
	char *block = mem_must(1, (numbers + 1) * sizeof(double) + (constraints + 1) * sizeof(struct pareto_constraint) + front->objectives + 1);
	double *values = (double *)block, *constrained = values + front->count * front->objectives;
	struct pareto_constraint *rules = (struct pareto_constraint *)(values + numbers + 1);
	bool *maximise = (bool *)(rules + constraints + 1);

	for (size_t t = 0; t < front->count; t++) {
		for (size_t i = 0; i < front->objectives; i++)
			values[t * front->objectives + i] = front->values[t * front->name_count + front->objective[i]];
		for (size_t i = 0; i < constraints; i++)
			constrained[t * constraints + i] = front->values[t * front->name_count + front->constrained[i]];
	}
	for (size_t i = 0; i < front->objectives; i++)
		maximise[i] = maximises(front, front->objective[i]);
	for (size_t i = 0; i < constraints; i++)
		rules[i] = (struct pareto_constraint){front->study->spec->constraints[i].bound, front->study->spec->constraints[i].at_least};
	*out = (struct pareto_problem){.trials = front->count, .objectives = front->objectives, .constraint_count = constraints, .values = values, .maximise = maximise,
	        .constrained = constrained, .constraints = rules};
	return block;
}

int front_best(const struct front *front, int64_t *trial, double *mean, bool *feasible, struct orch_err *err)
{
	struct pareto_problem problem;
	void *block = problem_of(front, &problem);
	size_t best = SIZE_MAX;
	int code = front->count ? pareto_best(&problem, &best, err) : 0;

	if (!code) {
		*trial = best == SIZE_MAX ? -1 : front->trials[best];
		*mean = best == SIZE_MAX ? NAN : front->values[best * front->name_count];
		*feasible = best != SIZE_MAX && pareto_feasible(&problem, best);
	}
	free(block);
	return code;
}

static int write_rows(const struct front *front, const struct pareto_problem *problem, struct table_file *table, struct orch_err *err)
{
	size_t *list = mem_must(front->count + 1, sizeof *list), count = 0;
	int code = front->count ? pareto_front(problem, list, &count, err) : 0;

	for (size_t i = 0; i < count && !code; i++) {
		table_file_int(table, front->trials[list[i]]);
		for (size_t n = 0; n < front->name_count; n++)
			table_file_double(table, front->values[list[i] * front->name_count + n]);
		table_file_int(table, pareto_feasible(problem, list[i]));
		table_file_end_row(table);
	}
	free(list);
	return code;
}

/* What the table's columns mean: which direction is better, and what was to be kept to. */
static int write_about(const struct front *front, const struct stage_context *context, struct orch_err *err)
{
	const struct spec *spec = front->study->spec;
	json_t *objectives = json_array(), *constraints = json_array(), *object;
	int code;

	for (size_t i = 0; i < front->objectives; i++)
		json_array_append_new(objectives, json_pack("{s:s, s:b}", "name", front->names[front->objective[i]], "maximise", maximises(front, front->objective[i])));
	for (size_t i = 0; i < spec->constraint_count; i++)
		json_array_append_new(constraints, json_pack("{s:s, s:s, s:f}", "name", spec->constraints[i].name, "side", spec->constraints[i].at_least ? "min" : "max", "bound",
		        spec->constraints[i].bound));
	object = json_pack("{s:o, s:o}", "objectives", objectives, "constraints", constraints);
	code = stage_write_json(context, "front.json", object, err);
	json_decref(object);
	return code;
}

int front_write(const struct front *front, const struct stage_context *context, struct orch_err *err)
{
	struct table_column *columns = mem_must(front->name_count + 2, sizeof *columns);
	char *csv = file_join(context->folder, "front.csv"), *parquet = file_join(context->folder, "front.parquet");
	struct table_file *table = NULL;
	struct pareto_problem problem;
	void *block = problem_of(front, &problem);
	int code;

	columns[0] = (struct table_column){"trial", TABLE_INT64};
	for (size_t n = 0; n < front->name_count; n++)
		columns[n + 1] = (struct table_column){front->names[n], TABLE_DOUBLE};
	columns[front->name_count + 1] = (struct table_column){"feasible", TABLE_INT32};
	code = table_file_begin(parquet, csv, columns, front->name_count + 2, &table, err);
	if (!code)
		code = write_rows(front, &problem, table, err);
	if (table && code)
		table_file_abort(&table);
	else if (table)
		code = table_file_commit(&table, err);
	if (!code)
		code = write_about(front, context, err);
	free(block);
	free(columns);
	free(csv);
	free(parquet);
	return code;
}
