/* The part of 07_diagnostics that asks the saved model: effects.json, the partial dependence of the prediction on each feature. The model is read once, for
 * stage_shap.c too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/diagnostics/effects.h"
#include "engines/features/spearman.h"
#include "engines/model/saved_model.h"
#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"

#define PREDICTIONS_MOST 300000 /* rows asked for in all */
#define EFFECTS_SHOWN 9

struct asked {
	const struct study *study;
	struct saved_model *model;
	struct saved_input *inputs;
	struct diagnose_column *columns;
	double *values; /* rows x features, row-major */
	size_t rows;
};

static int read_model(const struct stage_context *context, struct asked *asked, struct orch_err *err)
{
	const struct study *study = context->study;
	char *folder = file_join(context->work, stage_table[STAGE_BASELINE].name), *path = file_join(folder, "model.json"), *text = NULL;
	struct saved_source source = {.where = "model.json", .input_count = study->feature_count, .outputs = study->outputs,
	        .classes = study->task == ENGINE_CLASSIFICATION ? study->classes : 0};
	json_t *input = NULL;
	int code = stage_read_json(context, STAGE_BASELINE, "input.json", &input, err);

	asked->inputs = mem_must(study->feature_count + 1, sizeof *asked->inputs);
	asked->columns = mem_must(study->feature_count + 1, sizeof *asked->columns);
	for (size_t f = 0; f < study->feature_count; f++) {
		const struct column *column = study->features[f];
		bool category = column->kind == COLUMN_CATEGORY;

		asked->inputs[f] = (struct saved_input){column->name, category ? column->level_count : 0, category ? column->levels : NULL};
		asked->columns[f] = (struct diagnose_column){.name = column->name, .levels = category ? column->levels : NULL, .level_count = category ? column->level_count : 0};
	}
	if (!code)
		code = file_read(path, 0, &text, &source.length, err);
	if (!code) {
		source.engine = json_get_text(input, "engine", "");
		source.inputs = asked->inputs;
		source.text = text;
		code = saved_model_read(&source, &asked->model, err);
	}
	json_decref(input);
	free(text);
	free(path);
	free(folder);
	return code;
}

/* Rows chosen by a hash; those that lack what the model cannot do without are left out. */
static void take_rows(struct asked *asked)
{
	const struct study *study = asked->study;
	size_t most = PREDICTIONS_MOST / (20 * study->feature_count + 1), count = study->frame->rows;
	uint32_t *rows = mem_must(count + 1, sizeof *rows);

	most = most > 300 ? 300 : most < 40 ? 40 : most;
	for (size_t i = 0; i < count; i++)
		rows[i] = (uint32_t)i;
	count = spearman_sample(rows, count, most, address_text(study->spec->seed, "effects rows"));
	asked->values = mem_must(count * study->feature_count + 1, sizeof *asked->values);
	for (size_t i = 0; i < count; i++) {
		double *row = asked->values + asked->rows * study->feature_count;
		bool whole = true;

		for (size_t f = 0; f < study->feature_count; f++) {
			row[f] = column_value(study->features[f], rows[i]);
			if (study->features[f]->kind == COLUMN_CATEGORY && row[f] < 0)
				row[f] = NAN;
			whole = whole && (isfinite(row[f]) || !saved_model_needs(asked->model, f));
		}
		asked->rows += whole;
	}
	free(rows);
}

static int predict(void *state, const double *values, size_t rows, double *out, struct orch_err *err)
{
	return saved_model_predict(state, values, rows, out, err);
}

/* The baseline's engine; malloc'd, "" where it saved no model. */
static char *engine_of(const struct stage_context *context)
{
	char *path = text_format("%s/%s/input.json", context->work, stage_table[STAGE_BASELINE].name), *engine;
	json_t *input = NULL;

	engine = mem_text(file_exists(path) && !json_read_file(path, &input, NULL) ? json_get_text(input, "engine", "") : "");
	json_decref(input);
	free(path);
	return engine;
}

/* An engine that saves no model, an angle (whose two outputs mean nothing alone) and several classes have no effects: an empty list. */
int stage_effects_write(const struct stage_context *context, json_t **out, struct orch_err *err)
{
	const struct study *study = context->study;
	struct asked asked = {.study = study};
	char *engine = engine_of(context);
	bool known = saved_model_known(engine), possible = known && !study->angle && (study->task != ENGINE_CLASSIFICATION || study->classes == 2);
	json_t *list = NULL;
	int code = known ? read_model(context, &asked, err) : 0;

	if (!code && possible) {
		struct effects_model model = {.state = asked.model, .outputs = study->task == ENGINE_CLASSIFICATION ? study->classes : study->outputs,
		        .shown = study->task == ENGINE_CLASSIFICATION, .predict = predict};

		take_rows(&asked);
		if (asked.rows)
			code = effects(&model, asked.values, asked.rows, asked.columns, study->feature_count, EFFECTS_SHOWN, &list, err);
	}
	if (!code)
		code = stage_shap_write(context, study->spec->models[study->model].engine, asked.model, err);
	if (code)
		json_decref(list);
	else
		*out = json_pack("{s:I, s:s, s:o}", "rows", (json_int_t)asked.rows, "of", study->task == ENGINE_CLASSIFICATION ? study->class_names[1] : study->target_names[0], "features",
		        list ? list : json_array());
	saved_model_close(asked.model);
	free(engine);
	free(asked.inputs);
	free(asked.columns);
	free(asked.values);
	return code;
}
