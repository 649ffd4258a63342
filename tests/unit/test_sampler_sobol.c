/* Sobol points: the evenness that scrambling must keep, and what every sampler promises. */
#include <math.h>
#include <stdio.h>

#include "tests/unit/search_world.h"

static struct sampler_request open_floats(struct world *w, unsigned axes, char *text, size_t room)
{
	size_t used = (size_t)snprintf(text, room, "{");

	for (unsigned a = 0; a < axes; a++)
		used += (size_t)snprintf(text + used, room - used, "%s\"x%u\":{\"float\":[0,1]}", a ? "," : "", a);
	snprintf(text + used, room - used, "}");
	world_make(w, text, NULL);
	return request_of(w);
}

static void read_floats(void *search, uint64_t trial, unsigned axes, double *out)
{
	json_t *params = NULL, *value;
	const char *name;

	assert_int_equal(sampler_sobol.propose(search, trial, &params, NULL), 0);
	assert_int_equal(json_object_size(params), axes);
	json_object_foreach (params, name, value)
		*out++ = json_real_value(value);
	json_decref(params);
}

/* Every power of two of points has one in each of as many equal parts, in every dimension and in all dimensions of the table. */
static void sobol__each_axis_is_stratified(void **state)
{
	enum { AXES = 56, N = 64, TABLE = 53 };
	static double points[N][AXES];
	char text[4096];
	struct world w;
	struct sampler_request request = open_floats(&w, AXES, text, sizeof(text));
	void *search = must_open(&sampler_sobol, &request);
	unsigned independent = 0;

	(void)state;
	for (unsigned t = 0; t < N; t++)
		read_floats(search, t, AXES, points[t]);
	for (unsigned size = 1; size <= N; size *= 2)
		for (unsigned a = 0; a < AXES; a++) {
			bool met[N] = {false}, all = true;

			for (unsigned t = 0; t < size; t++)
				met[(unsigned)(points[t][a] * size)] = true;
			for (unsigned k = 0; k < size; k++)
				all = all && met[k];
			if (a < TABLE)
				assert_true(all);
			independent += a >= TABLE && !all;
		}
	assert_true(independent > 0); /* the axes beyond the table are drawn, which shows that the test can fail */
	sampler_sobol.close(search);
	world_release(&w);
}

/* The first two dimensions are a (0, m, 2)-net: one point in every box of area 1/N, whatever its shape. */
static void sobol__two_axes_are_a_net(void **state)
{
	enum { LOG = 8, N = 1 << LOG };
	char text[256];
	struct world w;
	struct sampler_request request = open_floats(&w, 2, text, sizeof(text));

	(void)state;
	for (unsigned seed = 0; seed < 3; seed++) {
		void *search;

		request.seed = seed;
		search = must_open(&sampler_sobol, &request);
		for (unsigned wide = 0; wide <= LOG; wide++) {
			unsigned boxes[N] = {0};

			for (unsigned t = 0; t < N; t++) {
				double x[2];

				read_floats(search, t, 2, x);
				boxes[((unsigned)(x[0] * (1 << wide)) << (LOG - wide)) + (unsigned)(x[1] * (1 << (LOG - wide)))]++;
			}
			for (unsigned b = 0; b < N; b++)
				assert_int_equal(boxes[b], 1);
		}
		sampler_sobol.close(search);
	}
	world_release(&w);
}

/* The mean of a smooth function over 512 points in six dimensions: independent draws miss it by about 0.04 in one seed's time. */
static void sobol__integrates_better_than_chance(void **state)
{
	enum { AXES = 6, N = 512 };
	char text[512];
	struct world w;
	struct sampler_request request = open_floats(&w, AXES, text, sizeof(text));
	double worst = 0;

	(void)state;
	for (unsigned seed = 0; seed < 10; seed++) {
		double sum = 0;
		void *search;

		request.seed = seed;
		search = must_open(&sampler_sobol, &request);
		for (unsigned t = 0; t < N; t++) {
			double x[AXES], product = 1;

			read_floats(search, t, AXES, x);
			for (unsigned a = 0; a < AXES; a++)
				product *= 1 + (x[a] - 0.5);
			sum += product;
		}
		worst = fmax(worst, fabs(sum / N - 1));
		sampler_sobol.close(search);
	}
	assert_true(worst < 0.01);
	world_release(&w);
}

static const char mixed[] =
	"{\"a\":{\"int\":[1,7]},\"b\":{\"float\":[0,1],\"step\":0.25},\"c\":{\"list\":[1,2,null],\"when\":{\"d\":0}},\"d\":[0,\"x\",2,3,4]}";

static void sobol__never_twice_and_ends_when_used_up(void **state)
{
	struct world w;
	struct sampler_request request;
	struct orch_err err = {0};
	json_t *params = NULL, *all = json_object();
	void *search;

	(void)state;
	world_make(&w, mixed, NULL);
	request = request_of(&w);
	search = must_open(&sampler_sobol, &request);
	assert_int_equal(sampler_sobol.count(search), 245);
	for (uint64_t t = 0; t < 245; t++) {
		char *text = proposal(&sampler_sobol, search, t);

		assert_null(json_object_get(all, text));
		json_object_set_new(all, text, json_true());
		free(text);
	}
	assert_int_equal(sampler_sobol.propose(search, 245, &params, &err), ORCH_EMISSING);
	assert_string_equal(err.text, "the search space is used up: it gave 245 different configurations, none is left for trial 245");
	json_decref(all);
	sampler_sobol.close(search);
	world_release(&w);
}

static void sobol__order_of_calls_does_not_matter(void **state)
{
	struct world w;
	struct sampler_request request;
	void *forward, *backward;
	char *texts[240];

	(void)state;
	world_make(&w, mixed, NULL);
	request = request_of(&w);
	forward = must_open(&sampler_sobol, &request);
	backward = must_open(&sampler_sobol, &request);
	for (uint64_t t = 0; t < 240; t++)
		texts[t] = proposal(&sampler_sobol, forward, t);
	for (uint64_t t = 240; t-- > 0;)
		for (unsigned twice = 0; twice < 2; twice++)
			check_proposal(&sampler_sobol, backward, t, texts[t]);
	for (uint64_t t = 0; t < 240; t++)
		free(texts[t]);
	sampler_sobol.close(forward);
	sampler_sobol.close(backward);
	world_release(&w);
}

/* Lists, steps and logarithmic ranges: 256 points put their exact share into each part. */
static void sobol__fills_every_kind_of_axis_evenly(void **state)
{
	enum { N = 256 };
	struct world w;
	struct sampler_request request;
	unsigned list[4] = {0}, steps[8] = {0}, ints[2] = {0}, low = 0;
	void *search;

	(void)state;
	world_make(&w,
	           "{\"c\":[\"a\",null,2,false],\"s\":{\"float\":[0,0.7],\"step\":0.1},\"i\":{\"int\":[1,3],\"log\":true},\"l\":{\"float\":[0.001,0.1],\"log\":true},"
	           "\"w\":{\"int\":[3,9],\"step\":3,\"when\":{\"c\":null}}}",
	           NULL);
	request = request_of(&w);
	search = must_open(&sampler_sobol, &request);
	for (uint64_t t = 0; t < N; t++) {
		json_t *p = NULL, *c;

		assert_int_equal(sampler_sobol.propose(search, t, &p, NULL), 0);
		c = json_object_get(p, "c");
		list[json_is_string(c) ? 0 : json_is_null(c) ? 1 : json_is_integer(c) ? 2 : 3]++;
		steps[(unsigned)lround(10 * json_real_value(json_object_get(p, "s")))]++;
		ints[json_integer_value(json_object_get(p, "i")) == 1]++;
		low += json_real_value(json_object_get(p, "l")) < 0.01;
		assert_int_equal(json_is_null(c), json_object_get(p, "w") != NULL);
		if (json_is_null(c))
			assert_int_equal(json_integer_value(json_object_get(p, "w")) % 3, 0);
		json_decref(p);
	}
	for (unsigned k = 0; k < 4; k++)
		assert_int_equal(list[k], N / 4);
	for (unsigned k = 0; k < 8; k++)
		assert_int_equal(steps[k], N / 8);
	assert_int_equal(ints[1], N / 2); /* [1, 2) of [1, 4) in the logarithm */
	assert_int_equal(low, N / 2);
	sampler_sobol.close(search);
	world_release(&w);
}

static void sobol__seed_and_round_change_points(void **state)
{
	struct world w;
	char text[256];
	struct sampler_request request = open_floats(&w, 2, text, sizeof(text));
	double x[4][2];

	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		void *search;

		request.seed = 42 + (k & 1);
		request.round = k >> 1;
		search = must_open(&sampler_sobol, &request);
		read_floats(search, 0, 2, x[k]);
		for (unsigned j = 0; j < k; j++)
			assert_true(x[j][0] != x[k][0] && x[j][1] != x[k][1]);
		sampler_sobol.close(search);
	}
	assert_ptr_equal(sampler_find("sobol"), &sampler_sobol);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sobol__each_axis_is_stratified),
		cmocka_unit_test(sobol__two_axes_are_a_net),
		cmocka_unit_test(sobol__integrates_better_than_chance),
		cmocka_unit_test(sobol__never_twice_and_ends_when_used_up),
		cmocka_unit_test(sobol__order_of_calls_does_not_matter),
		cmocka_unit_test(sobol__fills_every_kind_of_axis_evenly),
		cmocka_unit_test(sobol__seed_and_round_change_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
