/* Is the hash as good as random on the addresses that occur: short chains of small consecutive numbers? The checks are deterministic;
 * their bounds are those a random function passes with probability above 1 - 1e-6. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engines/address.h"

#define SAMPLES 20000

/* Turning any bit of the seed or of the part turns each bit of the hash half of the time. */
static void check_avalanche(bool of_seed)
{
	double worst = 0;

	for (unsigned in = 0; in < 64; in++) {
		unsigned turned[64] = {0};

		for (uint64_t i = 0; i < SAMPLES; i++) {
			uint64_t flip = UINT64_C(1) << in;
			uint64_t change = address_hash(i / 100, i % 100) ^
			                  address_hash(of_seed ? i / 100 ^ flip : i / 100, of_seed ? i % 100 : i % 100 ^ flip);

			for (unsigned out = 0; out < 64; out++)
				turned[out] += change >> out & 1;
		}
		for (unsigned out = 0; out < 64; out++)
			worst = fmax(worst, fabs(turned[out] - SAMPLES / 2.0));
	}
	/* 4096 binomials of standard deviation sqrt(n)/2: 6.5 of them are 1 - 3e-7 */
	assert_true(worst < 6.5 * sqrt(SAMPLES) / 2);
}

static void address__avalanche(void **state)
{
	(void)state;
	check_avalanche(true);
	check_avalanche(false);
}

/* Chi-square of 1024 cells, by the highest and by the lowest bits; 1023 degrees of freedom: 5 standard deviations. */
static void check_cells(uint64_t (*hash)(uint64_t))
{
	static unsigned high[1024], low[1024];
	double chi_high = 0, chi_low = 0;
	const double want = 200;

	for (unsigned c = 0; c < 1024; c++)
		high[c] = low[c] = 0;
	for (uint64_t i = 0; i < 1024 * 200; i++) {
		uint64_t h = hash(i);

		high[h >> 54]++;
		low[h & 1023]++;
	}
	for (unsigned c = 0; c < 1024; c++) {
		chi_high += (high[c] - want) * (high[c] - want) / want;
		chi_low += (low[c] - want) * (low[c] - want) / want;
	}
	assert_true(fabs(chi_high - 1023) < 5 * sqrt(2 * 1023));
	assert_true(fabs(chi_low - 1023) < 5 * sqrt(2 * 1023));
}

static uint64_t by_part(uint64_t i)
{
	return address_hash(42, i);
}
static uint64_t by_seed(uint64_t i)
{
	return address_hash(i, 0);
}
static uint64_t by_pair(uint64_t i)
{
	return address_hash(address_hash(42, i % 100), i / 100);
}
static uint64_t by_tree(uint64_t i) /* path to a node: left or right, many times */
{
	uint64_t key = 42;

	for (unsigned level = 0; level < 20; level++)
		key = address_hash(key, i >> level & 1);
	return key;
}
static uint64_t by_text(uint64_t i)
{
	char name[8] = {(char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676 % 26), (char)('a' + i / 17576)};

	return address_text(1, name);
}

static void address__uniform_over_consecutive_addresses(void **state)
{
	(void)state;
	check_cells(by_part);
	check_cells(by_seed);
	check_cells(by_pair);
	check_cells(by_tree);
	check_cells(by_text);
}

static int compare_hashes(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* 512 x 512 seeds and parts, a tree of 2^18 paths: no two hashes are equal. */
static void address__no_collisions(void **state)
{
	uint64_t *hashes = malloc(2 * 262144 * sizeof(*hashes));

	(void)state;
	for (uint64_t i = 0; i < 262144; i++) {
		hashes[i] = address_hash(i / 512, i % 512);
		hashes[262144 + i] = by_tree(i);
	}
	qsort(hashes, 2 * 262144, sizeof(*hashes), compare_hashes);
	for (size_t i = 1; i < 2 * 262144; i++)
		assert_true(hashes[i] != hashes[i - 1]);
	free(hashes);
}

/* Draws next to each other are not correlated: seed and part, neighbouring parts. */
static void address__neighbours_do_not_correlate(void **state)
{
	double sum[3] = {0};
	const unsigned n = 100000;

	(void)state;
	for (uint64_t i = 0; i < n; i++) {
		double u = address_unit(address_hash(i, 5)) - 0.5;

		sum[0] += u * (address_unit(address_hash(i, 6)) - 0.5);
		sum[1] += u * (address_unit(address_hash(i + 1, 5)) - 0.5);
		sum[2] += u * (address_unit(address_hash(5, i)) - 0.5);
	}
	for (unsigned k = 0; k < 3; k++)
		assert_true(fabs(12 * sum[k] / n) < 5 / sqrt(n));
}

static void address__unit_and_below_stay_inside(void **state)
{
	unsigned seen[7] = {0};

	(void)state;
	assert_true(address_unit(0) == 0);
	assert_true(address_unit(UINT64_MAX) < 1);
	assert_true(address_unit(UINT64_MAX) > 1 - 1e-15);
	assert_int_equal(address_below(UINT64_MAX, 7), 6);
	assert_int_equal(address_below(123, 0), 0);
	assert_int_equal(address_below(UINT64_MAX, 1), 0);
	for (uint64_t i = 0; i < 70000; i++)
		seen[address_below(address_hash(9, i), 7)]++;
	for (unsigned c = 0; c < 7; c++)
		assert_in_range(seen[c], 10000 - 5 * 93, 10000 + 5 * 93);
}

static void address__order_and_length_matter(void **state)
{
	(void)state;
	assert_true(address_hash(address_hash(1, 2), 3) != address_hash(address_hash(1, 3), 2));
	assert_true(address_text(address_text(1, "ab"), "c") != address_text(address_text(1, "a"), "bc"));
	assert_true(address_text(1, "") != 1);
	assert_true(address_text(1, "eightlet") != address_text(1, "eightlets"));
	assert_true(address_text(1, "a\xff") != address_text(1, "a\x7f"));
}

/* Campaigns are resumed by their hashes: a change of the function must not go unnoticed. */
static void address__values_are_pinned(void **state)
{
	(void)state;
	assert_int_equal(address_hash(0, 0), UINT64_C(0xfa303abc2b1d7630));
	assert_int_equal(address_hash(42, 7), UINT64_C(0xf9181832d775dd1d));
	assert_int_equal(address_text(42, "learning_rate"), UINT64_C(0x723a688c1f32a926));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(address__avalanche),
		cmocka_unit_test(address__uniform_over_consecutive_addresses),
		cmocka_unit_test(address__no_collisions),
		cmocka_unit_test(address__neighbours_do_not_correlate),
		cmocka_unit_test(address__unit_and_below_stay_inside),
		cmocka_unit_test(address__order_and_length_matter),
		cmocka_unit_test(address__values_are_pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
