/* What single rows lose: losses that add up to their metric, sums by the definitions, groups, repeats, and what is not known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/address.h"
#include "engines/lofo/row_deltas.h"
#include "engines/metric/metric.h"

#define ROWS 240
#define GROUPS 17
#define FOLDS 6 /* two repeats of three */

static double unit(const char *what, uint64_t i)
{
	return address_unit(address_hash(address_text(11, what), i));
}

/* ---- losses ---- */

static double mean_loss(const char *metric, const struct metric_input *in, const char *name)
{
	const struct metric_row_loss *loss = metric_row_loss(metric_find(metric));
	double out[ROWS], sum = 0, total = 0;

	assert_string_equal(loss->name, name);
	metric_row_losses(loss, in, out);
	for (size_t i = 0; i < in->n; i++) {
		double w = in->weight ? in->weight[i] : 1;

		sum += w * out[i];
		total += w;
	}
	return sum / total;
}

static double score(const char *metric, const struct metric_input *in)
{
	return metric_find(metric)->score(in);
}

static void row_loss__means_are_the_metrics(void **state)
{
	double truth[2 * ROWS], prediction[2 * ROWS], weight[ROWS], squared;
	struct metric_input in = {.n = ROWS, .outputs = 2, .truth = truth, .prediction = prediction, .weight = weight};

	(void)state;
	for (size_t i = 0; i < 2 * ROWS; i++) {
		truth[i] = 1 + unit("truth", i);
		prediction[i] = 1 + unit("prediction", i);
		weight[i % ROWS] = unit("weight", i % ROWS);
	}
	assert_float_equal(mean_loss("mse", &in, "squared_error"), score("mse", &in), 1e-13);
	assert_float_equal(mean_loss("mae", &in, "absolute_error"), score("mae", &in), 1e-13);
	assert_float_equal(mean_loss("mape", &in, "relative_error"), score("mape", &in), 1e-13);
	in.outputs = 1;
	squared = score("rmse", &in) * score("rmse", &in);
	assert_float_equal(mean_loss("rmse", &in, "squared_error"), squared, 1e-13);
	assert_float_equal(mean_loss("r2", &in, "squared_error"), squared, 1e-13);
}

static void row_loss__angles(void **state)
{
	double truth[ROWS], prediction[ROWS];
	struct metric_input in = {.n = ROWS, .outputs = 1, .truth = truth, .prediction = prediction};

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		truth[i] = 360 * unit("truth", i);
		prediction[i] = fmod(truth[i] + 60 * unit("prediction", i) + 330, 360); /* often across 0 */
	}
	assert_float_equal(mean_loss("cmae", &in, "angle"), score("cmae", &in), 1e-12);
	assert_float_equal(mean_loss("circular_r", &in, "angle"), score("cmae", &in), 1e-12);
	assert_float_equal(sqrt(mean_loss("crmse", &in, "squared_angle")), score("crmse", &in), 1e-12);
	assert_float_equal(mean_loss("within_5", &in, "beyond_5"), 1 - score("within_5", &in), 1e-12);
	assert_float_equal(mean_loss("within_10", &in, "beyond_10"), 1 - score("within_10", &in), 1e-12);
	assert_float_equal(mean_loss("within_22_5", &in, "beyond_22_5"), 1 - score("within_22_5", &in), 1e-12);
}

static void check_classes(unsigned classes)
{
	double truth[ROWS], prediction[ROWS], probability[3 * ROWS];
	struct metric_input in = {.n = ROWS, .outputs = 1, .classes = classes, .truth = truth, .prediction = prediction, .probability = probability};

	for (size_t i = 0; i < ROWS; i++) {
		double sum = 0;

		truth[i] = (double)(i % classes);
		prediction[i] = 0;
		for (unsigned c = 0; c < classes; c++)
			sum += probability[c * ROWS + i] = unit("probability", c * ROWS + i) + 0.01;
		for (unsigned c = 0; c < classes; c++) {
			probability[c * ROWS + i] /= sum;
			if (probability[c * ROWS + i] > probability[(size_t)prediction[i] * ROWS + i])
				prediction[i] = c;
		}
	}
	probability[(size_t)truth[5] * ROWS + 5] = 0; /* clipped alike */
	assert_float_equal(mean_loss("logloss", &in, "log_loss"), score("logloss", &in), 1e-13);
	assert_float_equal(mean_loss("auc", &in, "log_loss"), score("logloss", &in), 1e-13);
	assert_float_equal(mean_loss("brier", &in, "brier"), score("brier", &in), 1e-13);
	assert_float_equal(mean_loss("accuracy", &in, "wrong_class"), 1 - score("accuracy", &in), 1e-13);
}

static void row_loss__classes(void **state)
{
	(void)state;
	check_classes(2);
	check_classes(3);
}

static void row_loss__every_metric_has_one(void **state)
{
	(void)state;
	for (size_t m = 0; metric_table[m]; m++) {
		const struct metric_row_loss *loss = metric_row_loss(metric_table[m]);

		if (!loss)
			fail_msg("%s has no loss of a row", metric_table[m]->name);
		assert_true(!loss->part != !loss->fill);
	}
}

/* ---- sums ---- */

struct problem {
	double with[FOLDS][ROWS], without[FOLDS][ROWS], weight[FOLDS][ROWS];
	double group[FOLDS][ROWS];
	uint32_t cluster[FOLDS][ROWS];
	struct row_deltas sums[FOLDS];
};

/* Fold f of a repeat holds out the groups that are f modulo 3. */
static void make(struct problem *p, bool weights, bool groups)
{
	for (size_t f = 0; f < FOLDS; f++) {
		double scratch[2 * ROWS];
		struct row_deltas_request request = {.rows = ROWS, .with = p->with[f], .without = p->without[f], .weight = weights ? p->weight[f] : NULL, .scratch = scratch};

		for (size_t i = 0; i < ROWS; i++) {
			uint64_t at = f * ROWS + i;

			p->group[f][i] = 3 * floor(GROUPS * unit("group", at)) + (double)(f % 3) + 0.5;
			p->with[f][i] = unit("with", at);
			p->without[f][i] = p->with[f][i] + 0.3 * unit("d", at) - 0.1 + 0.2 * unit("of a group", (uint64_t)p->group[f][i]);
			p->weight[f][i] = weights ? 0.5 + unit("w", at) : 1;
		}
		if (groups) {
			request.clusters = row_deltas_clusters(p->group[f], ROWS, scratch, p->cluster[f]);
			request.cluster = p->cluster[f];
		}
		assert_true(row_deltas_sum(&request, &p->sums[f]));
	}
}

/* The long way: every row of a repeat in memory, groups looked up by value. */
static double naive_se(const struct problem *p, size_t repeat, bool groups, double *weight)
{
	double mean = 0, total = 0, squares = 0;
	size_t clusters = 0;

	for (size_t f = 3 * repeat; f < 3 * repeat + 3; f++)
		for (size_t i = 0; i < ROWS; i++) {
			mean += p->weight[f][i] * (p->without[f][i] - p->with[f][i]);
			total += p->weight[f][i];
		}
	mean /= total;
	for (size_t f = 3 * repeat; f < 3 * repeat + 3; f++)
		for (size_t i = 0; i < ROWS; i++) {
			double residual = 0;
			bool first = true;

			for (size_t j = 0; j < ROWS; j++)
				if (groups ? p->group[f][j] == p->group[f][i] : i == j) {
					first = first && j >= i;
					residual += p->weight[f][j] * (p->without[f][j] - p->with[f][j] - mean);
				}
			if (first) {
				squares += residual * residual;
				clusters++;
			}
		}
	*weight = total;
	return sqrt(squares * (double)clusters / ((double)clusters - 1)) / total;
}

static void check_twin(bool weights, bool groups)
{
	struct problem *p = calloc(1, sizeof *p);
	double sum = 0, total = 0, worse = 0, se[2], weight[2];
	struct row_deltas_stat stat;

	assert_non_null(p);
	make(p, weights, groups);
	for (size_t f = 0; f < FOLDS; f++)
		for (size_t i = 0; i < ROWS; i++) {
			sum += p->weight[f][i] * (p->without[f][i] - p->with[f][i]);
			total += p->weight[f][i];
			worse += p->without[f][i] > p->with[f][i];
		}
	stat = row_deltas_stat(p->sums, FOLDS, 3);
	se[0] = naive_se(p, 0, groups, &weight[0]);
	se[1] = naive_se(p, 1, groups, &weight[1]);
	assert_float_equal(stat.mean, sum / total, 1e-12);
	assert_float_equal(stat.worse, worse / (FOLDS * ROWS), 1e-15);
	assert_float_equal(stat.se, (weight[0] * se[0] + weight[1] * se[1]) / total, 1e-12);
	free(p);
}

static void row_deltas__like_the_long_way(void **state)
{
	(void)state;
	check_twin(false, false);
	check_twin(true, false);
	check_twin(false, true);
	check_twin(true, true);
}

/* d = 1, 2, 3, 6: mean 3, sample deviation sqrt(14/3), over sqrt(4). In pairs: totals 3 and 9, two observations. */
static void row_deltas__by_hand(void **state)
{
	static const double with[4] = {0}, without[4] = {1, 2, 3, 6}, group[4] = {7, 7, -1, -1};
	double scratch[8];
	uint32_t cluster[4];
	struct row_deltas_request request = {.rows = 4, .with = with, .without = without, .scratch = scratch};
	struct row_deltas sums;
	struct row_deltas_stat stat;

	(void)state;
	assert_true(row_deltas_sum(&request, &sums));
	stat = row_deltas_stat(&sums, 1, 1);
	assert_float_equal(stat.mean, 3, 1e-15);
	assert_float_equal(stat.se, sqrt(14 / 3.0) / 2, 1e-15);
	assert_float_equal(stat.worse, 1, 0);
	request.clusters = row_deltas_clusters(group, 4, scratch, cluster);
	request.cluster = cluster;
	assert_int_equal(request.clusters, 2);
	assert_true(cluster[0] == 1 && cluster[1] == 1 && cluster[2] == 0 && cluster[3] == 0);
	assert_true(row_deltas_sum(&request, &sums));
	stat = row_deltas_stat(&sums, 1, 1);
	assert_float_equal(stat.mean, 3, 1e-15);
	assert_float_equal(stat.se, sqrt(2 * (9 + 9)) / 4, 1e-15);
}

/* A repeat that says the same again adds nothing to what is known. */
static void row_deltas__repeats_are_no_new_rows(void **state)
{
	struct problem *p = calloc(1, sizeof *p);
	struct row_deltas twice[6];
	struct row_deltas_stat once, again;

	(void)state;
	assert_non_null(p);
	make(p, false, true);
	memcpy(twice, p->sums, 3 * sizeof *twice);
	memcpy(twice + 3, p->sums, 3 * sizeof *twice);
	once = row_deltas_stat(twice, 3, 3);
	again = row_deltas_stat(twice, 6, 3);
	assert_float_equal(again.mean, once.mean, 1e-15);
	assert_float_equal(again.se, once.se, 1e-15);
	free(p);
}

static void row_deltas__edges(void **state)
{
	static const double with[3] = {1, 2, 3}, undefined[3] = {1, NAN, 2}, infinite[3] = {1, INFINITY, 2};
	struct row_deltas sums = {.rows = -1}, folds[2] = {{0}};
	struct row_deltas_request request = {.rows = 3, .with = with, .without = undefined};
	struct row_deltas_stat stat = row_deltas_stat(folds, 2, 2);

	(void)state;
	assert_true(isnan(stat.mean) && isnan(stat.se) && isnan(stat.worse));
	assert_false(row_deltas_sum(&request, &sums));
	request.without = infinite;
	assert_false(row_deltas_sum(&request, &sums));
	assert_float_equal(sums.rows, -1, 0);
	request.without = with; /* no row changes: no difference, and a standard error of nothing, which is no proof */
	assert_true(row_deltas_sum(&request, &folds[1]));
	request.with = request.without = NULL;
	assert_true(row_deltas_sum(&request, &sums));
	assert_memory_equal(&sums, &folds[1], sizeof sums);
	stat = row_deltas_stat(folds, 2, 2);
	assert_true(stat.mean == 0 && stat.se == 0 && stat.worse == 0);
	request.rows = 1;
	assert_true(row_deltas_sum(&request, &sums));
	stat = row_deltas_stat(&sums, 1, 1);
	assert_true(stat.mean == 0 && isnan(stat.se));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row_loss__means_are_the_metrics),
		cmocka_unit_test(row_loss__angles),
		cmocka_unit_test(row_loss__classes),
		cmocka_unit_test(row_loss__every_metric_has_one),
		cmocka_unit_test(row_deltas__like_the_long_way),
		cmocka_unit_test(row_deltas__by_hand),
		cmocka_unit_test(row_deltas__repeats_are_no_new_rows),
		cmocka_unit_test(row_deltas__edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
