#include "engines/model/saved_model.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/mem.h"

static const struct saved_format *const formats[] = {&saved_ridge, &saved_elasticnet, &saved_logistic, &saved_forest, &saved_xgboost, NULL};

struct saved_model {
	const struct saved_format *format;
	void *state;
};

size_t saved_input_find(const struct saved_source *source, const char *name)
{
	for (size_t i = 0; i < source->input_count; i++)
		if (!strcmp(source->inputs[i].name, name))
			return i;
	return SIZE_MAX;
}

int saved_model_foreign(const struct saved_source *source, struct orch_err *err)
{
	return orch_fail(err, ORCH_EDAMAGED, "%s: this is no model that the engine \"%s\" saved for these features, or it was changed since", source->where, source->engine);
}

static const struct saved_format *format_of(const char *engine)
{
	for (size_t f = 0; formats[f]; f++)
		if (!strcmp(formats[f]->engine, engine))
			return formats[f];
	return NULL;
}

bool saved_model_known(const char *engine)
{
	return format_of(engine) != NULL;
}

int saved_model_read(const struct saved_source *source, struct saved_model **out, struct orch_err *err)
{
	struct saved_model model = {.format = format_of(source->engine)};
	int code;

	if (!model.format)
		return orch_fail(err, ORCH_EINPUT, "the engine \"%s\" saves no model that orch can predict with", source->engine);
	code = model.format->read(source, &model.state, err);
	if (code)
		return code;
	*out = mem_must(1, sizeof **out);
	**out = model;
	return 0;
}

void saved_model_close(struct saved_model *model)
{
	if (!model)
		return;
	model->format->close(model->state);
	free(model);
}

bool saved_model_needs(const struct saved_model *model, size_t input)
{
	return model->format->needs(model->state, input);
}

int saved_model_predict(const struct saved_model *model, const double *values, size_t rows, double *out, struct orch_err *err)
{
	return model->format->predict(model->state, values, rows, out, err);
}

bool saved_model_scores(const struct saved_model *model, struct saved_scores *out, size_t *classes)
{
	return model->format->scores(model->state, out, classes);
}

int saved_model_explain(const struct saved_model *model, const double *values, size_t rows, double *out, double *base, struct orch_err *err)
{
	return model->format->explain(model->state, values, rows, out, base, err);
}
