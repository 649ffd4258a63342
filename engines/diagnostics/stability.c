#include "engines/diagnostics/stability.h"

#include <math.h>
#include <stdlib.h>

#include "engines/diagnostics/diagnostics.h"
#include "engines/lofo/lofo_stats.h"
#include "engines/lofo/student.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

static size_t mean_sd(const double *values, size_t count, double *mean, double *sd)
{
	double sum = 0, squares = 0;
	size_t finite = 0;

	for (size_t i = 0; i < count; i++)
		if (isfinite(values[i])) {
			sum += values[i];
			finite++;
		}
	*mean = finite ? sum / (double)finite : NAN;
	for (size_t i = 0; i < count; i++)
		if (isfinite(values[i]))
			squares += (values[i] - *mean) * (values[i] - *mean);
	*sd = finite > 1 ? sqrt(squares / (double)(finite - 1)) : NAN;
	return finite;
}

/* ---- seeds ---- */

/* The folds that every seed has a score on, put together; returns how many. */
static size_t common_folds(const double *scores, size_t seeds, size_t folds, double *out)
{
	size_t common = 0;

	for (size_t f = 0; f < folds; f++) {
		bool all = true;

		for (size_t s = 0; s < seeds; s++)
			all = all && isfinite(scores[s * folds + f]);
		for (size_t s = 0; all && s < seeds; s++)
			out[s * folds + common] = scores[s * folds + f];
		common += all;
	}
	return common;
}

json_t *stability_seeds(const double *scores, size_t seeds, size_t folds)
{
	double *common = mem_must(seeds * folds + 1, sizeof *common), *means = mem_must(seeds + 1, sizeof *means), mean, sd, fold_sd = 0, low = NAN, high = NAN;
	size_t count = common_folds(scores, seeds, folds, common);
	bool same = count > 0;
	json_t *list, *out;

	for (size_t s = 0; s < seeds; s++) {
		double deviation;

		mean_sd(common + s * folds, count, &means[s], &deviation);
		fold_sd += deviation / (double)seeds;
		low = means[s] < low || !s ? means[s] : low;
		high = means[s] > high || !s ? means[s] : high;
		for (size_t f = 0; f < count; f++)
			same = same && common[s * folds + f] == common[f];
	}
	mean_sd(means, seeds, &mean, &sd);
	list = diagnose_array(means, seeds);
	out = json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "seeds", (json_int_t)seeds, "folds", (json_int_t)count, "scores", list, "mean", json_number_or_null(mean), "sd",
	        json_number_or_null(sd), "low", json_number_or_null(low), "high", json_number_or_null(high), "fold_sd", json_number_or_null(fold_sd), "same", same && seeds > 1);
	free(common);
	free(means);
	return out;
}

/* ---- learning curve ---- */

static json_t *point(const struct stability_curve *in, size_t at)
{
	double mean, sd, half = NAN;
	size_t n = mean_sd(in->scores + at * in->folds, in->folds, &mean, &sd);

	if (n > 1)
		half = student_critical(0.05, (double)(n - 1)) * sd * sqrt(1.0 / (double)n + in->test_train);
	return json_pack("{s:f, s:o, s:o, s:o, s:o, s:o, s:I}", "share", in->share[at], "rows", json_number_or_null(in->rows[at]), "mean", json_number_or_null(mean), "sd", json_number_or_null(sd),
	        "low", json_number_or_null(mean - half), "high", json_number_or_null(mean + half), "folds", (json_int_t)n);
}

int stability_curve(const struct stability_curve *in, json_t **out, struct orch_err *err)
{
	size_t last = in->points - 1, before = last ? last - 1 : 0;
	struct lofo_request request = {.metric = in->metric, .folds = in->folds, .with = in->scores + last * in->folds, .units = 1, .without = in->scores + before * in->folds,
	        .test_train = in->test_train};
	struct lofo_stat stat;
	json_t *points;
	int code = lofo_stats(&request, &stat, NULL, err);

	if (code)
		return code;
	points = json_array();
	for (size_t i = 0; i < in->points; i++)
		json_array_append_new(points, point(in, i));
	*out = json_pack("{s:o, s:{s:f, s:o, s:o, s:o, s:o}}", "points", points, "last", "from", in->share[before], "gain", json_number_or_null(stat.delta_mean), "low",
	        json_number_or_null(stat.ci_low), "high", json_number_or_null(stat.ci_high), "p", json_number_or_null(stat.p));
	return 0;
}

/* ---- selection ---- */

size_t stability_tops(size_t units, size_t tops[5])
{
	static const size_t some[] = {1, 3, 5, 10, 20};
	size_t count = 0;

	for (size_t i = 0; i < 5; i++)
		if (some[i] < units)
			tops[count++] = some[i];
	return count;
}

void stability_selection(const double *delta, const unsigned *rank, size_t units, size_t folds, size_t dropped, struct stability_unit *out)
{
	size_t tops[5], count = stability_tops(units, tops), *ranked = mem_must(folds + 1, sizeof *ranked);

	for (size_t i = 0; i < units * folds; i++)
		ranked[i % folds] += rank[i] > 0;
	for (size_t u = 0; u < units; u++) {
		struct stability_unit unit = {0};

		for (size_t f = 0; f < folds; f++) {
			unsigned at = rank[u * folds + f];

			if (!at)
				continue;
			unit.folds++;
			unit.mean_rank += at;
			unit.helps += delta[u * folds + f] > 0;
			unit.kept += at + dropped <= ranked[f];
			for (size_t t = 0; t < count; t++)
				unit.top[t] += at <= tops[t];
		}
		unit.mean_rank /= (double)unit.folds;
		unit.helps /= (double)unit.folds;
		unit.kept /= (double)unit.folds;
		for (size_t t = 0; t < count; t++)
			unit.top[t] /= (double)unit.folds;
		out[u] = unit;
	}
	free(ranked);
}

void stability_own_best(const struct metric *metric, const double *scores, size_t rounds, size_t folds, long *out)
{
	for (size_t f = 0; f < folds; f++) {
		out[f] = -1;
		for (size_t r = 0; r < rounds; r++) {
			double score = scores[r * folds + f];

			if (isfinite(score) && (out[f] < 0 || !metric_better(metric, scores[(size_t)out[f] * folds + f], score)))
				out[f] = (long)r;
		}
	}
}
