/* Metrics: values worked out by hand, what happens at the edges, and twins that do it the long way. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/address.h"
#include "engines/metric/metric.h"
#include "storage/base/mem.h"

static double score(const char *name, const struct metric_input *in)
{
	const struct metric *metric = metric_find(name);

	assert_non_null(metric);
	return metric->score(in);
}

static void check(const char *name, const struct metric_input *in, double want)
{
	double got = score(name, in);

	if (isnan(want) ? !isnan(got) : !(fabs(got - want) <= 1e-14 * fmax(1, fabs(want))))
		fail_msg("%s is %.17g, not %.17g", name, got, want);
}

/* --- by hand --- */

static void metric__regression_by_hand(void **state)
{
	static const double truth[4] = {3, -0.5, 2, 7}, prediction[4] = {2.5, 0, 2, 8}, weight[4] = {1, 2, 0, 1};
	struct metric_input in = {.n = 4, .outputs = 1, .truth = truth, .prediction = prediction};

	(void)state;
	check("mse", &in, 1.5 / 4);
	check("rmse", &in, sqrt(0.375));
	check("mae", &in, 0.5);
	check("r2", &in, 1 - 1.5 / 29.1875);
	check("mape", &in, (0.5 / 3 + 1 + 0 + 1 / 7.0) / 4);
	check("medae", &in, 0.5);
	check("max_error", &in, 1);
	in.weight = weight; /* mean truth 9/4, spread .5625 + 2 x 7.5625 + 22.5625 = 38.25, squares .25 + 2 x .25 + 1 = 1.75 */
	check("mse", &in, 1.75 / 4);
	check("mae", &in, 2.5 / 4);
	check("r2", &in, 1 - 1.75 / 38.25);
	check("medae", &in, 0.5);
}

static void metric__several_outputs_are_averaged(void **state)
{
	static const double truth[6] = {1, 2, 3, 10, 20, 30}, prediction[6] = {1, 2, 6, 10, 20, 30};
	struct metric_input in = {.n = 3, .outputs = 2, .truth = truth, .prediction = prediction};

	(void)state;
	check("mse", &in, 1.5);
	check("rmse", &in, sqrt(3) / 2);
	check("mae", &in, 0.5);
	check("r2", &in, ((1 - 9 / 2.0) + 1) / 2);
	check("max_error", &in, 1.5);
	check("medae", &in, 0);
}

static void metric__median_between_two(void **state)
{
	static const double truth[4] = {0, 0, 0, 0}, prediction[4] = {4, 1, -2, 9}, weight[4] = {1, 1, 1, 0}, half[4] = {3, 1, 2, 0};
	struct metric_input in = {.n = 4, .outputs = 1, .truth = truth, .prediction = prediction};

	(void)state;
	check("medae", &in, 3);
	in.weight = weight;
	check("medae", &in, 2);
	in.weight = half; /* errors 1 2 2 4 4 4 */
	check("medae", &in, 3);
}

static void metric__circle_wraps(void **state)
{
	static const double truth[4] = {359, 1, 180, 90}, prediction[4] = {1, 359, -180, 112.5};
	struct metric_input in = {.n = 4, .outputs = 1, .truth = truth, .prediction = prediction};

	(void)state;
	check("cmae", &in, 26.5 / 4);
	check("crmse", &in, sqrt((4 + 4 + 0 + 506.25) / 4));
	check("within_5", &in, 0.75);
	check("within_10", &in, 0.75);
	check("within_22_5", &in, 1);
	in.n = 2;
	check("cmae", &in, 2);
}

static void metric__circle_is_rotation_invariant(void **state)
{
	double truth[50], prediction[50], turned[2][50];
	struct metric_input in = {.n = 50, .outputs = 1, .truth = truth, .prediction = prediction};
	struct metric_input by = {.n = 50, .outputs = 1, .truth = turned[0], .prediction = turned[1]};

	(void)state;
	for (uint64_t i = 0; i < 50; i++) {
		truth[i] = 360 * address_unit(address_hash(1, i));
		prediction[i] = truth[i] + 40 * address_unit(address_hash(2, i)) - 20;
		turned[0][i] = truth[i] + 720 + 123;
		turned[1][i] = prediction[i] - 360 + 123;
	}
	for (size_t m = 0; metric_table[m]; m++)
		if (metric_table[m]->family == METRIC_CIRCULAR)
			assert_float_equal(metric_table[m]->score(&in), metric_table[m]->score(&by), 1e-9);
	assert_true(score("circular_r", &in) > 0.9);
	by.truth = truth;
	for (unsigned i = 0; i < 50; i++)
		turned[1][i] = -truth[i]; /* the mirror image */
	check("circular_r", &by, -1);
	for (unsigned i = 0; i < 50; i++)
		turned[1][i] = truth[i] + 77;
	check("circular_r", &by, 1);
	for (unsigned i = 0; i < 50; i++)
		turned[1][i] = 33;
	check("circular_r", &by, NAN);
}

static void metric__circular_r_by_hand(void **state)
{
	/* both have mean direction 0: sines of 30 and 60 degrees against swapped ones */
	static const double truth[4] = {30, -30, 60, -60}, prediction[4] = {60, -60, 30, -30}, cross[4] = {0, 90, 180, 270};
	struct metric_input in = {.n = 4, .outputs = 1, .truth = truth, .prediction = prediction};

	(void)state;
	check("circular_r", &in, sqrt(3) / 2);
	in.truth = cross; /* no mean direction */
	check("circular_r", &in, NAN);
}

static void metric__binary_by_hand(void **state)
{
	/*                              TP FN TN FP TP FP */
	static const double truth[6] = {1, 1, 0, 0, 1, 0}, prediction[6] = {1, 0, 0, 1, 1, 1};
	static const double p[12] = {0.2, 0.6, 0.9, 0.4, 0.4, 0.3, 0.8, 0.4, 0.1, 0.6, 0.6, 0.7};
	struct metric_input in = {.n = 6, .outputs = 1, .truth = truth, .prediction = prediction, .classes = 2, .probability = p};

	(void)state;
	check("accuracy", &in, 0.5);
	check("precision", &in, 0.5);
	check("recall", &in, 2 / 3.0);
	check("f1", &in, 4 / 7.0);
	check("balanced_accuracy", &in, 0.5);
	check("mcc", &in, (2 * 1 - 2 * 1) / sqrt(4 * 3 * 3 * 2));
	check("brier", &in, (0.04 + 0.36 + 0.01 + 0.36 + 0.16 + 0.49) / 6);
	check("logloss", &in, -(log(0.8) + log(0.4) + log(0.9) + log(0.4) + log(0.6) + log(0.3)) / 6);
	/* scores of class 1: .8 .4 .6 against .1 .6 .7: 3 + 1 + 1.5 of 9 */
	check("auc", &in, 5.5 / 9);
	/* .8 found 1/1; .7; .6 found 2/4; .4 found 3/5 */
	check("average_precision", &in, (1 + 0.5 + 0.6) / 3);
}

static void metric__three_classes_by_hand(void **state)
{
	static const double truth[6] = {0, 1, 2, 2, 1, 0}, prediction[6] = {0, 2, 2, 1, 1, 0};
	static const double p[18] = {0.7, 0.2, 0.1, 0.3, 0.2, 0.5, /* class 0 */
	                             0.2, 0.3, 0.2, 0.4, 0.6, 0.3, /* class 1 */
	                             0.1, 0.5, 0.7, 0.3, 0.2, 0.2};
	struct metric_input in = {.n = 6, .outputs = 1, .truth = truth, .prediction = prediction, .classes = 3, .probability = p};

	(void)state;
	check("accuracy", &in, 4 / 6.0);
	check("precision", &in, (1 + 0.5 + 0.5) / 3);
	check("recall", &in, (1 + 0.5 + 0.5) / 3);
	check("f1", &in, (1 + 0.5 + 0.5) / 3);
	check("mcc", &in, (4 * 6 - 12) / (sqrt(36 - 12) * sqrt(36 - 12)));
	check("logloss", &in, -(log(0.7) + log(0.3) + log(0.7) + log(0.3) + log(0.6) + log(0.5)) / 6);
	check("brier", &in, (0.14 + 0.78 + 0.14 + 0.74 + 0.24 + 0.38) / 6);
	/* class 0: .7 .5 against .2 .1 .3 .2: 8 of 8; class 1: .3 .6 against .2 .2 .4 .3: 2.5 + 4; class 2: .7 .3 against .1 .5 .2 .2: 4 + 3 */
	check("auc", &in, (1 + 6.5 / 8 + 7 / 8.0) / 3);
	check("average_precision", &in, (1 + (1 + 2 / 4.0) / 2 + (1 + 2 / 3.0) / 2) / 3);
}

/* --- edges --- */

static void metric__nothing_to_score(void **state)
{
	double one = 1, half[3] = {0.5, 0.5, 0}, zero = 0;
	struct metric_input none = {.n = 0, .outputs = 1, .truth = &one, .prediction = &one, .classes = 2, .probability = half};
	struct metric_input weightless = {.n = 1, .outputs = 1, .truth = &one, .prediction = &one, .classes = 2, .probability = half, .weight = &zero};

	(void)state;
	for (size_t m = 0; metric_table[m]; m++) {
		assert_true(isnan(metric_table[m]->score(&none)));
		assert_true(isnan(metric_table[m]->score(&weightless)));
	}
}

static void metric__nan_gives_nan(void **state)
{
	static const double truth[4] = {1, 0, 1, 0}, weight[4] = {1, 1, 1, 0};

	(void)state;
	for (size_t m = 0; metric_table[m]; m++)
		for (size_t at = 0; at < 4; at++) {
			double prediction[4] = {1, 0, 0, 1}, p[8] = {0.2, 0.7, 0.6, 0.4, 0.8, 0.3, 0.4, 0.6};
			struct metric_input in = {.n = 4, .outputs = 1, .truth = truth, .prediction = prediction, .classes = 2,
			                          .probability = p, .weight = weight};

			prediction[at] = NAN;
			assert_true(isnan(metric_table[m]->score(&in))); /* in a row without weight too */
			prediction[at] = 0;
			p[4 + at] = NAN;
			if (metric_table[m]->family == METRIC_CLASSIFICATION)
				assert_true(isnan(metric_table[m]->score(&in)));
		}
}

static void metric__constant_truth(void **state)
{
	/* the mean of three 0.1 is not 0.1 in doubles */
	static const double truth[4] = {0.1, 0.1, 0.1, 7}, prediction[4] = {0.1, 0.2, 0.3, 7}, weight[4] = {1, 1, 1, 0};
	struct metric_input in = {.n = 3, .outputs = 1, .truth = truth, .prediction = prediction};

	(void)state;
	check("r2", &in, NAN);
	check("mae", &in, 0.1);
	in.n = 4;
	in.weight = weight;
	check("r2", &in, NAN);
	in.n = 1;
	check("r2", &in, NAN);
	check("rmse", &in, 0);
}

static void metric__zero_truth_has_no_mape(void **state)
{
	static const double truth[2] = {0, 2}, prediction[2] = {1, 1}, weight[2] = {0, 1};
	struct metric_input in = {.n = 2, .outputs = 1, .truth = truth, .prediction = prediction};

	(void)state;
	check("mape", &in, NAN);
	in.weight = weight;
	check("mape", &in, 0.5);
}

static void metric__one_class_only(void **state)
{
	static const double zeros[3] = {0, 0, 0}, ones[3] = {1, 1, 1}, mixed[3] = {0, 1, 0};
	static const double p[6] = {0.9, 0.4, 0.8, 0.1, 0.6, 0.2};
	struct metric_input in = {.n = 3, .outputs = 1, .truth = zeros, .prediction = zeros, .classes = 2, .probability = p};

	(void)state;
	check("auc", &in, NAN);
	check("average_precision", &in, NAN);
	check("mcc", &in, NAN);
	check("recall", &in, NAN);
	check("precision", &in, NAN);
	check("f1", &in, NAN);
	check("accuracy", &in, 1);
	check("balanced_accuracy", &in, 1);
	check("logloss", &in, -(log(0.9) + log(0.4) + log(0.8)) / 3);
	in.truth = mixed; /* all predicted as 0 */
	check("precision", &in, 0);
	check("recall", &in, 0);
	check("f1", &in, 0);
	check("mcc", &in, 0);
	check("balanced_accuracy", &in, 0.5);
	in.truth = zeros;
	in.prediction = ones;
	check("precision", &in, 0);
	check("recall", &in, NAN);
	check("f1", &in, 0);
	in.probability = NULL;
	check("logloss", &in, NAN);
	check("auc", &in, NAN);
}

static void metric__absent_class_does_not_count(void **state)
{
	static const double truth[4] = {0, 1, 0, 1}, prediction[4] = {0, 1, 1, 1};
	static const double p[12] = {0.6, 0.1, 0.3, 0.2, 0.3, 0.8, 0.6, 0.7, 0.1, 0.1, 0.1, 0.1};
	struct metric_input in = {.n = 4, .outputs = 1, .truth = truth, .prediction = prediction, .classes = 3, .probability = p};

	(void)state;
	check("auc", &in, 1);
	check("recall", &in, 0.75);
	check("precision", &in, (1 + 2 / 3.0) / 2);
	check("balanced_accuracy", &in, 0.75);
}

static void metric__impossible_event_is_finite(void **state)
{
	static const double truth[2] = {1, 0}, prediction[2] = {0, 0}, p[4] = {1, 1, 0, 0};
	struct metric_input in = {.n = 2, .outputs = 1, .truth = truth, .prediction = prediction, .classes = 2, .probability = p};

	(void)state;
	check("logloss", &in, -log(DBL_EPSILON) / 2);
}

static void metric__foreign_codes_are_undefined(void **state)
{
	static const double truth[2] = {1, 2}, prediction[2] = {0, 0.5}, p[4] = {1, 1, 0, 0};
	struct metric_input in = {.n = 2, .outputs = 1, .truth = truth, .prediction = truth, .classes = 2, .probability = p};

	(void)state;
	check("accuracy", &in, NAN);
	check("logloss", &in, NAN);
	check("auc", &in, NAN);
	in.n = 1;
	in.prediction = prediction + 1;
	check("accuracy", &in, NAN);
}

static void metric__ties_in_auc_are_halves(void **state)
{
	static const double truth[4] = {0, 1, 0, 1}, p[8] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
	struct metric_input in = {.n = 4, .outputs = 1, .truth = truth, .prediction = truth, .classes = 2, .probability = p};

	(void)state;
	check("auc", &in, 0.5);
	check("average_precision", &in, 0.5);
}

static void metric__infinite_prediction_is_not_finite(void **state)
{
	static const double truth[3] = {1, 2, 3}, prediction[3] = {1, INFINITY, 3};
	struct metric_input in = {.n = 3, .outputs = 1, .truth = truth, .prediction = prediction};

	(void)state;
	assert_true(score("rmse", &in) == INFINITY);
	assert_true(score("mae", &in) == INFINITY);
	assert_true(score("r2", &in) == -INFINITY);
	assert_false(isfinite(score("cmae", &in)));
	assert_false(isfinite(score("within_5", &in)));
}

/* A large offset costs no digits: the same data at 0 and at 1e9. */
static void metric__offset_keeps_digits(void **state)
{
	double truth[1000], prediction[1000];
	struct metric_input in = {.n = 1000, .outputs = 1, .truth = truth, .prediction = prediction};
	double at_zero;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) { /* quarters: exact at both places */
		truth[i] = i % 17 / 4.0;
		prediction[i] = i % 13 / 4.0;
	}
	at_zero = score("r2", &in);
	for (unsigned i = 0; i < 1000; i++) {
		truth[i] += 1e9;
		prediction[i] += 1e9;
	}
	assert_float_equal(score("r2", &in), at_zero, 1e-13);
}

/* 1e16 + 1 is 1e16 in doubles: a plain sum would lose all small errors behind a large one. */
static void metric__small_errors_behind_a_large_one(void **state)
{
	static double truth[1001], prediction[1001];
	struct metric_input in = {.n = 1001, .outputs = 1, .truth = truth, .prediction = prediction};

	(void)state;
	for (unsigned i = 0; i < 1001; i++)
		prediction[i] = i ? 1 : 1e8;
	check("mse", &in, (1e16 + 1000) / 1001);
}

/* --- the table --- */

static void metric__table_is_whole(void **state)
{
	static const char *const names[] = {"rmse", "mae", "r2", "mape", "medae", "max_error", "mse", "cmae", "crmse", "within_5",
	                                    "within_10", "within_22_5", "circular_r", "logloss", "auc", "accuracy", "balanced_accuracy",
	                                    "f1", "precision", "recall", "brier", "mcc", "average_precision"};
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_string_equal(metric_find(names[i])->name, names[i]);
	while (metric_table[count])
		assert_non_null(metric_table[count++]->help);
	assert_int_equal(count, sizeof(names) / sizeof(*names));
	assert_null(metric_find("rmsee"));
	assert_null(metric_find(""));
}

static void metric__better_and_gain_know_the_direction(void **state)
{
	const struct metric *low = metric_find("rmse"), *high = metric_find("auc");

	(void)state;
	assert_true(metric_better(low, 1, 2) && !metric_better(low, 2, 1) && !metric_better(low, 1, 1));
	assert_true(metric_better(high, 2, 1) && !metric_better(high, 1, 2) && !metric_better(high, 1, 1));
	assert_true(metric_better(low, 5, NAN) && !metric_better(low, NAN, 5) && !metric_better(low, NAN, NAN));
	assert_true(metric_gain(low, 1, 3) == 2 && metric_gain(high, 0.9, 0.7) > 0.19);
}

/* --- twins --- */

#define TWIN_ROWS 60
#define TWIN_CLASSES 4

struct sample {
	double truth[2 * TWIN_ROWS * 3], prediction[2 * TWIN_ROWS * 3], probability[TWIN_CLASSES * TWIN_ROWS * 3], weight[TWIN_ROWS * 3];
	struct metric_input in;
};

static double unit(uint64_t number, const char *what, uint64_t i)
{
	return address_unit(address_hash(address_hash(address_text(3, what), number), i));
}

/* Coarse values, so that there are ties; whole weights 0, 1, 2, so that a row can be written out as often. */
static void sample_make(struct sample *s, uint64_t number, const struct metric *metric)
{
	size_t n = 10 + (size_t)(unit(number, "n", 0) * (TWIN_ROWS - 10));
	unsigned classes = 2 + (unsigned)(unit(number, "classes", 0) * (TWIN_CLASSES - 1));
	bool is_class = metric->family == METRIC_CLASSIFICATION;

	s->in = (struct metric_input){.n = n, .outputs = metric->family == METRIC_REGRESSION ? 2 : 1, .truth = s->truth,
	                              .prediction = s->prediction, .classes = is_class ? classes : 0,
	                              .probability = is_class ? s->probability : NULL, .weight = s->weight};
	for (size_t i = 0; i < n * s->in.outputs; i++) {
		s->truth[i] = is_class ? floor(unit(number, "truth", i) * classes) : 1 + floor(unit(number, "truth", i) * 20) / 4;
		s->prediction[i] = is_class ? floor(unit(number, "prediction", i) * classes) : s->truth[i] + floor(unit(number, "off", i) * 9) - 4;
	}
	for (size_t i = 0; i < n; i++) {
		double sum = 0;

		s->weight[i] = floor(unit(number, "weight", i) * 3);
		for (unsigned c = 0; c < classes; c++)
			sum += s->probability[c * n + i] = 1 + floor(unit(number, "p", c * n + i) * 5);
		for (unsigned c = 0; c < classes; c++)
			s->probability[c * n + i] /= sum;
	}
}

/* Each row as often as it weighs; `backwards` turns the order round. */
static void sample_write_out(const struct sample *from, struct sample *to, bool backwards)
{
	size_t n = from->in.n, rows = 0, count = 0;

	for (size_t i = 0; i < n; i++)
		rows += (size_t)from->weight[i];
	to->in = from->in;
	to->in.n = rows;
	to->in.truth = to->truth;
	to->in.prediction = to->prediction;
	to->in.probability = from->in.probability ? to->probability : NULL;
	to->in.weight = NULL;
	for (size_t i = 0; i < n; i++)
		for (size_t times = (size_t)from->weight[i]; times; times--) {
			size_t at = backwards ? rows - 1 - count : count;

			for (unsigned o = 0; o < from->in.outputs; o++) {
				to->truth[o * rows + at] = from->truth[o * n + i];
				to->prediction[o * rows + at] = from->prediction[o * n + i];
			}
			for (unsigned c = 0; c < from->in.classes; c++)
				to->probability[c * rows + at] = from->probability[c * n + i];
			count++;
		}
}

static void metric__weight_is_repetition_and_order_is_nothing(void **state)
{
	static struct sample weighed, written;

	(void)state;
	for (size_t m = 0; metric_table[m]; m++)
		for (uint64_t number = 0; number < 60; number++) {
			double want, got[2];

			sample_make(&weighed, number, metric_table[m]);
			want = metric_table[m]->score(&weighed.in);
			for (unsigned backwards = 0; backwards < 2; backwards++) {
				sample_write_out(&weighed, &written, backwards);
				got[backwards] = metric_table[m]->score(&written.in);
				if (!(isnan(want) && isnan(got[backwards])) && !(fabs(got[backwards] - want) <= 1e-13 * fmax(1, fabs(want))))
					fail_msg("%s: sample %d: %.17g, written out %.17g", metric_table[m]->name, (int)number, want, got[backwards]);
			}
		}
}

static double naive_auc(const struct metric_input *in, unsigned class)
{
	double right = 0, all = 0;

	for (size_t i = 0; i < in->n; i++)
		for (size_t j = 0; j < in->n; j++) {
			double a = in->probability[class * in->n + i], b = in->probability[class * in->n + j], w = in->weight[i] * in->weight[j];

			if (in->truth[i] != class || in->truth[j] == class)
				continue;
			all += w;
			right += w * (a > b ? 1 : a == b ? 0.5 : 0);
		}
	return right / all;
}

/* Precision and recall at every threshold from scratch. */
static double naive_precision_steps(const struct metric_input *in, unsigned class)
{
	double before = 0, sum = 0;

	for (int percent = 10000; percent >= 0; percent--) { /* probabilities are ratios of small whole numbers: further apart than 1e-4 */
		double found = 0, wrong = 0, positive = 0;

		for (size_t i = 0; i < in->n; i++) {
			bool taken = in->probability[class * in->n + i] >= percent / 10000.0;

			positive += in->truth[i] == class ? in->weight[i] : 0;
			found += taken && in->truth[i] == class ? in->weight[i] : 0;
			wrong += taken && in->truth[i] != class ? in->weight[i] : 0;
		}
		if (found > before)
			sum += found / (found + wrong) * (found - before) / positive;
		before = found;
	}
	return sum;
}

static void check_rank_twin(const char *name, double (*naive)(const struct metric_input *, unsigned), uint64_t samples)
{
	static struct sample s;

	for (uint64_t number = 0; number < samples; number++) {
		double sum = 0;
		unsigned defined = 0;

		sample_make(&s, number, metric_find(name));
		for (unsigned c = s.in.classes == 2 ? 1 : 0; c < s.in.classes; c++) {
			double inside = 0, outside = 0;

			for (size_t i = 0; i < s.in.n; i++)
				*(s.truth[i] == c ? &inside : &outside) += s.weight[i];
			if (inside > 0 && outside > 0) {
				sum += naive(&s.in, c);
				defined++;
			}
		}
		assert_true(defined > 0);
		assert_float_equal(score(name, &s.in), sum / defined, 1e-12);
	}
}

static void metric__rank_scores_equal_naive(void **state)
{
	(void)state;
	check_rank_twin("auc", naive_auc, 60);
	check_rank_twin("average_precision", naive_precision_steps, 10);
}

/* Correlation of the two classes as 0 and 1 is Matthews' coefficient. */
static void metric__mcc_is_a_correlation(void **state)
{
	static struct sample s;

	(void)state;
	for (uint64_t number = 0; number < 40; number++) {
		double n = 0, t = 0, p = 0, tp = 0, got;

		sample_make(&s, number, metric_find("mcc"));
		if (s.in.classes != 2)
			continue;
		for (size_t i = 0; i < s.in.n; i++) {
			n += s.weight[i];
			t += s.weight[i] * s.truth[i];
			p += s.weight[i] * s.prediction[i];
			tp += s.weight[i] * s.truth[i] * s.prediction[i];
		}
		got = score("mcc", &s.in);
		assert_float_equal(got, (n * tp - t * p) / sqrt(t * (n - t) * p * (n - p)), 1e-12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metric__regression_by_hand),
		cmocka_unit_test(metric__several_outputs_are_averaged),
		cmocka_unit_test(metric__median_between_two),
		cmocka_unit_test(metric__circle_wraps),
		cmocka_unit_test(metric__circle_is_rotation_invariant),
		cmocka_unit_test(metric__circular_r_by_hand),
		cmocka_unit_test(metric__binary_by_hand),
		cmocka_unit_test(metric__three_classes_by_hand),
		cmocka_unit_test(metric__nothing_to_score),
		cmocka_unit_test(metric__nan_gives_nan),
		cmocka_unit_test(metric__constant_truth),
		cmocka_unit_test(metric__zero_truth_has_no_mape),
		cmocka_unit_test(metric__one_class_only),
		cmocka_unit_test(metric__absent_class_does_not_count),
		cmocka_unit_test(metric__impossible_event_is_finite),
		cmocka_unit_test(metric__foreign_codes_are_undefined),
		cmocka_unit_test(metric__ties_in_auc_are_halves),
		cmocka_unit_test(metric__infinite_prediction_is_not_finite),
		cmocka_unit_test(metric__offset_keeps_digits),
		cmocka_unit_test(metric__small_errors_behind_a_large_one),
		cmocka_unit_test(metric__table_is_whole),
		cmocka_unit_test(metric__better_and_gain_know_the_direction),
		cmocka_unit_test(metric__weight_is_repetition_and_order_is_nothing),
		cmocka_unit_test(metric__rank_scores_equal_naive),
		cmocka_unit_test(metric__mcc_is_a_correlation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
