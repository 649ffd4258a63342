#include "orchestrator/task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"

void task_release(struct task *task)
{
	json_decref(task->line);
	*task = (struct task){0};
}

const char *task_end_name(enum task_end end)
{
	static const char *const names[] = {"ok", "exit", "signal", "timeout", "memory", "protocol", "error", "cancelled"};

	return names[end];
}

void task_outcome_release(struct task_outcome *outcome)
{
	json_decref(outcome->results);
	json_decref(outcome->output);
	free(outcome->text);
	*outcome = (struct task_outcome){0};
}

/* Position of a fold in the task's list; its length when it was not asked for. */
static size_t fold_position(const struct task *task, json_int_t fold)
{
	json_t *folds = json_object_get(task->line, "folds");
	size_t i;
	json_t *value;

	json_array_foreach(folds, i, value)
		if (json_integer_value(value) == fold)
			return i;
	return json_array_size(folds);
}

size_t task_fit_number(const struct task *task, const json_t *result)
{
	size_t folds = json_array_size(json_object_get(task->line, "folds"));

	return (size_t)json_get_int(result, "variant", 0) * folds + fold_position(task, json_get_int(result, "fold", 0));
}

/* Jansson refuses NaN and Infinity, so a number that parsed is finite; what is left to check is presence and kind. */
static int check_result(const json_t *object, const struct task *task, struct orch_err *err)
{
	const json_t *variant = json_object_get(object, "variant"), *fold = json_object_get(object, "fold");

	if (task->kind != TASK_FIT)
		return orch_fail(err, ORCH_EFIT, "a result for a task that asked for none");
	if (!json_is_integer(variant) || json_integer_value(variant) < 0 ||
	        (size_t)json_integer_value(variant) >= json_array_size(json_object_get(task->line, "variants")))
		return orch_fail(err, ORCH_EFIT, "a result for a variant that was not asked for");
	if (!json_is_integer(fold) || fold_position(task, json_integer_value(fold)) == json_array_size(json_object_get(task->line, "folds")))
		return orch_fail(err, ORCH_EFIT, "a result for a fold that was not asked for");
	if (json_is_string(json_object_get(object, "failed")))
		return 0;
	if (!json_is_number(json_object_get(object, "score")) && !json_is_null(json_object_get(object, "score")))
		return orch_fail(err, ORCH_EFIT, "a result without a finite score");
	if (!json_is_object(json_object_get(object, "metrics")))
		return orch_fail(err, ORCH_EFIT, "a result without metrics");
	return 0;
}

int task_parse_line(const char *line, size_t length, const struct task *task, json_t **out, struct orch_err *err)
{
	json_t *object = NULL;
	const char *type;
	int code = json_parse(line, length, "worker", &object, NULL);

	if (code || !json_is_object(object)) {
		char *shown = text_format("%.*s", (int)(length < 80 ? length : 80), line), *printable = text_printable(shown);

		code = orch_fail(err, ORCH_EFIT, "the worker wrote a line that is no JSON object: %s", printable);
		free(shown);
		free(printable);
		goto out;
	}
	type = json_get_text(object, "type", "");
	if (!strcmp(type, "ready")) {
		code = 0;
	} else if (!task || json_get_int(object, "id", -1) != task->id) {
		code = orch_fail(err, ORCH_EFIT, "the worker answered a task that it does not have");
	} else if (!strcmp(type, "result")) {
		code = check_result(object, task, err);
	} else if (strcmp(type, "done") && strcmp(type, "error") && strcmp(type, "output") && strcmp(type, "progress")) {
		code = orch_fail(err, ORCH_EFIT, "the worker wrote a line of unknown type \"%.40s\"", type);
	}
	if (!code) {
		*out = object;
		return 0;
	}
out:
	json_decref(object);
	return code;
}
