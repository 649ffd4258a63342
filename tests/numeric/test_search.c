/* The Gaussian process against textbook formulas and finite differences, the descent on functions with known ends, and the Parzen
 * estimator against sums over the space. */
#include <math.h>
#include <stdio.h>

#include "engines/address.h"
#include "engines/search/descent.h"
#include "engines/search/gp.h"
#include "engines/search/parzen.h"
#include "tests/unit/search_world.h"

#define ROWS 25
#define MAX_AXES 8

static const char mixed[] =
	"{\"kind\":[\"line\",\"tree\",null],\"rate\":{\"float\":[0.001,1],\"log\":true},\"share\":{\"float\":[0,1]},"
	"\"depth\":{\"int\":[2,20],\"step\":2,\"when\":{\"kind\":\"tree\"}},\"leaf\":{\"int\":[1,9],\"log\":true,\"when\":{\"kind\":\"tree\"}}}";

static struct space *must_space(const struct world *w)
{
	struct space *space = NULL;

	assert_int_equal(space_open(w->axes, w->count, NULL, &space, NULL), 0);
	return space;
}

static void draw(const struct space *space, uint64_t key, struct configuration *out, double *fractions)
{
	for (size_t i = 0; i < space_axes(space); i++)
		configuration_set(space, space_order(space)[i], address_hash(key, i), out);
	for (size_t a = 0; a < space_axes(space); a++)
		fractions[a] = configuration_fraction(space, a, out);
}

/* --- descent --- */

static double rosenbrock(void *context, const double *x, double *gradient)
{
	double a = 1 - x[0], b = x[1] - x[0] * x[0];

	(*(unsigned *)context)++;
	gradient[0] = -2 * a - 400 * x[0] * b;
	gradient[1] = 200 * b;
	return a * a + 100 * b * b;
}

static void descent__finds_the_valley(void **state)
{
	const double low[2] = {-5, -5}, high[2] = {5, 5};
	double x[2] = {-1.2, 1}, room[32], value;
	unsigned calls = 0;

	(void)state;
	assert_true(descent_room(2) <= 32);
	value = descent_run(rosenbrock, &calls, 2, low, high, 200, x, room);
	assert_true(value < 1e-10 && fabs(x[0] - 1) < 1e-4 && calls <= 201);
}

/* With x <= 0.5 the least is at (0.5, 0.25). */
static void descent__stops_at_a_bound(void **state)
{
	const double low[2] = {-5, -5}, high[2] = {0.5, 5};
	double x[2] = {-3, 4}, room[32];
	unsigned calls = 0;

	(void)state;
	descent_run(rosenbrock, &calls, 2, low, high, 300, x, room);
	assert_true(x[0] == 0.5 && fabs(x[1] - 0.25) < 1e-5);
}

static void descent__keeps_to_its_calls(void **state)
{
	const double low[2] = {-5, -5}, high[2] = {5, 5};
	double x[2] = {-1.2, 1}, room[32], gradient[2], before;
	unsigned calls = 0;

	(void)state;
	before = rosenbrock(&calls, x, gradient);
	calls = 0;
	assert_true(descent_run(rosenbrock, &calls, 2, low, high, 3, x, room) < before);
	assert_true(calls <= 4);
}

/* --- Gaussian process --- */

/* Solves by elimination with pivots; a and b are destroyed. */
static void solve(double a[ROWS][ROWS], double *b)
{
	for (unsigned c = 0; c < ROWS; c++) {
		unsigned pivot = c;

		for (unsigned r = c; r < ROWS; r++)
			pivot = fabs(a[r][c]) > fabs(a[pivot][c]) ? r : pivot;
		for (unsigned k = 0; k < ROWS; k++) {
			double swap = a[c][k];

			a[c][k] = a[pivot][k];
			a[pivot][k] = swap;
		}
		{
			double swap = b[c];

			b[c] = b[pivot];
			b[pivot] = swap;
		}
		for (unsigned r = 0; r < ROWS; r++) {
			double times = a[r][c] / a[c][c];

			if (r == c)
				continue;
			for (unsigned k = c; k < ROWS; k++)
				a[r][k] -= times * a[c][k];
			b[r] -= times * b[c];
		}
	}
	for (unsigned r = 0; r < ROWS; r++)
		b[r] /= a[r][r];
}

static double naive_kernel(const struct gp *gp, const double *a, const double *b)
{
	double squared = 0, r;

	for (size_t axis = 0; axis < gp->axes; axis++)
		for (size_t f = gp->first[axis]; f < gp->first[axis + 1]; f++)
			squared += exp(gp->theta[axis]) * pow(a[f] - b[f], 2);
	r = sqrt(squared);
	return exp(gp->theta[gp->axes]) * (1 + sqrt(5) * r + 5 * squared / 3) * exp(-sqrt(5) * r);
}

static void make_gp(struct gp *gp, const struct space *space, double features[ROWS + 1][16], double *y)
{
	struct configuration c;
	double fractions[MAX_AXES];

	gp_init(gp, space, ROWS + 2);
	assert_true(gp->width <= 16);
	configuration_init(space, &c);
	for (unsigned i = 0; i <= ROWS; i++) {
		draw(space, i + 1000, &c, fractions);
		gp_features(gp, fractions, c.digits, features[i]);
		if (i == ROWS)
			break;
		y[i] = sin(5 * fractions[1]) + (c.digits[0] == 1 ? 1 : 0) + 0.1 * address_unit(address_hash(3, i));
		gp_add(gp, features[i], y[i]);
	}
	configuration_release(&c);
}

static void gp__predicts_as_the_formulas_say(void **state)
{
	struct world w;
	struct space *space;
	struct gp gp;
	static double features[ROWS + 1][16], a[ROWS][ROWS], y[ROWS], alpha[ROWS], v[ROWS];
	double mean, variance, naive_mean = 0, naive_variance;

	(void)state;
	world_make(&w, mixed, NULL);
	space = must_space(&w);
	make_gp(&gp, space, features, y);
	for (size_t k = 0; k < gp.axes + 2; k++)
		gp.theta[k] = k < gp.axes ? 0.3 * (double)k : k == gp.axes ? 0.4 : -3;
	assert_true(gp_condition(&gp));
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < ROWS; i++) {
			for (unsigned j = 0; j < ROWS; j++)
				a[i][j] = naive_kernel(&gp, features[i], features[j]) + (i == j ? exp(-3) : 0);
			(pass ? v : alpha)[i] = pass ? naive_kernel(&gp, features[i], features[ROWS]) : y[i];
		}
		solve(a, pass ? v : alpha);
	}
	naive_variance = exp(0.4);
	for (unsigned i = 0; i < ROWS; i++) {
		naive_mean += alpha[i] * naive_kernel(&gp, features[i], features[ROWS]);
		naive_variance -= v[i] * naive_kernel(&gp, features[i], features[ROWS]);
	}
	gp_predict(&gp, features[ROWS], &mean, &variance, NULL, NULL);
	assert_float_equal(mean, naive_mean, 1e-10);
	assert_float_equal(variance, naive_variance, 1e-10);
	gp_release(&gp);
	space_close(space);
	world_release(&w);
}

static void gp__gradients_are_differences(void **state)
{
	struct world w;
	struct space *space;
	struct gp gp;
	static double features[ROWS + 1][16], y[ROWS];
	double mean, variance, by_mean[16], by_variance[16], step = 1e-6;

	(void)state;
	world_make(&w, mixed, NULL);
	space = must_space(&w);
	make_gp(&gp, space, features, y);
	assert_true(gp_fit(&gp, GP_SMOOTH));
	gp_predict(&gp, features[ROWS], &mean, &variance, by_mean, by_variance);
	for (size_t f = 0; f < gp.width; f++) {
		double up[2], down[2];

		features[ROWS][f] += step;
		gp_predict(&gp, features[ROWS], &up[0], &up[1], NULL, NULL);
		features[ROWS][f] -= 2 * step;
		gp_predict(&gp, features[ROWS], &down[0], &down[1], NULL, NULL);
		features[ROWS][f] += step;
		assert_float_equal(by_mean[f], (up[0] - down[0]) / (2 * step), 1e-5);
		assert_float_equal(by_variance[f], (up[1] - down[1]) / (2 * step), 1e-5);
	}
	gp_release(&gp);
	space_close(space);
	world_release(&w);
}

/* What was put in comes out: the values at the observations, a length that tells used axes from unused ones, the same bits twice. */
static void gp__fit_learns_what_matters(void **state)
{
	struct world w;
	struct space *space;
	struct gp gp, again;
	static double features[ROWS + 1][16], y[ROWS];

	(void)state;
	world_make(&w, mixed, NULL);
	space = must_space(&w);
	make_gp(&gp, space, features, y);
	make_gp(&again, space, features, y);
	assert_true(gp_fit(&gp, GP_SHARP) && gp_fit(&again, GP_SHARP));
	assert_memory_equal(gp.theta, again.theta, (gp.axes + 2) * sizeof(double));
	assert_memory_equal(gp.alpha, again.alpha, gp.count * sizeof(double));
	assert_true(gp.theta[1] > gp.theta[2] + 1 && gp.theta[0] > gp.theta[2]); /* rate and kind matter, share does not */
	for (unsigned i = 0; i < ROWS; i++) {
		double mean, variance;

		gp_predict(&gp, features[i], &mean, &variance, NULL, NULL);
		assert_true(fabs(mean - y[i]) < 0.15);
		assert_true(variance < 0.1 * exp(gp.theta[gp.axes]));
	}
	gp_release(&gp);
	gp_release(&again);
	space_close(space);
	world_release(&w);
}

/* --- Parzen estimator --- */

static void make_parzen(struct parzen *p, const struct space *space, unsigned kernels)
{
	struct configuration c;
	double fractions[MAX_AXES];

	parzen_init(p, space, kernels);
	configuration_init(space, &c);
	for (unsigned k = 0; k < kernels; k++) {
		draw(space, k + 50, &c, fractions);
		parzen_add(p, fractions, c.digits, 1 + 0.5 * k);
	}
	parzen_scale(p);
	configuration_release(&c);
}

/* The mean of the density over points of the prior is 1, in a space with conditions, lists, steps and logarithms. */
static void parzen__is_a_density(void **state)
{
	enum { N = 40000 };
	struct world w;
	struct space *space;
	struct parzen p;
	struct configuration c;
	double fractions[MAX_AXES], room[8], sum = 0, largest = 0;

	(void)state;
	world_make(&w, mixed, NULL);
	space = must_space(&w);
	make_parzen(&p, space, 5);
	configuration_init(space, &c);
	for (uint64_t i = 0; i < N; i++) {
		double density;

		draw(space, i + 1000000, &c, fractions);
		density = exp(parzen_log_density(&p, fractions, c.digits, room));
		sum += density / N;
		largest = fmax(largest, density);
	}
	assert_float_equal(sum, 1, 0.05);
	assert_true(largest > 3); /* it is not the prior */
	configuration_release(&c);
	parzen_release(&p);
	space_close(space);
	world_release(&w);
}

/* Draws fall where the density is: their shares against the density's mean over each cell of one axis, and over each kind. */
static void parzen__draws_follow_the_density(void **state)
{
	enum { N = 40000, CELLS = 8 };
	struct world w;
	struct space *space;
	struct parzen p;
	struct configuration c;
	double fractions[MAX_AXES], room[8], drawn[CELLS] = {0}, dense[CELLS] = {0}, drawn_kind[3] = {0}, dense_kind[3] = {0}, drawn_leaf = 0, dense_leaf = 0;

	(void)state;
	world_make(&w, mixed, NULL);
	space = must_space(&w);
	make_parzen(&p, space, 5);
	configuration_init(space, &c);
	for (uint64_t i = 0; i < N; i++) {
		double density;

		draw(space, i + 1000000, &c, fractions);
		density = exp(parzen_log_density(&p, fractions, c.digits, room)) / N;
		dense[(unsigned)(fractions[1] * CELLS)] += density;
		dense_kind[c.digits[0]] += density;
		dense_leaf += c.digits[4] < 2 ? density : 0; /* absent ones are none */
		parzen_draw(&p, address_hash(99, i), &c);
		drawn[(unsigned)(configuration_fraction(space, 1, &c) * CELLS)] += 1.0 / N;
		drawn_kind[c.digits[0]] += 1.0 / N;
		drawn_leaf += c.digits[4] < 2 ? 1.0 / N : 0;
	}
	for (unsigned k = 0; k < CELLS; k++)
		assert_float_equal(drawn[k], dense[k], 0.03);
	for (unsigned k = 0; k < 3; k++)
		assert_float_equal(drawn_kind[k], dense_kind[k], 0.03);
	assert_float_equal(drawn_leaf, dense_leaf, 0.03);
	configuration_release(&c);
	parzen_release(&p);
	space_close(space);
	world_release(&w);
}

/* --- configurations --- */

static void configuration__reads_what_it_writes(void **state)
{
	struct world w;
	struct space *space;
	struct configuration c, again;
	double fractions[MAX_AXES];

	(void)state;
	world_make(&w, mixed, NULL);
	space = must_space(&w);
	configuration_init(space, &c);
	configuration_init(space, &again);
	for (uint64_t i = 0; i < 300; i++) {
		json_t *params;
		char *text;

		draw(space, i, &c, fractions);
		params = configuration_object(space, &c);
		text = json_text(params, JSON_STYLE_LINE);
		json_decref(params);
		params = json_loads(text, 0, NULL);
		assert_true(configuration_read(space, params, &again));
		assert_memory_equal(c.digits, again.digits, space_axes(space) * sizeof(*c.digits));
		assert_memory_equal(c.values, again.values, space_axes(space) * sizeof(*c.values));
		assert_true(configuration_print(space, &c) == configuration_print(space, &again));
		json_object_set_new(params, "rate", json_real(2));
		assert_false(configuration_read(space, params, &again));
		json_decref(params);
		free(text);
	}
	configuration_release(&c);
	configuration_release(&again);
	space_close(space);
	world_release(&w);
}

static void configuration__ends_are_reached(void **state)
{
	struct world w;
	struct space *space;
	struct configuration c;

	(void)state;
	world_make(&w, "{\"a\":{\"float\":[0.1,0.7]},\"b\":{\"float\":[0.001,0.3],\"log\":true},\"c\":{\"int\":[3,9]}}", NULL);
	space = must_space(&w);
	configuration_init(space, &c);
	for (size_t a = 0; a < 3; a++)
		configuration_set(space, a, UINT64_MAX, &c);
	assert_true(c.values[0] == 0.7 && c.values[1] == 0.3 && c.digits[2] == 6);
	for (size_t a = 0; a < 3; a++)
		configuration_set(space, a, 0, &c);
	assert_true(c.values[0] == 0.1 && c.values[1] == 0.001 && c.digits[2] == 0);
	configuration_release(&c);
	space_close(space);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descent__finds_the_valley),
		cmocka_unit_test(descent__stops_at_a_bound),
		cmocka_unit_test(descent__keeps_to_its_calls),
		cmocka_unit_test(gp__predicts_as_the_formulas_say),
		cmocka_unit_test(gp__gradients_are_differences),
		cmocka_unit_test(gp__fit_learns_what_matters),
		cmocka_unit_test(parzen__is_a_density),
		cmocka_unit_test(parzen__draws_follow_the_density),
		cmocka_unit_test(configuration__reads_what_it_writes),
		cmocka_unit_test(configuration__ends_are_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
