/* Tree-structured Parzen estimators (Bergstra et al., NeurIPS 2011), multivariate (Falkner et al., ICML 2018): the best observations
 * give one density, the others another. Of some draws from the first a trial takes the one with the largest ratio of the two: under the
 * model that is the one with the most expected improvement. The better of the good ones weigh more. Pending trials of the generation
 * count as poor, so that the next ones keep away from them (constant liar); failed ones are poor, too.
 *
 * A small generation costs parallelism nothing as long as its trials times their folds are more than the workers; a larger one costs
 * quality (100 trials in eights end about a third further from the least than in fours). */
#include <math.h>
#include <stdlib.h>

#include "engines/address.h"
#include "engines/search/learned.h"
#include "engines/search/parzen.h"
#include "storage/base/mem.h"

#define GENERATION 4
#define STARTUP 10
#define DRAWS 64
#define GOOD_SHARE 0.1
#define GOOD_MOST 25
#define POOR_MOST 256 /* the newest: the cost of a trial does not grow */
#define WORST_OFF 0.8 /* the weights of the good ones fall from 1 to 1 less this */

struct tpe {
	struct parzen good, poor;
	uint64_t known; /* rows below are in poor, or good, or too old */
	double *fractions, *room;
};

static void tpe_release(void *model)
{
	struct tpe *tpe = model;

	parzen_release(&tpe->good);
	parzen_release(&tpe->poor);
	free(tpe->fractions);
	free(tpe->room);
}

static void add_row(const struct learned *l, struct parzen *p, uint64_t row, double weight)
{
	parzen_add(p, l->fractions + row * l->axes, l->digits + row * l->axes, weight);
}

/* How many observations are good ones. */
static size_t good_count(const struct learned *l)
{
	size_t count = (size_t)fmin(GOOD_MOST, ceil(GOOD_SHARE * (double)l->scored));

	return count < l->best_count ? count : l->best_count;
}

static int tpe_learn(struct learned *l, struct orch_err *err)
{
	struct tpe *tpe = l->model;
	size_t good = good_count(l);
	uint64_t first = l->scored > POOR_MOST ? l->scored - POOR_MOST : 0;

	(void)err;
	tpe_release(tpe);
	*tpe = (struct tpe){.known = l->scored};
	tpe->fractions = mem_must(l->axes + 1, sizeof(*tpe->fractions));
	tpe->room = mem_must(POOR_MOST + l->generation + GOOD_MOST + 1, sizeof(*tpe->room));
	parzen_init(&tpe->good, l->space, GOOD_MOST);
	parzen_init(&tpe->poor, l->space, POOR_MOST + l->generation);
	for (size_t i = 0; i < good; i++)
		add_row(l, &tpe->good, l->best[i], 1 - WORST_OFF * (double)i / (double)good);
	for (uint64_t row = first; row < l->scored; row++) {
		bool is_good = false;

		for (size_t i = 0; i < good; i++)
			is_good = is_good || l->best[i] == row;
		if (!is_good)
			add_row(l, &tpe->poor, row, 1);
	}
	parzen_scale(&tpe->good);
	return 0;
}

static double log_ratio(struct learned *l, struct tpe *tpe)
{
	for (size_t a = 0; a < l->axes; a++)
		tpe->fractions[a] = configuration_fraction(l->space, a, &l->candidate);
	return parzen_log_density(&tpe->good, tpe->fractions, l->candidate.digits, tpe->room) -
	       parzen_log_density(&tpe->poor, tpe->fractions, l->candidate.digits, tpe->room);
}

static int tpe_choose(struct learned *l, uint64_t key, bool *found, struct orch_err *err)
{
	struct tpe *tpe = l->model;
	double best = -INFINITY;
	uint64_t best_draw = 0;

	(void)err;
	for (; tpe->known < l->rows; tpe->known++)
		add_row(l, &tpe->poor, tpe->known, 1);
	parzen_scale(&tpe->poor);
	*found = false;
	for (uint64_t draw = 0; draw < DRAWS; draw++) {
		double ratio;

		parzen_draw(&tpe->good, address_hash(key, draw), &l->candidate);
		if (configuration_set_has(&l->had, configuration_print(l->space, &l->candidate)))
			continue;
		ratio = log_ratio(l, tpe);
		if (*found && !(ratio > best))
			continue;
		*found = true;
		best = ratio;
		best_draw = draw;
	}
	if (*found)
		parzen_draw(&tpe->good, address_hash(key, best_draw), &l->candidate);
	return 0;
}

static const struct learned_ops tpe_ops = {
	.name = "tpe",
	.generation = GENERATION,
	.startup = STARTUP,
	.model_size = sizeof(struct tpe),
	.release = tpe_release,
	.learn = tpe_learn,
	.choose = tpe_choose,
};

static int tpe_open(const struct sampler_request *request, void **state, struct orch_err *err)
{
	return learned_open(request, &tpe_ops, state, err);
}

const struct sampler sampler_tpe = {
	.name = "tpe",
	.help = "learns from scores where good configurations are denser than poor ones (tree-structured Parzen estimators)",
	.generation = GENERATION,
	.open = tpe_open,
	.close = learned_close,
	.count = learned_count,
	.propose = learned_propose,
};
