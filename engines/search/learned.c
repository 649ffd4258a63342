#include "engines/search/learned.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/search/sobol.h"
#include "storage/base/mem.h"

#define TRIES 1000          /* random draws when a choice finds nothing new */
#define STARTUP_TRIES 10000 /* points of the sequence */
#define NOTHING UINT64_MAX

/* --- rows --- */

static int grow(void **block, uint64_t room, size_t size, struct orch_err *err)
{
	void *grown = mem_array_grow(*block, room, size);

	if (!grown)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %llu trials", (unsigned long long)room);
	*block = grown;
	return 0;
}

static int reserve(struct learned *l, struct orch_err *err)
{
	uint64_t room = l->room ? 2 * l->room : 64;
	size_t row = l->axes ? l->axes : 1;
	void *blocks[4] = {l->fractions, l->values, l->digits, l->losses};
	const size_t sizes[4] = {row * sizeof(double), row * sizeof(double), row * sizeof(uint64_t), sizeof(double)};
	int code = configuration_set_reserve(&l->had, err);

	if (code || l->rows < l->room)
		return code;
	for (unsigned b = 0; !code && b < 4; b++)
		code = grow(&blocks[b], room, sizes[b], err);
	l->fractions = blocks[0];
	l->values = blocks[1];
	l->digits = blocks[2];
	l->losses = blocks[3];
	l->room = code ? l->room : room;
	return code;
}

/* The candidate becomes the next row; there must be room. */
static void append(struct learned *l)
{
	for (size_t a = 0; a < l->axes; a++) {
		l->fractions[l->rows * l->axes + a] = configuration_fraction(l->space, a, &l->candidate);
		l->values[l->rows * l->axes + a] = l->candidate.values[a];
		l->digits[l->rows * l->axes + a] = l->candidate.digits[a];
	}
	l->losses[l->rows++] = NAN;
}

static void set_score(struct learned *l, double score)
{
	uint64_t row = l->scored++;
	double loss = l->request.maximise ? -score : score;
	size_t at;

	l->losses[row] = isfinite(loss) ? loss : NAN;
	if (!isfinite(loss))
		return;
	at = l->best_count;
	while (at > 0 && l->losses[l->best[at - 1]] > loss)
		at--;
	if (at == LEARNED_BEST)
		return;
	l->best_count += l->best_count < LEARNED_BEST;
	memmove(&l->best[at + 1], &l->best[at], (l->best_count - 1 - at) * sizeof(l->best[0]));
	l->best[at] = row;
}

/* --- opening --- */

static int read_earlier(struct learned *l, struct orch_err *err)
{
	int code = 0;

	for (size_t i = 0; !code && i < l->request.earlier_count; i++) {
		const struct sampler_observation *observation = &l->request.earlier[i];

		code = reserve(l, err);
		if (code || !configuration_read(l->space, observation->params, &l->candidate))
			continue;
		append(l);
		set_score(l, observation->score);
	}
	l->earlier = l->rows;
	return code;
}

int learned_open(const struct sampler_request *request, const struct learned_ops *ops, void **state, struct orch_err *err)
{
	struct learned *l = mem_must(1, sizeof(*l));
	int code;

	l->ops = ops;
	l->model = mem_must(1, ops->model_size);
	code = space_open(request->axes, request->axis_count, request->fixed, &l->space, err);
	if (!code) {
		l->axes = request->axis_count;
		l->request = *request;
		l->key = address_hash(address_text(request->seed, ops->name), request->round);
		l->count = space_count(l->space);
		l->generation = request->generation ? request->generation : ops->generation;
		l->learned_for = NOTHING;
		configuration_init(l->space, &l->candidate);
		code = read_earlier(l, err);
	}
	if (code) {
		learned_close(l);
		return code;
	}
	*state = l;
	return 0;
}

void learned_close(void *state)
{
	struct learned *l = state;

	if (!l)
		return;
	l->ops->release(l->model);
	free(l->model);
	space_close(l->space);
	configuration_set_release(&l->had);
	configuration_release(&l->candidate);
	free(l->fractions);
	free(l->values);
	free(l->digits);
	free(l->losses);
	free(l);
}

uint64_t learned_count(const void *state)
{
	return ((const struct learned *)state)->count;
}

/* --- the next trial --- */

static bool is_new(const struct learned *l)
{
	return !configuration_set_has(&l->had, configuration_print(l->space, &l->candidate));
}

static bool first_point(struct learned *l, uint64_t trial)
{
	uint64_t key = address_text(l->key, "first points");

	/* each trial has points of its own, so that what was skipped need not be remembered */
	for (uint64_t try = 0; try < STARTUP_TRIES; try++) {
		sobol_point(l->space, address_hash(key, try), trial, &l->candidate);
		if (is_new(l))
			return true;
	}
	return false;
}

static bool random_point(struct learned *l, uint64_t key)
{
	for (uint64_t try = 0; try < TRIES; try++) {
		for (size_t i = 0; i < l->axes; i++) {
			size_t a = space_order(l->space)[i];

			configuration_set(l->space, a, address_hash(address_hash(key, try), a), &l->candidate);
		}
		if (is_new(l))
			return true;
	}
	return false;
}

/* Reads the scores of the trials before the generation and learns from them, once for a generation. */
static int learn(struct learned *l, uint64_t first, struct orch_err *err)
{
	int code = 0;

	if (l->learned_for == first)
		return 0;
	while (!code && l->scored < l->earlier + first) {
		double score;

		code = l->request.score(l->request.context, l->scored - l->earlier, &score, err);
		if (!code)
			set_score(l, score);
	}
	if (!code)
		code = l->ops->learn(l, err);
	if (!code)
		l->learned_for = first;
	return code;
}

static bool recall(struct learned *l, uint64_t trial, int *code, struct orch_err *err)
{
	struct orch_err missing = {0};
	json_t *params = NULL;
	bool known;

	if (!l->request.recall)
		return false;
	*code = l->request.recall(l->request.context, trial, &params, &missing);
	if (*code == ORCH_EMISSING) {
		*code = 0;
		return false;
	}
	if (*code) {
		orch_fail(err, *code, "%s", missing.text);
		return false;
	}
	known = configuration_read(l->space, params, &l->candidate) && is_new(l);
	json_decref(params);
	return known;
}

/* The configuration of the first trial that has none, or exhausted. */
static int find_next(struct learned *l, struct orch_err *err)
{
	uint64_t trial = l->rows - l->earlier, key = address_hash(address_text(l->key, "trial"), trial), number;
	uint64_t first = trial / l->generation * l->generation;
	bool found = false, startup = l->rows < l->ops->startup || l->earlier + first == 0;
	int code = reserve(l, err);

	if (code)
		return code;
	if (trial >= l->count) {
		l->exhausted = true;
		return 0;
	}
	found = recall(l, trial, &code, err);
	if (!code && !found && startup) {
		found = first_point(l, trial);
	} else if (!code && !found) {
		code = learn(l, first, err);
		if (!code)
			code = l->ops->choose(l, key, &found, err);
	}
	if (code)
		return code;
	if (!found && !random_point(l, key) &&
	    !(l->count != SPACE_ENDLESS && configuration_set_walk(&l->had, l->space, address_below(key, l->count), &l->candidate, &number))) {
		l->exhausted = true;
		return 0;
	}
	configuration_set_add(&l->had, configuration_print(l->space, &l->candidate));
	append(l);
	return 0;
}

int learned_propose(void *state, uint64_t trial, json_t **out, struct orch_err *err)
{
	struct learned *l = state;
	struct configuration row;
	int code = 0;

	while (!code && trial >= l->rows - l->earlier && !l->exhausted)
		code = find_next(l, err);
	if (code)
		return code;
	if (trial >= l->rows - l->earlier)
		return orch_fail(err, ORCH_EMISSING, "the search space is used up: it gave %llu different configurations, none is left for trial %llu",
		                 (unsigned long long)(l->rows - l->earlier), (unsigned long long)trial);
	row.digits = l->digits + (l->earlier + trial) * l->axes;
	row.values = l->values + (l->earlier + trial) * l->axes;
	*out = configuration_object(l->space, &row);
	return 0;
}
