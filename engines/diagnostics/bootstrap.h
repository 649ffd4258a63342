/* bootstrap: percentile intervals of metrics over resampled rows (Efron 1979). Every draw is a hash of (seed, replicate, place). */
#ifndef ENGINES_DIAGNOSTICS_BOOTSTRAP_H
#define ENGINES_DIAGNOSTICS_BOOTSTRAP_H

#include <jansson.h>
#include <stdint.h>

#include "engines/metric/metric.h"

/* {replicates, METRIC: {value, low, high}} for the metrics given (NULL ends them), at 95 %; replicates: about 2 million rows in all, between 100 and
 * 1000. low and high are null when a metric is undefined on more than a tenth of the replicates. outputs 1 only. */
json_t *bootstrap_metrics(const struct metric *const *metrics, const struct metric_input *in, uint64_t seed);

#endif
