/* Points of Sobol's sequence (USSR Comput. Math. Math. Phys. 7 (1967) 86), which fill a space more evenly than independent draws do,
 * with the direction numbers of Joe and Kuo (SIAM J. Sci. Comput. 30 (2008) 2635; their table new-joe-kuo-6) and the nested uniform
 * scrambling of Owen (J. Complexity 14 (1998) 466): each bit is flipped by a hash of (seed, round, parameter, the bits before it), so
 * every point is uniform on its own and the net's evenness stays. Below the 32nd bit the digits are random.
 *
 * The sequence has a dimension for each axis with more than one value, in space_order; axes beyond the table's are drawn
 * independently. A trial takes the next point whose configuration no earlier trial has. */
#include "engines/address.h"
#include "engines/search/drawn.h"
#include "engines/search/sobol.h"

#define BITS 32
#define DIMENSIONS 53 /* all primitive polynomials up to degree 8 */

/* Bits of the primitive polynomial, the constant term last, and the first direction numbers, as many as its degree.
 * The first dimension, van der Corput's sequence, has none. */
static const struct {
	uint16_t polynomial;
	uint8_t first[8];
} sobol_table[DIMENSIONS - 1] = {
	{3, {1}}, {7, {1, 3}}, {11, {1, 3, 1}}, {13, {1, 1, 1}}, {19, {1, 1, 3, 3}}, {25, {1, 3, 5, 13}}, {37, {1, 1, 5, 5, 17}},
	{41, {1, 1, 5, 5, 5}}, {47, {1, 1, 7, 11, 19}}, {55, {1, 1, 5, 1, 1}}, {59, {1, 1, 1, 3, 11}}, {61, {1, 3, 5, 5, 31}},
	{67, {1, 3, 3, 9, 7, 49}}, {91, {1, 1, 1, 15, 21, 21}}, {97, {1, 3, 1, 13, 27, 49}}, {103, {1, 1, 1, 15, 7, 5}},
	{109, {1, 3, 1, 15, 13, 25}}, {115, {1, 1, 5, 5, 19, 61}}, {131, {1, 3, 7, 11, 23, 15, 103}}, {137, {1, 3, 7, 13, 13, 15, 69}},
	{143, {1, 1, 3, 13, 7, 35, 63}}, {145, {1, 3, 5, 9, 1, 25, 53}}, {157, {1, 3, 1, 13, 9, 35, 107}},
	{167, {1, 3, 1, 5, 27, 61, 31}}, {171, {1, 1, 5, 11, 19, 41, 61}}, {185, {1, 3, 5, 3, 3, 13, 69}},
	{191, {1, 1, 7, 13, 1, 19, 1}}, {193, {1, 3, 7, 5, 13, 19, 59}}, {203, {1, 1, 3, 9, 25, 29, 41}},
	{211, {1, 3, 5, 13, 23, 1, 55}}, {213, {1, 3, 7, 3, 13, 59, 17}}, {229, {1, 3, 1, 3, 5, 53, 69}},
	{239, {1, 1, 5, 5, 23, 33, 13}}, {241, {1, 1, 7, 7, 1, 61, 123}}, {247, {1, 1, 7, 9, 13, 61, 49}},
	{253, {1, 3, 3, 5, 3, 55, 33}}, {285, {1, 3, 1, 15, 31, 13, 49, 245}}, {299, {1, 3, 5, 15, 31, 59, 63, 97}},
	{301, {1, 3, 1, 11, 11, 11, 77, 249}}, {333, {1, 3, 1, 11, 27, 43, 71, 9}}, {351, {1, 1, 7, 15, 21, 11, 81, 45}},
	{355, {1, 3, 7, 3, 25, 31, 65, 79}}, {357, {1, 3, 1, 1, 19, 11, 3, 205}}, {361, {1, 1, 5, 9, 19, 21, 29, 157}},
	{369, {1, 3, 7, 11, 1, 33, 89, 185}}, {391, {1, 3, 3, 3, 15, 9, 79, 71}}, {397, {1, 3, 7, 11, 15, 39, 119, 27}},
	{425, {1, 1, 3, 1, 11, 31, 97, 225}}, {451, {1, 1, 1, 3, 23, 43, 57, 177}}, {463, {1, 3, 7, 7, 17, 17, 37, 71}},
	{487, {1, 3, 1, 5, 27, 63, 123, 213}}, {501, {1, 1, 3, 5, 11, 43, 53, 133}},
};

/* The k-th direction number as 32 bits behind the binary point, for all k. */
static void directions(size_t dimension, uint32_t out[BITS])
{
	uint32_t polynomial = dimension ? sobol_table[dimension - 1].polynomial : 1;
	unsigned degree = 31 - (unsigned)__builtin_clz(polynomial);

	for (unsigned k = 0; k < BITS; k++) {
		if (dimension == 0) {
			out[k] = UINT32_C(1) << (BITS - 1 - k);
			continue;
		}
		if (k < degree) {
			out[k] = (uint32_t)sobol_table[dimension - 1].first[k] << (BITS - 1 - k);
			continue;
		}
		out[k] = out[k - degree] ^ (out[k - degree] >> degree);
		for (unsigned i = 1; i < degree; i++)
			if (polynomial >> (degree - i) & 1)
				out[k] ^= out[k - i];
	}
}

static uint32_t sobol_bits(size_t dimension, uint32_t index)
{
	uint32_t numbers[BITS], bits = 0;

	directions(dimension, numbers);
	for (unsigned k = 0; k < BITS; k++)
		if (index >> k & 1)
			bits ^= numbers[k];
	return bits;
}

static uint64_t scramble(uint64_t key, uint32_t bits)
{
	uint32_t out = 0;

	for (unsigned k = 0; k < BITS; k++) {
		uint32_t before = k ? bits >> (BITS - k) : 0, bit = bits >> (BITS - 1 - k) & 1;

		out = out << 1 | (bit ^ (uint32_t)(address_hash(address_hash(key, k), before) & 1));
	}
	return (uint64_t)out << 32 | address_hash(address_hash(key, BITS), bits) >> 32;
}

/* Behind 2^32 points the sequence starts again with another scrambling. */
void sobol_point(const struct space *space, uint64_t key, uint64_t number, struct configuration *out)
{
	uint64_t again = address_hash(key, number >> BITS);
	size_t next = 0;

	for (size_t i = 0; i < space_axes(space); i++) {
		size_t a = space_order(space)[i];
		uint64_t name = address_text(again, space_axis(space, a)->name);

		if (next < DIMENSIONS)
			configuration_set(space, a, scramble(name, sobol_bits(next, (uint32_t)number)), out);
		else
			configuration_set(space, a, address_hash(name, number), out);
		next += space_axis_count(space, a) > 1;
	}
}

static void sobol_draw(const struct drawn *drawn, uint64_t trial, uint64_t draw, struct configuration *out)
{
	(void)trial;
	sobol_point(drawn->space, drawn->key, draw, out);
}

static int sobol_open(const struct sampler_request *request, void **state, struct orch_err *err)
{
	return drawn_open(request, "sobol", sobol_draw, true, state, err);
}

const struct sampler sampler_sobol = {
	.name = "sobol",
	.help = "points of a scrambled Sobol sequence: they fill ranges evenly, never the same twice",
	.open = sobol_open,
	.close = drawn_close,
	.count = drawn_count,
	.propose = drawn_propose,
};
