/* Independent draws. The value of a parameter is a hash of (seed, round, trial, try, name), so neither the order of the axes nor other
 * axes matter to it. */
#include "engines/address.h"
#include "engines/search/drawn.h"

static void random_draw(const struct drawn *drawn, uint64_t trial, uint64_t draw, struct configuration *out)
{
	uint64_t key = address_hash(address_hash(drawn->key, trial), draw);

	for (size_t i = 0; i < space_axes(drawn->space); i++) {
		size_t a = space_order(drawn->space)[i];

		configuration_set(drawn->space, a, address_text(key, space_axis(drawn->space, a)->name), out);
	}
}

static int random_open(const struct sampler_request *request, void **state, struct orch_err *err)
{
	return drawn_open(request, "random search", random_draw, false, state, err);
}

const struct sampler sampler_random = {
	.name = "random",
	.help = "independent draws from lists and ranges, never the same twice",
	.open = random_open,
	.close = drawn_close,
	.count = drawn_count,
	.propose = drawn_propose,
};
