/* decimal.h against printf and strtod. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage/base/decimal.h"

static void by_printf(double value, char out[DECIMAL_MAX])
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, DECIMAL_MAX, "%.*g", digits, value);
		if (strtod(out, NULL) == value)
			return;
	}
}

static void same(double value)
{
	char fast[DECIMAL_MAX], slow[DECIMAL_MAX];
	size_t length = decimal_shortest(value, fast);

	by_printf(value, slow);
	assert_string_equal(fast, slow);
	assert_int_equal(length, strlen(slow));
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state ^ (*state >> 29);
}

static void decimal__equals_printf(void **state)
{
	(void)state;
	uint64_t seed = 7;
	for (int i = 0; i < 300000; i++) {
		uint64_t bits = next_random(&seed);
		double unit = (double)(bits >> 11) * 0x1p-53, value = ldexp(unit, (int)(bits % 99) - 49);

		if (fabs(value) >= 1e-15 && fabs(value) < 1e15)
			same(i & 1 ? value : -value);
		same((double)(bits % 100000) / 1000 + 0.0005); /* few digits */
	}
}

/* Where digits carry over, layouts change, ties are rounded and the distance between doubles halves. */
static void decimal__equals_printf_at_edges(void **state)
{
	(void)state;
	for (int power = -15; power < 15; power++) {
		char text[16];
		snprintf(text, sizeof text, "1e%d", power);
		double value = strtod(text, NULL), up = value, down = value;
		for (int i = 0; i < 300; i++) {
			if (down >= 1e-15)
				same(down);
			same(up);
			up = nextafter(up, INFINITY);
			down = nextafter(down, 0);
		}
	}
	for (int power = -49; power < 50; power++) {
		double value = ldexp(1, power), up = value, down = value;
		for (int i = 0; i < 100; i++) {
			if (up < 1e15)
				same(up);
			if (down < 1e15 && down >= 1e-15)
				same(down);
			up = nextafter(up, INFINITY);
			down = nextafter(down, 0);
		}
	}
	for (int i = 1; i < 4000; i += 2) /* ties at 15, 16 and 17 digits */
		for (int power = 1; power < 60; power++)
			if (ldexp(i, -power) >= 1e-15)
				same(ldexp(i, -power));
}

static void decimal__leaves_the_rest_alone(void **state)
{
	(void)state;
	static const double others[] = {0, -0.0, 1e15, -1e15, 9.9e-16, DBL_MIN, DBL_MAX, 5e-324, NAN, INFINITY, -INFINITY};
	char out[DECIMAL_MAX] = "as before";
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_int_equal(decimal_shortest(others[i], out), 0);
	assert_string_equal(out, "as before");
}

static void decimal__integers(void **state)
{
	(void)state;
	static const int64_t numbers[] = {0, 1, -1, 9, 10, 99, 100, 1234567890, -1234567890, INT64_MAX, INT64_MIN};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char out[DECIMAL_MAX], expected[DECIMAL_MAX];
		snprintf(expected, sizeof expected, "%" PRId64, numbers[i]);
		assert_int_equal(decimal_integer(numbers[i], out), strlen(expected));
		assert_string_equal(out, expected);
	}
}

static void reads_like_strtod(uint64_t digits, unsigned places)
{
	char text[64];
	double value, expected;

	snprintf(text, sizeof text, "%" PRIu64 "e-%u", digits, places);
	expected = strtod(text, NULL);
	assert_true(decimal_read(digits, places, &value));
	assert_memory_equal(&value, &expected, sizeof value);
}

static void decimal__reads_like_strtod(void **state)
{
	(void)state;
	uint64_t seed = 3;
	double value = 7;
	for (int i = 0; i < 300000; i++) {
		uint64_t digits = next_random(&seed) >> (i % 64);
		reads_like_strtod(digits, (unsigned)i % 28);
		reads_like_strtod(UINT64_C(9007199254740993) + 2 * (uint64_t)i, 0); /* between two doubles */
	}
	for (unsigned places = 0; places <= DECIMAL_PLACES; places++) {
		reads_like_strtod(0, places);
		reads_like_strtod(1, places);
		reads_like_strtod(UINT64_MAX, places);
		for (unsigned bit = 0; bit < 64; bit++) {
			reads_like_strtod(UINT64_C(1) << bit, places);
			reads_like_strtod((UINT64_C(1) << bit) + 1, places);
		}
	}
	assert_false(decimal_read(1, DECIMAL_PLACES + 1, &value));
	assert_true(value == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(decimal__equals_printf),
	        cmocka_unit_test(decimal__equals_printf_at_edges),
	        cmocka_unit_test(decimal__leaves_the_rest_alone),
	        cmocka_unit_test(decimal__integers),
	        cmocka_unit_test(decimal__reads_like_strtod),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
