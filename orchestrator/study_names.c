/* Names of what a study writes as columns: the tables are Parquet, whose names DuckDB tells apart without regard to case, so two that are equal
 * that way would fail when a round is written, long after the campaign began. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orchestrator/study.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

struct named {
	char *name;
	const char *from; /* what the campaign would change to change it */
};
struct names {
	struct named *list;
	size_t count;
};

static void add(struct names *names, const char *from, char *take_name)
{
	struct named *grown = mem_array_grow(names->list, names->count + 1, sizeof *grown);

	if (!grown)
		orch_bug("out of memory for names of columns");
	names->list = grown;
	names->list[names->count++] = (struct named){take_name, from};
}

static void add_own(struct names *names, const char *name)
{
	add(names, NULL, mem_text(name));
}

static void release(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i].name);
	free(names->list);
}

static void prediction_names(const struct study *study, struct names *names)
{
	bool several = study->target_count > 1;

	add_own(names, "row");
	if (study->id)
		add(names, "data.id", mem_text(study->id->name));
	add_own(names, "repeat");
	add_own(names, "fold");
	for (unsigned t = 0; t < study->target_count; t++) {
		add(names, "data.target", text_format(several ? "truth_%.250s" : "truth", study->target_names[t]));
		add(names, "data.target", text_format(several ? "prediction_%.250s" : "prediction", study->target_names[t]));
	}
	for (unsigned c = 0; c < study->classes; c++)
		add(names, "classes", text_format("prob_%.250s", study->class_names[c]));
}

size_t study_prediction_names(const struct study *study, char ***out)
{
	struct names names = {0};

	prediction_names(study, &names);
	*out = mem_must(names.count, sizeof **out);
	for (size_t i = 0; i < names.count; i++)
		(*out)[i] = names.list[i].name;
	free(names.list);
	return names.count;
}

static void trial_names(const struct study *study, struct names *names)
{
	const struct spec_hpo *hpo = &study->spec->hpo;

	for (size_t i = 0; i < hpo->axis_count; i++)
		add(names, "hpo.space", text_format("param_%.250s", hpo->space[i].name));
}

static const struct named *compared; /* qsort has no context; one thread, nothing outlives the call */

static int compare_names(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	int order = strcasecmp(compared[x].name, compared[y].name);

	return order ? order : (x > y) - (x < y);
}

static void tell_pair(const struct named *first, const struct named *second, const char *table, struct text_buf *problems)
{
	const char *from = second->from ? second->from : first->from ? first->from : "data";
	char *one = text_printable(first->name), *two = text_printable(second->name);

	text_add(problems, problems->length ? "\n" : "");
	if (!strcmp(from, "classes") && first->from && !strcmp(first->from, "classes"))
		text_addf(problems, "two classes of the target would be one column of %s (\"%s\" and \"%s\" %s): rename a class, for instance with data.features", table, one,
		        two, strcmp(one, two) ? "differ in case only" : "begin with the same 250 bytes");
	else if (!strcmp(from, "data.id") || (first->from && !strcmp(first->from, "data.id")))
		text_addf(problems, "data.id: a column \"%s\" cannot be carried into %s, which has a column \"%s\" of its own: rename it (in SQL: SELECT %s AS id, ...) or leave "
		        "out data.id", first->from && !strcmp(first->from, "data.id") ? one : two, table, first->from && !strcmp(first->from, "data.id") ? two : one,
		        first->from && !strcmp(first->from, "data.id") ? one : two);
	else
		text_addf(problems, "%s: \"%s\" and \"%s\" would be one column of %s: rename one of them", from, one, two, table);
	free(one);
	free(two);
}

static void check(struct names *names, const char *table, struct text_buf *problems)
{
	size_t *order = mem_must(names->count + 1, sizeof *order), told = 0;

	for (size_t i = 0; i < names->count; i++)
		order[i] = i;
	compared = names->list;
	qsort(order, names->count, sizeof *order, compare_names);
	for (size_t i = 1; i < names->count && told < 5; i++)
		if (!strcasecmp(names->list[order[i - 1]].name, names->list[order[i]].name)) {
			tell_pair(&names->list[order[i - 1]], &names->list[order[i]], table, problems);
			told++;
		}
	free(order);
	release(names);
}

/* {data} of a program has __fold beside what is read; __row is refused when the data is read. */
static void check_program_data(const struct study *study, struct text_buf *problems)
{
	bool external = false;

	for (size_t m = 0; m < study->spec->model_count; m++) {
		const struct engine *engine = engine_find(study->spec->models[m].engine);

		external = external || (engine && engine->external);
	}
	for (size_t i = 0; i < study->frame->column_count && external; i++)
		if (!strcasecmp(study->frame->columns[i].name, "__fold"))
			text_addf(problems, "%sthe data has a column \"%s\", which is the name of the fold in a program's {data}: rename it or list it in data.exclude",
			        problems->length ? "\n" : "", study->frame->columns[i].name);
}

void study_check_names(const struct study *study, struct text_buf *problems)
{
	struct names predictions = {0}, trials = {0};

	prediction_names(study, &predictions);
	check(&predictions, "predictions.parquet", problems);
	trial_names(study, &trials);
	check(&trials, "trials.parquet", problems);
	check_program_data(study, problems);
}
