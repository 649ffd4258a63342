/* Predictions of an engine turned into what is reported and scored. */
#include <math.h>

#include "orchestrator/study.h"
#include "storage/base/json.h"

#define DEGREES 57.29577951308232

static void gather_truth(const struct study *study, const uint32_t *rows, size_t count, double *out)
{
	for (unsigned t = 0; t < study->target_count; t++)
		for (size_t i = 0; i < count; i++)
			out[t * count + i] = study->truth[t * study->frame->rows + rows[i]];
}

/* Ties go to the lower class. */
static void classes_of(const double *probability, size_t count, unsigned classes, double *out)
{
	for (size_t i = 0; i < count; i++) {
		unsigned best = 0;

		for (unsigned c = 1; c < classes; c++)
			if (probability[c * count + i] > probability[best * count + i])
				best = c;
		out[i] = best;
	}
}

static void angles_of(const double *sine_cosine, size_t count, double *out)
{
	for (size_t i = 0; i < count; i++) {
		double degrees = atan2(sine_cosine[i], sine_cosine[count + i]) * DEGREES;

		out[i] = degrees < 0 ? degrees + 360 : degrees;
	}
}

int study_metric_input(const struct study *study, const uint32_t *rows, size_t count, const double *prediction, struct arena *arena,
        struct metric_input *out, struct orch_err *err)
{
	size_t targets = study->target_count;
	double *truth = arena_alloc(arena, count * targets + 1, sizeof *truth), *made = NULL, *weight = NULL;

	if (study->angle || study->task == ENGINE_CLASSIFICATION)
		made = arena_alloc(arena, count + 1, sizeof *made);
	if (study->weight)
		weight = arena_alloc(arena, count + 1, sizeof *weight);
	if (!truth || ((study->angle || study->task == ENGINE_CLASSIFICATION) && !made) || (study->weight && !weight))
		return orch_fail(err, ORCH_ENOMEM, "no memory for the scores of %zu rows", count);
	gather_truth(study, rows, count, truth);
	for (size_t i = 0; weight && i < count; i++)
		weight[i] = study->weight[rows[i]];
	*out = (struct metric_input){.n = count, .outputs = study->target_count, .truth = truth, .prediction = prediction, .weight = weight};
	if (study->angle) {
		angles_of(prediction, count, made);
		out->prediction = made;
	} else if (study->task == ENGINE_CLASSIFICATION) {
		classes_of(prediction, count, study->classes, made);
		out->prediction = made;
		out->probability = prediction;
		out->classes = study->classes;
	}
	return 0;
}

json_t *study_metrics(const struct study *study, const struct metric_input *in)
{
	json_t *object = json_object();

	for (size_t i = 0; metric_table[i]; i++)
		if (study_metric_fits(study, metric_table[i]))
			json_object_set_new(object, metric_table[i]->name, json_number_or_null(metric_table[i]->score(in)));
	return object;
}
