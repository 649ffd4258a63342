/* Samplers that read scores: what holds for all of them, and that they find better values than chance. */
#include <math.h>

#include "engines/address.h"
#include "tests/unit/search_world.h"

#define TRIALS 60

static const struct sampler *const learned[] = {&sampler_tpe, &sampler_gp};
#define LEARNED (sizeof(learned) / sizeof(learned[0]))

static const char mixed[] =
	"{\"kind\":[\"line\",\"tree\",null],\"rate\":{\"float\":[0.001,1],\"log\":true},\"share\":{\"float\":[0,1],\"step\":0.125},"
	"\"depth\":{\"int\":[2,20],\"step\":2,\"when\":{\"kind\":\"tree\"}},\"leaf\":{\"int\":[1,100],\"log\":true,\"when\":{\"kind\":\"tree\"}},"
	"\"reg\":{\"list\":[0,null,\"auto\"],\"when\":{\"kind\":\"line\"}}}";

/* A search whose scores are a function of the parameters. */
struct campaign {
	const struct sampler *sampler;
	struct world w;
	struct sampler_request request;
	double (*value)(const json_t *params);
	void *search;
	json_t *params[2 * TRIALS]; /* those given out */
	uint64_t ready, asked;      /* trials below have scores; the largest one asked for and one */
	double sign;
};

static double campaign_value(const struct campaign *c, uint64_t trial)
{
	return c->sign * c->value(c->params[trial]);
}

static int campaign_score(void *context, uint64_t trial, double *out, struct orch_err *err)
{
	struct campaign *c = context;

	(void)err;
	assert_true(trial < c->ready); /* no score of this generation or a later one is asked for */
	c->asked = trial + 1 > c->asked ? trial + 1 : c->asked;
	*out = campaign_value(c, trial);
	return 0;
}

static void campaign_open(struct campaign *c, const struct sampler *sampler, const char *space, double (*value)(const json_t *params))
{
	memset(c, 0, sizeof(*c));
	c->sampler = sampler;
	c->value = value;
	c->sign = 1;
	world_make(&c->w, space, NULL);
	c->request = request_of(&c->w);
	c->request.score = campaign_score;
	c->request.context = c;
}

static uint64_t generation_of(const struct campaign *c)
{
	return c->request.generation ? c->request.generation : c->sampler->generation;
}

static void campaign_propose(struct campaign *c, uint64_t trial)
{
	struct orch_err err = {0};

	if (!c->search)
		c->search = must_open(c->sampler, &c->request);
	c->ready = trial / generation_of(c) * generation_of(c);
	json_decref(c->params[trial]);
	c->params[trial] = NULL;
	if (c->sampler->propose(c->search, trial, &c->params[trial], &err) != 0)
		fail_msg("%s, trial %d: %s", c->sampler->name, (int)trial, err.text);
}

static void campaign_run(struct campaign *c, uint64_t trials)
{
	for (uint64_t t = 0; t < trials; t++)
		campaign_propose(c, t);
}

static double campaign_best(const struct campaign *c, uint64_t trials)
{
	double best = INFINITY;

	for (uint64_t t = 0; t < trials; t++)
		best = fmin(best, c->value(c->params[t]));
	return best;
}

static void campaign_close(struct campaign *c)
{
	c->sampler->close(c->search);
	for (unsigned t = 0; t < 2 * TRIALS; t++)
		json_decref(c->params[t]);
	world_release(&c->w);
}

static double number(const json_t *params, const char *name)
{
	return json_number_value(json_object_get(params, name));
}

static double mixed_value(const json_t *p)
{
	double value = pow(log10(number(p, "rate")) + 1, 2) + fabs(number(p, "share") - 0.25);
	const char *kind = json_string_value(json_object_get(p, "kind"));

	if (!kind)
		return value + 3;
	if (strcmp(kind, "line") == 0)
		return value + (json_is_null(json_object_get(p, "reg")) ? 1 : 2);
	return value + 0.05 * fabs(number(p, "depth") - 12) + 0.3 * fabs(log(number(p, "leaf") / 5));
}

static double sphere(const json_t *p)
{
	return pow(number(p, "x") - 0.3, 2) + pow(number(p, "y") - 0.8, 2);
}

static double branin(const json_t *p)
{
	double pi = acos(-1), x = number(p, "x"), y = number(p, "y"), t = y - 5.1 / (4 * pi * pi) * x * x + 5 / pi * x - 6;

	return t * t + 10 * (1 - 1 / (8 * pi)) * cos(x) + 10;
}

/* A third of the trials fail. */
static double failing(const json_t *p)
{
	return address_unit(address_hash(7, (uint64_t)(1e6 * number(p, "rate")))) < 0.33 ? NAN : mixed_value(p);
}

static double never(const json_t *p)
{
	(void)p;
	return NAN;
}

static double flat(const json_t *p)
{
	(void)p;
	return 1;
}

/* --- what is proposed --- */

static void check_mixed(const json_t *p)
{
	const json_t *kind = json_object_get(p, "kind"), *reg = json_object_get(p, "reg");
	bool line = json_is_string(kind) && strcmp(json_string_value(kind), "line") == 0;
	bool tree = json_is_string(kind) && strcmp(json_string_value(kind), "tree") == 0;
	double share = number(p, "share"), depth = number(p, "depth"), leaf = number(p, "leaf");

	assert_true(line || tree || json_is_null(kind));
	assert_true(json_is_real(json_object_get(p, "rate")) && number(p, "rate") >= 0.001 && number(p, "rate") <= 1);
	assert_true(share >= 0 && share <= 1 && fmod(share, 0.125) == 0);
	assert_int_equal(tree, json_object_get(p, "depth") != NULL);
	assert_int_equal(tree, json_object_get(p, "leaf") != NULL);
	assert_int_equal(line, reg != NULL);
	if (tree) {
		assert_true(json_is_integer(json_object_get(p, "depth")) && depth >= 2 && depth <= 20 && fmod(depth, 2) == 0);
		assert_true(json_is_integer(json_object_get(p, "leaf")) && leaf >= 1 && leaf <= 100);
	}
	if (line)
		assert_true(json_is_null(reg) || json_is_integer(reg) || json_is_string(reg));
}

static void learned__stays_in_the_space_and_never_twice(void **state)
{
	double (*const values[])(const json_t *) = {mixed_value, failing, never, flat};

	(void)state;
	for (size_t s = 0; s < LEARNED; s++)
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			struct campaign c;

			campaign_open(&c, learned[s], mixed, values[v]);
			campaign_run(&c, TRIALS);
			for (unsigned t = 0; t < TRIALS; t++) {
				check_mixed(c.params[t]);
				for (unsigned before = 0; before < t; before++)
					assert_false(json_equal(c.params[t], c.params[before]));
			}
			assert_int_equal(c.asked, (TRIALS - 1) / learned[s]->generation * learned[s]->generation);
			campaign_close(&c);
		}
}

static void learned__finite_space_is_used_up(void **state)
{
	(void)state;
	for (size_t s = 0; s < LEARNED; s++) {
		struct campaign c;
		struct orch_err err = {0};
		json_t *params = NULL;

		campaign_open(&c, learned[s], "{\"rate\":[1,2,3,4],\"share\":{\"int\":[1,9],\"log\":true},\"kind\":{\"list\":[\"line\",null],\"when\":{\"rate\":2}}}", flat);
		campaign_run(&c, 45);
		for (unsigned t = 0; t < 45; t++)
			for (unsigned before = 0; before < t; before++)
				assert_false(json_equal(c.params[t], c.params[before]));
		assert_int_equal(learned[s]->count(c.search), 45);
		assert_int_equal(learned[s]->propose(c.search, 45, &params, &err), ORCH_EMISSING);
		assert_string_equal(err.text, "the search space is used up: it gave 45 different configurations, none is left for trial 45");
		campaign_close(&c);
	}
}

static void learned__space_without_a_choice(void **state)
{
	(void)state;
	for (size_t s = 0; s < LEARNED; s++) {
		struct campaign c;

		campaign_open(&c, learned[s], "{}", flat);
		campaign_run(&c, 1);
		assert_int_equal(json_object_size(c.params[0]), 0);
		campaign_close(&c);
	}
}

/* --- what it depends on --- */

/* Whoever asks first, and however often: a generation backwards and twice, or only its last trial. */
static void learned__order_of_calls_does_not_matter(void **state)
{
	(void)state;
	for (size_t s = 0; s < LEARNED; s++) {
		struct campaign forward, backward;
		uint64_t g = learned[s]->generation;

		campaign_open(&forward, learned[s], mixed, mixed_value);
		campaign_open(&backward, learned[s], mixed, mixed_value);
		campaign_run(&forward, TRIALS);
		for (uint64_t first = 0; first + g <= TRIALS; first += g)
			for (unsigned twice = 0; twice < 2; twice++)
				for (uint64_t t = first + g; t-- > first;)
					campaign_propose(&backward, t);
		for (uint64_t t = 0; t + g <= TRIALS; t++)
			assert_true(json_equal(forward.params[t], backward.params[t]));
		campaign_close(&forward);
		campaign_close(&backward);
	}
}

static struct campaign *remembered;
static unsigned recalled;

static int recall_some(void *context, uint64_t trial, json_t **out, struct orch_err *err)
{
	(void)context;
	if (trial >= 41)
		return orch_fail(err, ORCH_EMISSING, "not kept");
	recalled++;
	*out = json_deep_copy(remembered->params[trial]);
	return 0;
}

/* After an interruption: a fresh search that is asked in the middle of a generation, with and without what the caller still knows. */
static void learned__resumes_the_same(void **state)
{
	(void)state;
	for (size_t s = 0; s < LEARNED; s++)
		for (unsigned recall = 0; recall < 2; recall++) {
			struct campaign whole, rest;

			campaign_open(&whole, learned[s], mixed, mixed_value);
			campaign_run(&whole, TRIALS);
			campaign_open(&rest, learned[s], mixed, mixed_value);
			rest.request.recall = recall ? recall_some : NULL;
			remembered = &whole;
			recalled = 0;
			for (unsigned t = 0; t < 43; t++)
				rest.params[t] = json_incref(whole.params[t]);
			for (unsigned t = 43; t < TRIALS; t++) {
				campaign_propose(&rest, t);
				assert_true(json_equal(rest.params[t], whole.params[t]));
			}
			assert_int_equal(recalled, recall ? 41 : 0);
			campaign_close(&whole);
			campaign_close(&rest);
		}
}

static void learned__direction_is_a_sign(void **state)
{
	(void)state;
	for (size_t s = 0; s < LEARNED; s++) {
		struct campaign down, up;

		campaign_open(&down, learned[s], mixed, mixed_value);
		campaign_open(&up, learned[s], mixed, mixed_value);
		up.sign = -1;
		up.request.maximise = true;
		campaign_run(&down, TRIALS);
		campaign_run(&up, TRIALS);
		for (unsigned t = 0; t < TRIALS; t++)
			assert_true(json_equal(down.params[t], up.params[t]));
		campaign_close(&down);
		campaign_close(&up);
	}
}

static void learned__seed_round_and_generation_matter(void **state)
{
	(void)state;
	for (size_t s = 0; s < LEARNED; s++) {
		struct campaign c[4];

		for (unsigned k = 0; k < 4; k++) {
			campaign_open(&c[k], learned[s], mixed, mixed_value);
			c[k].request.seed += k == 1;
			c[k].request.round += k == 2;
			c[k].request.generation = k == 3 ? 12 : 0;
			campaign_run(&c[k], 40);
		}
		assert_false(json_equal(c[0].params[0], c[1].params[0]));
		assert_false(json_equal(c[0].params[0], c[2].params[0]));
		assert_true(json_equal(c[0].params[9], c[3].params[9])); /* first points: nothing is learned yet */
		assert_false(json_equal(c[0].params[30], c[3].params[30]));
		assert_int_equal(c[3].asked, 36);
		for (unsigned k = 0; k < 4; k++)
			campaign_close(&c[k]);
	}
}

static int broken_score(void *context, uint64_t trial, double *out, struct orch_err *err)
{
	(void)context;
	(void)out;
	return orch_fail(err, ORCH_EIO, "no score of trial %d", (int)trial);
}

static void learned__says_why_a_score_is_missing(void **state)
{
	(void)state;
	for (size_t s = 0; s < LEARNED; s++) {
		struct campaign c;
		struct orch_err err = {0};
		json_t *params = NULL;

		campaign_open(&c, learned[s], mixed, mixed_value);
		c.request.score = broken_score;
		c.search = must_open(c.sampler, &c.request);
		assert_int_equal(c.sampler->propose(c.search, 30, &params, &err), ORCH_EIO);
		assert_string_equal(err.text, "no score of trial 0");
		assert_null(params);
		campaign_close(&c);
	}
}

/* --- what it finds --- */

/* The median over seven seeds of the best of 40 trials. */
static double median_best(const struct sampler *sampler, const char *space, double (*value)(const json_t *))
{
	double best[7];

	for (unsigned seed = 0; seed < 7; seed++) {
		struct campaign c;
		double found;
		unsigned at = seed;

		campaign_open(&c, sampler, space, value);
		if (!sampler->generation)
			c.request.generation = 1;
		c.request.seed = seed;
		campaign_run(&c, 40);
		found = campaign_best(&c, 40);
		for (; at > 0 && best[at - 1] > found; at--)
			best[at] = best[at - 1];
		best[at] = found;
		campaign_close(&c);
	}
	return best[3];
}

static void learned__finds_better_than_chance(void **state)
{
	const char *unit = "{\"x\":{\"float\":[0,1]},\"y\":{\"float\":[0,1]}}", *wide = "{\"x\":{\"float\":[-5,10]},\"y\":{\"float\":[0,15]}}";

	(void)state;
	for (size_t s = 0; s < LEARNED; s++) {
		assert_true(median_best(learned[s], unit, sphere) < 0.25 * median_best(&sampler_random, unit, sphere));
		assert_true(median_best(learned[s], wide, branin) - 0.3978 < 0.5 * (median_best(&sampler_random, wide, branin) - 0.3978));
		assert_true(median_best(learned[s], mixed, mixed_value) < 0.6 * median_best(&sampler_random, mixed, mixed_value));
	}
}

/* What another campaign found is used from the first trial on; what does not fit the space is not. */
static void learned__warm_start(void **state)
{
	const char *unit = "{\"x\":{\"float\":[0,1]},\"y\":{\"float\":[0,1]}}";

	(void)state;
	for (size_t s = 0; s < LEARNED; s++) {
		struct campaign before, warm, cold, odd;
		struct sampler_observation earlier[TRIALS + 3];
		json_t *strange[3] = {json_pack("{s:f}", "x", 0.5), json_pack("{s:f,s:f}", "x", 0.5, "y", 2.0), json_pack("{s:s,s:f}", "x", "a", "y", 0.5)};
		double distance = 0;

		campaign_open(&before, learned[s], unit, sphere);
		campaign_run(&before, TRIALS);
		for (unsigned t = 0; t < TRIALS; t++)
			earlier[t] = (struct sampler_observation){before.params[t], t % 7 ? sphere(before.params[t]) : NAN};
		campaign_open(&warm, learned[s], unit, sphere);
		warm.request.earlier = earlier;
		warm.request.earlier_count = TRIALS;
		warm.request.seed++;
		campaign_run(&warm, 8);
		for (unsigned t = 0; t < 8; t++)
			distance += sqrt(sphere(warm.params[t])) / 8;
		assert_true(distance < 0.25); /* points without knowledge lie 0.5 away */
		campaign_open(&cold, learned[s], unit, sphere);
		campaign_open(&odd, learned[s], unit, sphere);
		for (unsigned k = 0; k < 3; k++)
			earlier[k] = (struct sampler_observation){strange[k], 0};
		odd.request.earlier = earlier;
		odd.request.earlier_count = 3;
		campaign_run(&cold, 20);
		campaign_run(&odd, 20);
		for (unsigned t = 0; t < 20; t++)
			assert_true(json_equal(cold.params[t], odd.params[t]));
		for (unsigned k = 0; k < 3; k++)
			json_decref(strange[k]);
		campaign_close(&before);
		campaign_close(&warm);
		campaign_close(&cold);
		campaign_close(&odd);
	}
}

static void learned__table_is_searched_by_name(void **state)
{
	(void)state;
	for (size_t s = 0; s < LEARNED; s++) {
		assert_ptr_equal(sampler_find(learned[s]->name), learned[s]);
		assert_true(learned[s]->generation > 0);
		learned[s]->close(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learned__stays_in_the_space_and_never_twice),
		cmocka_unit_test(learned__finite_space_is_used_up),
		cmocka_unit_test(learned__space_without_a_choice),
		cmocka_unit_test(learned__order_of_calls_does_not_matter),
		cmocka_unit_test(learned__resumes_the_same),
		cmocka_unit_test(learned__direction_is_a_sign),
		cmocka_unit_test(learned__seed_round_and_generation_matter),
		cmocka_unit_test(learned__says_why_a_score_is_missing),
		cmocka_unit_test(learned__finds_better_than_chance),
		cmocka_unit_test(learned__warm_start),
		cmocka_unit_test(learned__table_is_searched_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
