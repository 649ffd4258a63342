/* Search spaces and samplers: grids against plain enumeration, random draws against what they promise. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/address.h"
#include "engines/search/sampler.h"
#include "storage/base/json.h"
#include "tests/unit/search_world.h"

#define MAX_AXES 8

/* --- grids --- */

static void grid__first_axis_varies_slowest(void **state)
{
	static const char *const want[] = {"{\"a\":1,\"b\":\"x\"}", "{\"a\":1,\"b\":null}", "{\"a\":2.5,\"b\":\"x\"}", "{\"a\":2.5,\"b\":null}"};
	struct world w;
	struct sampler_request request;
	void *grid;

	(void)state;
	world_make(&w, "{\"a\":[1,2.5],\"b\":[\"x\",null]}", NULL);
	request = request_of(&w);
	grid = must_open(&sampler_grid, &request);
	assert_int_equal(sampler_grid.count(grid), 4);
	for (unsigned t = 0; t < 4; t++)
		check_proposal(&sampler_grid, grid, t, want[t]);
	sampler_grid.close(grid);
	world_release(&w);
}

static void grid__conditions_leave_out(void **state)
{
	static const char *const want[] = {
		"{\"booster\":\"tree\",\"depth\":3,\"eta\":0.1}",   "{\"booster\":\"tree\",\"depth\":3,\"eta\":0.3}",
		"{\"booster\":\"tree\",\"depth\":null,\"eta\":0.1}", "{\"booster\":\"tree\",\"depth\":null,\"eta\":0.3}",
		"{\"booster\":\"line\",\"eta\":0.1}",               "{\"booster\":\"line\",\"eta\":0.3}",
		"{\"booster\":\"dart\",\"eta\":0.1}",               "{\"booster\":\"dart\",\"eta\":0.3}",
	};
	struct world w;
	struct sampler_request request;
	void *grid;

	(void)state;
	world_make(&w, "{\"booster\":[\"tree\",\"line\",\"dart\"],\"depth\":{\"list\":[3,null],\"when\":{\"booster\":\"tree\",\"loss\":1.0}},\"eta\":[0.1,0.3]}",
	           "{\"loss\":1}");
	request = request_of(&w);
	grid = must_open(&sampler_grid, &request);
	assert_int_equal(sampler_grid.count(grid), 8);
	for (unsigned t = 0; t < 8; t++)
		check_proposal(&sampler_grid, grid, t, want[t]);
	sampler_grid.close(grid);
	world_release(&w);
}

static void grid__ends(void **state)
{
	struct world w;
	struct sampler_request request;
	struct orch_err err = {0};
	json_t *params = NULL;
	void *grid;

	(void)state;
	world_make(&w, "{}", NULL);
	request = request_of(&w);
	grid = must_open(&sampler_grid, &request);
	assert_int_equal(sampler_grid.count(grid), 1); /* nothing is searched: the model as it is */
	check_proposal(&sampler_grid, grid, 0, "{}");
	assert_int_equal(sampler_grid.propose(grid, 1, &params, &err), ORCH_EMISSING);
	assert_string_equal(err.text, "the grid has 1 configurations; there is none for trial 1");
	assert_null(params);
	sampler_grid.close(grid);
	world_release(&w);
}

/* A random space of lists: some axes hang on others, before or after them. */
static void world_random(struct world *w, uint64_t number)
{
	json_t *json = json_object();
	size_t n = 1 + address_below(address_hash(number, 1), MAX_AXES - 1);

	memset(w, 0, sizeof(*w));
	w->json = json;
	for (size_t a = 0; a < n; a++) {
		uint64_t key = address_hash(address_hash(number, 2), a);
		json_t *axis = json_object(), *list = json_array(), *when = json_object();
		char name[8];

		for (uint64_t v = 0; v < 1 + address_below(address_hash(key, 0), 3); v++)
			json_array_append_new(list, json_integer((json_int_t)v));
		for (uint64_t c = 0; c < address_below(address_hash(key, 1), 3); c++) {
			/* upwards in a hidden order, so that there is no circle */
			size_t parent = a ^ (1 + address_below(address_hash(key, 2 + c), 3));

			snprintf(name, sizeof(name), "p%zu", parent);
			if (parent < n && address_hash(number, 100 + parent) < address_hash(number, 100 + a))
				json_object_set_new(when, name, json_integer(0));
		}
		snprintf(name, sizeof(name), "p%zu", a);
		json_object_set_new(axis, "list", list);
		json_object_set_new(axis, "when", when);
		json_object_set_new(json, name, axis);
	}
	for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at))
		world_add(w, json_object_iter_key(at), json_object_iter_value(at));
}

/* All combinations of digits in the space's order; those that only differ where an axis is absent are taken once. */
static void grid__equals_enumeration(void **state)
{
	size_t conditional = 0;

	(void)state;
	for (uint64_t number = 0; number < 300; number++) {
		struct world w;
		struct space *space = NULL;
		uint64_t digits[MAX_AXES] = {0}, got[MAX_AXES], next = 0, product = 1;
		size_t n;

		world_random(&w, number);
		n = w.count;
		assert_int_equal(space_open(w.axes, n, NULL, &space, NULL), 0);
		for (size_t a = 0; a < n; a++)
			product *= w.axes[a].choice_count;
		for (uint64_t p = 0; p < product; p++) {
			uint64_t rest = p;
			bool first = true;

			for (size_t i = n; i-- > 0;) {
				size_t a = space_order(space)[i];

				digits[a] = rest % w.axes[a].choice_count;
				rest /= w.axes[a].choice_count;
			}
			for (size_t i = 0; i < n; i++) {
				size_t a = space_order(space)[i];

				if (space_holds(space, digits, a))
					continue;
				first = first && digits[a] == 0;
				digits[a] = SPACE_ABSENT;
			}
			if (!first)
				continue;
			space_digits(space, next, got);
			assert_memory_equal(got, digits, n * sizeof(*digits));
			assert_int_equal(space_rank(space, digits), next);
			next++;
		}
		assert_int_equal(space_count(space), next);
		conditional += next < product;
		space_close(space);
		world_release(&w);
	}
	assert_true(conditional > 100); /* the spaces were not trivial */
}

/* 3^80 configurations: the count saturates, the first ones can be had all the same. */
static void grid__counts_saturate(void **state)
{
	struct world w;
	struct space *space = NULL;
	json_t *json = json_object();
	uint64_t digits[80];

	(void)state;
	for (unsigned a = 0; a < 80; a++) {
		char name[8];

		snprintf(name, sizeof(name), "p%u", a);
		json_object_set_new(json, name, json_pack("[i,i,i]", 1, 2, 3));
	}
	memset(&w, 0, sizeof(w));
	w.json = json;
	for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at))
		world_add(&w, json_object_iter_key(at), json_object_iter_value(at));
	assert_int_equal(space_open(w.axes, w.count, NULL, &space, NULL), 0);
	assert_true(space_count(space) == SPACE_ENDLESS);
	space_digits(space, 5, digits);
	for (unsigned a = 0; a < 80; a++)
		assert_int_equal(digits[a], a == 79 ? 2 : a == 78 ? 1 : 0);
	space_digits(space, UINT64_C(1) << 63, digits);
	assert_true(space_rank(space, digits) == UINT64_C(1) << 63);
	space_close(space);
	world_release(&w);
}

/* --- random --- */

static void random__never_twice_and_ends_when_used_up(void **state)
{
	struct world w;
	struct sampler_request request;
	struct orch_err err = {0};
	json_t *params = NULL, *all = json_object();
	void *search;

	(void)state;
	/* 7 x 5 x 3 with c, 7 x 5 x 4 without: 245 configurations of which the last are hard to hit */
	world_make(&w, "{\"a\":{\"int\":[1,7]},\"b\":{\"float\":[0,1],\"step\":0.25},\"c\":{\"list\":[1,2,3],\"when\":{\"d\":0}},\"d\":[0,1,2,3,4]}", NULL);
	request = request_of(&w);
	search = must_open(&sampler_random, &request);
	assert_int_equal(sampler_random.count(search), 245);
	for (uint64_t t = 0; t < 245; t++) {
		char *text = proposal(&sampler_random, search, t);

		assert_null(json_object_get(all, text));
		json_object_set_new(all, text, json_true());
		free(text);
	}
	assert_int_equal(sampler_random.propose(search, 245, &params, &err), ORCH_EMISSING);
	assert_string_equal(err.text, "the search space is used up: it gave 245 different configurations, none is left for trial 245");
	json_decref(all);
	sampler_random.close(search);
	world_release(&w);
}

/* Trial t is the same whoever asks first, and however often. */
static void random__order_of_calls_does_not_matter(void **state)
{
	struct world w;
	struct sampler_request request;
	void *forward, *backward;
	char *texts[60];

	(void)state;
	world_make(&w, "{\"a\":{\"int\":[1,4]},\"b\":[1,2,3,4,5],\"c\":{\"list\":[7,8,9],\"when\":{\"b\":2}}}", NULL);
	request = request_of(&w);
	forward = must_open(&sampler_random, &request);
	backward = must_open(&sampler_random, &request);
	assert_int_equal(sampler_random.count(forward), 28);
	for (uint64_t t = 0; t < 28; t++)
		texts[t] = proposal(&sampler_random, forward, t);
	for (uint64_t t = 28; t-- > 0;)
		for (unsigned twice = 0; twice < 2; twice++)
			check_proposal(&sampler_random, backward, t, texts[t]);
	for (uint64_t t = 0; t < 28; t++)
		free(texts[t]);
	sampler_random.close(forward);
	sampler_random.close(backward);
	world_release(&w);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double float_of(void *search, uint64_t trial)
{
	json_t *params = NULL;
	double value;

	assert_int_equal(sampler_random.propose(search, trial, &params, NULL), 0);
	value = json_number_value(json_object_get(params, "u"));
	json_decref(params);
	return value;
}

/* Nothing is kept for trials that cannot be the same: the ten thousand millionth is there at once, and is what it would be after all others. */
static void random__continuous_spaces_keep_nothing(void **state)
{
	enum { N = 20000 };
	struct world w;
	struct sampler_request request;
	double *values = malloc(N * sizeof *values), far;
	void *search, *other;

	(void)state;
	assert_non_null(values);
	world_make(&w, "{\"u\":{\"float\":[-1,3]},\"c\":[1,2]}", NULL);
	request = request_of(&w);
	search = must_open(&sampler_random, &request);
	other = must_open(&sampler_random, &request);
	far = float_of(search, UINT64_C(10000000000));
	for (uint64_t t = 0; t < N; t++)
		values[t] = float_of(search, t);
	assert_true(values[7] == float_of(other, 7) && values[N - 1] == float_of(other, N - 1));
	assert_true(far == float_of(other, UINT64_C(10000000000)));
	qsort(values, N, sizeof *values, compare_doubles);
	for (size_t t = 1; t < N; t++)
		assert_true(values[t - 1] < values[t]);
	sampler_random.close(search);
	sampler_random.close(other);
	world_release(&w);
	/* A list beside it decides nothing; an axis that may be absent, or holds a handful of doubles, is no such axis. */
	world_make(&w, "{\"c\":[1,2],\"u\":{\"float\":[0,1],\"when\":{\"c\":1}}}", NULL);
	request = request_of(&w);
	search = must_open(&sampler_random, &request);
	for (uint64_t t = 0, absent = 0; t < 200; t++) {
		json_t *params = NULL;

		assert_int_equal(sampler_random.propose(search, t, &params, NULL), 0);
		absent += !json_object_get(params, "u");
		assert_true(absent <= 1);
		json_decref(params);
	}
	sampler_random.close(search);
	world_release(&w);
	free(values);
}

static void random__value_depends_on_its_address_only(void **state)
{
	struct world one, more;
	struct sampler_request a, b;
	void *first, *second;

	(void)state;
	world_make(&one, "{\"lr\":{\"float\":[0.001,1],\"log\":true},\"n\":{\"int\":[1,1000]}}", NULL);
	world_make(&more, "{\"x\":{\"float\":[0,1]},\"n\":{\"int\":[1,1000]},\"lr\":{\"float\":[0.001,1],\"log\":true}}", NULL);
	a = request_of(&one);
	b = request_of(&more);
	first = must_open(&sampler_random, &a);
	second = must_open(&sampler_random, &b);
	for (uint64_t t = 0; t < 50; t++) {
		json_t *p = NULL, *q = NULL;

		assert_int_equal(sampler_random.propose(first, t, &p, NULL), 0);
		assert_int_equal(sampler_random.propose(second, t, &q, NULL), 0);
		assert_true(json_equal(json_object_get(p, "lr"), json_object_get(q, "lr")));
		assert_true(json_equal(json_object_get(p, "n"), json_object_get(q, "n")));
		json_decref(p);
		json_decref(q);
	}
	sampler_random.close(second);
	a.round = 1;
	for (unsigned change = 0; change < 2; change++) { /* another round, another seed */
		char *p, *q;

		second = must_open(&sampler_random, &a);
		p = proposal(&sampler_random, first, 0);
		q = proposal(&sampler_random, second, 0);
		assert_string_not_equal(p, q);
		free(p);
		free(q);
		sampler_random.close(second);
		a.round = 0;
		a.seed++;
	}
	sampler_random.close(first);
	world_release(&one);
	world_release(&more);
}

static double value_of(const json_t *params, const char *name)
{
	assert_true(json_is_number(json_object_get(params, name)));
	return json_number_value(json_object_get(params, name));
}

/* Shares of 4,000 draws: standard deviation below 0.8 %. */
static void random__ranges_are_filled_evenly(void **state)
{
	enum { N = 4000 };
	struct world w;
	struct sampler_request request;
	double u_low = 0, log_low = 0, one_to_ten = 0, twos = 0, steps[11] = {0}, doubled[6] = {0}, list[3] = {0};
	void *search;

	(void)state;
	world_make(&w,
	           "{\"u\":{\"float\":[-1,3]},\"l\":{\"float\":[0.001,0.1],\"log\":true},\"i\":{\"int\":[1,100],\"log\":true},"
	           "\"s\":{\"float\":[0,1],\"step\":0.1},\"d\":{\"int\":[5,15],\"step\":2},\"c\":[\"a\",\"b\",null],\"k\":{\"int\":[1,2],\"log\":true}}",
	           NULL);
	request = request_of(&w);
	search = must_open(&sampler_random, &request);
	assert_true(sampler_random.count(search) == SPACE_ENDLESS);
	for (uint64_t t = 0; t < N; t++) {
		json_t *p = NULL, *c;
		double u, l, i, s, d;

		assert_int_equal(sampler_random.propose(search, t, &p, NULL), 0);
		u = value_of(p, "u");
		l = value_of(p, "l");
		i = value_of(p, "i");
		s = value_of(p, "s");
		d = value_of(p, "d");
		c = json_object_get(p, "c");
		assert_true(u >= -1 && u <= 3 && l >= 0.001 && l <= 0.1 && i >= 1 && i <= 100 && s >= 0 && s <= 1 && d >= 5 && d <= 15);
		assert_true(json_is_integer(json_object_get(p, "i")) && json_is_integer(json_object_get(p, "d")) && json_is_real(json_object_get(p, "s")));
		assert_true(fabs(s * 10 - round(s * 10)) < 1e-12 && fmod(d - 5, 2) == 0);
		u_low += u < 1;
		log_low += l < 0.01;
		one_to_ten += i <= 10;
		twos += value_of(p, "k") == 2;
		steps[(int)round(s * 10)]++;
		doubled[(int)(d - 5) / 2]++;
		list[json_is_null(c) ? 2 : json_string_value(c)[0] - 'a']++;
		json_decref(p);
	}
	assert_float_equal(u_low / N, 0.5, 0.04);
	assert_float_equal(log_low / N, 0.5, 0.04);
	assert_float_equal(one_to_ten / N, log(11) / log(101), 0.04); /* [1, 11) of [1, 101) */
	assert_float_equal(twos / N, log(1.5) / log(3), 0.04);                /* [2, 3) of [1, 3) */
	for (unsigned k = 0; k < 11; k++)
		assert_float_equal(steps[k] / N, 1 / 11.0, 0.024);
	for (unsigned k = 0; k < 6; k++)
		assert_float_equal(doubled[k] / N, 1 / 6.0, 0.03);
	for (unsigned k = 0; k < 3; k++)
		assert_float_equal(list[k] / N, 1 / 3.0, 0.04);
	sampler_random.close(search);
	world_release(&w);
}

static void random__steps_read_as_written(void **state)
{
	struct world w;
	struct space *space = NULL;
	static const char *const want[] = {"0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"};

	(void)state;
	world_make(&w, "{\"s\":{\"float\":[0.1,0.7],\"step\":0.1},\"one\":{\"float\":[0.3,0.3]},\"t\":{\"float\":[0,1],\"step\":0.3}}", NULL);
	assert_int_equal(space_open(w.axes, w.count, NULL, &space, NULL), 0);
	assert_int_equal(space_axis_count(space, 0), 7);
	assert_int_equal(space_axis_count(space, 1), 1);
	assert_int_equal(space_axis_count(space, 2), 4); /* 0 0.3 0.6 0.9 */
	for (unsigned d = 0; d < 7; d++) {
		json_t *value = space_value(space, 0, d);
		char *text = json_text(value, JSON_STYLE_LINE);

		assert_string_equal(text, want[d]);
		free(text);
		json_decref(value);
	}
	space_close(space);
	world_release(&w);
}

/* A range that holds three doubles: after them it gives up, in finite time. */
static void random__narrow_range_is_exhausted(void **state)
{
	struct world w;
	struct sampler_request request;
	json_t *params = NULL;
	void *search;
	uint64_t t = 0;

	(void)state;
	world_make(&w, "{\"f\":{\"float\":[1.0,2.0]}}", NULL);
	w.axes[0].high = nextafter(nextafter(1, 2), 2);
	request = request_of(&w);
	search = must_open(&sampler_random, &request);
	while (t < 10 && sampler_random.propose(search, t, &params, NULL) == 0) {
		json_decref(params);
		t++;
	}
	assert_in_range(t, 2, 3);
	assert_int_equal(sampler_random.propose(search, 7, &params, NULL), ORCH_EMISSING);
	sampler_random.close(search);
	world_release(&w);
}

static void random__conditions_hold(void **state)
{
	struct world w;
	struct sampler_request request;
	unsigned with = 0;
	void *search;

	(void)state;
	/* gamma stands before what it hangs on */
	world_make(&w, "{\"gamma\":{\"float\":[0,5],\"when\":{\"booster\":\"tree\",\"deep\":true}},\"booster\":[\"tree\",\"line\"],\"deep\":{\"list\":[true,false],\"when\":{\"booster\":\"tree\"}}}", NULL);
	request = request_of(&w);
	search = must_open(&sampler_random, &request);
	for (uint64_t t = 0; t < 200; t++) {
		json_t *p = NULL;
		bool tree, deep;

		assert_int_equal(sampler_random.propose(search, t, &p, NULL), 0);
		tree = strcmp(json_string_value(json_object_get(p, "booster")), "tree") == 0;
		deep = json_is_true(json_object_get(p, "deep"));
		assert_int_equal(tree, json_object_get(p, "deep") != NULL);
		assert_int_equal(tree && deep, json_object_get(p, "gamma") != NULL);
		with += json_object_get(p, "gamma") != NULL;
		json_decref(p);
	}
	/* without gamma there are two configurations, so all others have it */
	assert_true(with >= 198);
	sampler_random.close(search);
	world_release(&w);
}

/* --- what is refused --- */

static void check_refused(const char *text, const char *fixed, const char *want)
{
	struct world w;
	struct sampler_request request;
	struct orch_err err = {0};
	void *state = NULL;

	world_make(&w, text, fixed);
	request = request_of(&w);
	assert_int_equal(sampler_random.open(&request, &state, &err), ORCH_EINPUT);
	assert_null(state);
	assert_string_equal(err.text, want);
	world_release(&w);
}

static void space__says_what_is_wrong(void **state)
{
	(void)state;
	check_refused("{\"a\":[]}", NULL, "hpo.space.a: the list is empty; give at least one value");
	check_refused("{\"a\":[1,\"1\",1.0]}", NULL, "hpo.space.a: 1.0 is listed twice; take one away");
	check_refused("{\"a\":{\"float\":[3,1]}}", NULL, "hpo.space.a: [3, 1] is no range; give the low end first");
	check_refused("{\"a\":{\"float\":[0,1],\"step\":-1}}", NULL, "hpo.space.a: a step must be above 0, not -1");
	check_refused("{\"a\":{\"float\":[0,1],\"log\":true}}", NULL, "hpo.space.a: log needs a range above 0, not one from 0");
	check_refused("{\"a\":{\"int\":[0,1.5]}}", NULL, "hpo.space.a: the ends and the step of an int range must be whole numbers");
	check_refused("{\"a\":{\"float\":[0,1e9],\"step\":1e-9}}", NULL, "hpo.space.a: a step of 1e-09 is too fine for [0, 1e+09]");
	check_refused("{\"a\":{\"list\":[1],\"when\":{\"b\":1}}}", NULL, "hpo.space.a.when: b is neither searched nor a parameter of the model");
	check_refused("{\"a\":{\"list\":[1],\"when\":{\"b\":1}}}", "{\"b\":2}", "hpo.space.a.when: b is fixed at 2, so the condition never holds");
	check_refused("{\"a\":{\"list\":[1],\"when\":{\"b\":\"tre\"}},\"b\":[\"tree\"]}", NULL,
	              "hpo.space.a.when: b is never \"tre\"; name one of its listed values");
	check_refused("{\"a\":{\"list\":[1],\"when\":{\"b\":1}},\"b\":{\"int\":[1,2]}}", NULL,
	              "hpo.space.a.when: b is a range; a condition needs a list of values or a fixed parameter");
	check_refused("{\"z\":[1],\"a\":{\"list\":[1],\"when\":{\"b\":1}},\"b\":{\"list\":[1],\"when\":{\"a\":1}}}", NULL,
	              "hpo.space.a.when: the conditions go round in a circle");
	check_refused("{\"a\":{\"list\":[1],\"when\":3}}", NULL, "hpo.space.a.when must be {parameter: value}");
}

static void space__name_twice_is_refused(void **state)
{
	json_t *one = json_integer(1);
	const struct space_axis axes[2] = {{.name = "a", .choices = &one, .choice_count = 1}, {.name = "a", .choices = &one, .choice_count = 1}};
	struct space *space = NULL;
	struct orch_err err = {0};

	(void)state;
	assert_int_equal(space_open(axes, 2, NULL, &space, &err), ORCH_EINPUT);
	assert_string_equal(err.text, "hpo.space.a is given twice; take one away");
	json_decref(one);
}

static void grid__takes_lists_only(void **state)
{
	struct world w;
	struct sampler_request request;
	struct orch_err err = {0};
	void *grid = NULL;

	(void)state;
	world_make(&w, "{\"a\":[1],\"b\":{\"int\":[1,2]}}", NULL);
	request = request_of(&w);
	assert_int_equal(sampler_grid.open(&request, &grid, &err), ORCH_EINPUT);
	assert_string_equal(err.text, "hpo.space.b: a grid takes lists only; list the values, or use sampler: random");
	world_release(&w);
}

static void sampler__table_is_searched_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(sampler_find("grid"), &sampler_grid);
	assert_ptr_equal(sampler_find("random"), &sampler_random);
	assert_null(sampler_find("bayes"));
	sampler_grid.close(NULL);
	sampler_random.close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grid__first_axis_varies_slowest),
		cmocka_unit_test(grid__conditions_leave_out),
		cmocka_unit_test(grid__ends),
		cmocka_unit_test(grid__equals_enumeration),
		cmocka_unit_test(grid__counts_saturate),
		cmocka_unit_test(random__never_twice_and_ends_when_used_up),
		cmocka_unit_test(random__order_of_calls_does_not_matter),
		cmocka_unit_test(random__continuous_spaces_keep_nothing),
		cmocka_unit_test(random__value_depends_on_its_address_only),
		cmocka_unit_test(random__ranges_are_filled_evenly),
		cmocka_unit_test(random__steps_read_as_written),
		cmocka_unit_test(random__narrow_range_is_exhausted),
		cmocka_unit_test(random__conditions_hold),
		cmocka_unit_test(space__says_what_is_wrong),
		cmocka_unit_test(space__name_twice_is_refused),
		cmocka_unit_test(grid__takes_lists_only),
		cmocka_unit_test(sampler__table_is_searched_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
