#include "engines/diagnostics/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/diagnostics/diagnostics.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

struct sample {
	double *truth, *prediction, *probability, *weight;
	struct metric_input in;
};

static void resample(const struct metric_input *in, struct sample *sample, uint64_t key)
{
	for (size_t i = 0; i < in->n; i++) {
		size_t from = (size_t)address_below(address_hash(key, i), in->n);

		sample->truth[i] = in->truth[from];
		sample->prediction[i] = in->prediction[from];
		for (unsigned c = 0; in->probability && c < in->classes; c++)
			sample->probability[c * in->n + i] = in->probability[c * in->n + from];
		if (in->weight)
			sample->weight[i] = in->weight[from];
	}
}

json_t *bootstrap_metrics(const struct metric *const *metrics, const struct metric_input *in, uint64_t seed)
{
	size_t replicates = in->n ? 2000000 / in->n : 0, count = 0;
	struct sample sample = {.in = *in, .truth = mem_must(in->n + 1, sizeof(double)), .prediction = mem_must(in->n + 1, sizeof(double)),
	        .probability = mem_must(in->n * (in->probability ? in->classes : 0) + 1, sizeof(double)), .weight = mem_must(in->n + 1, sizeof(double))};
	json_t *out = json_object();
	double *values;

	replicates = replicates < 100 ? 100 : replicates > 1000 ? 1000 : replicates;
	sample.in.truth = sample.truth;
	sample.in.prediction = sample.prediction;
	sample.in.probability = in->probability ? sample.probability : NULL;
	sample.in.weight = in->weight ? sample.weight : NULL;
	while (metrics[count])
		count++;
	values = mem_must(count * replicates + 1, sizeof *values);
	for (size_t r = 0; r < replicates && in->n; r++) {
		resample(in, &sample, address_hash(address_text(seed, "bootstrap"), r));
		for (size_t m = 0; m < count; m++)
			values[m * replicates + r] = metrics[m]->score(&sample.in);
	}
	json_object_set_new(out, "replicates", json_integer((json_int_t)replicates));
	for (size_t m = 0; m < count && in->n; m++) {
		double *own = values + m * replicates;
		size_t n = 0;

		for (size_t r = 0; r < replicates; r++)
			if (isfinite(own[r]))
				own[n++] = own[r];
		diagnose_sort(own, n);
		json_object_set_new(out, metrics[m]->name, json_pack("{s:o, s:o, s:o}", "value", json_number_or_null(metrics[m]->score(in)), "low",
		        json_number_or_null(10 * n >= 9 * replicates ? diagnose_quantile(own, n, 0.025) : NAN), "high",
		        json_number_or_null(10 * n >= 9 * replicates ? diagnose_quantile(own, n, 0.975) : NAN)));
	}
	free(values);
	free(sample.truth);
	free(sample.prediction);
	free(sample.probability);
	free(sample.weight);
	return out;
}
