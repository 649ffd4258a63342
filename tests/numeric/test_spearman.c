/* Rank correlations against their definition, screening and components on cases with known outcomes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/address.h"
#include "engines/features/screen.h"
#include "engines/features/spearman.h"

#define ROWS 700
#define COLUMNS 9

static double values[COLUMNS][ROWS];
static struct column columns[COLUMNS];
static const struct column *list[COLUMNS];
static uint32_t rows[ROWS];

static double noise(int c, int i)
{
	return address_unit(address_hash(address_hash(address_text(1, "spearman test"), (uint64_t)c), (uint64_t)i));
}

static void make_column(int c, const char *name)
{
	double least = INFINITY, most = -INFINITY;

	columns[c] = (struct column){.name = name, .kind = COLUMN_NUMBER, .type = COLUMN_FLOAT64, .values = values[c]};
	for (int i = 0; i < ROWS; i++) {
		columns[c].missing_count += isnan(values[c][i]);
		least = fmin(least, values[c][i]);
		most = fmax(most, values[c][i]);
	}
	columns[c].minimum = least;
	columns[c].maximum = most;
	list[c] = &columns[c];
}

/* a, its monotone image, its reverse, ties, two with missing values, a constant, noise, a category without order. */
static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < ROWS; i++) {
		double a = noise(0, i);

		rows[i] = (uint32_t)i;
		values[0][i] = a;
		values[1][i] = exp(7 * a);
		values[2][i] = -a * a * a;
		values[3][i] = floor(5 * a + noise(3, i)) == 0 ? -0.0 : floor(5 * a + noise(3, i));
		values[4][i] = i % 3 == 0 ? NAN : a + 0.5 * noise(4, i);
		values[5][i] = i % 5 == 0 || i % 3 == 1 ? NAN : noise(5, i) - a;
		values[6][i] = 4;
		values[7][i] = noise(7, i);
		values[8][i] = (double)(i % 3);
	}
	for (int c = 0; c < COLUMNS; c++)
		make_column(c, "x");
	columns[8].kind = COLUMN_CATEGORY;
	columns[8].level_count = 3;
	return 0;
}

/* Mean rank of value i among the column's own values. */
static double naive_rank(int c, int i)
{
	double below = 0, equal = 0;

	for (int j = 0; j < ROWS; j++) {
		below += values[c][j] < values[c][i];
		equal += values[c][j] == values[c][i];
	}
	return below + (equal + 1) / 2;
}

static double naive(int a, int b)
{
	double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
	double *ra = malloc(ROWS * sizeof *ra), *rb = malloc(ROWS * sizeof *rb);

	for (int i = 0; i < ROWS; i++)
		if (!isnan(values[a][i]) && !isnan(values[b][i])) {
			ra[(int)n] = naive_rank(a, i);
			rb[(int)n] = naive_rank(b, i);
			x += ra[(int)n];
			y += rb[(int)n++];
		}
	for (int i = 0; i < (int)n; i++) {
		xx += (ra[i] - x / n) * (ra[i] - x / n);
		yy += (rb[i] - y / n) * (rb[i] - y / n);
		xy += (ra[i] - x / n) * (rb[i] - y / n);
	}
	free(ra);
	free(rb);
	return xy / sqrt(xx * yy);
}

static void spearman__equals_the_definition(void **state)
{
	double rho[COLUMNS * COLUMNS];

	(void)state;
	assert_int_equal(spearman(list, COLUMNS, rows, ROWS, rho, NULL), 0);
	for (int a = 0; a < COLUMNS; a++)
		for (int b = 0; b < COLUMNS; b++) {
			double found = rho[a * COLUMNS + b];

			if (a == b)
				assert_true(found == 1);
			else if (a == 6 || b == 6 || a == 8 || b == 8)
				assert_true(isnan(found));
			else
				assert_float_equal(found, naive(a, b), 1e-12);
		}
	assert_true(rho[1] > 1 - 1e-12 && rho[2] < -1 + 1e-12);
	assert_true(fabs(rho[7]) < 0.2);
}

/* The order of the rows is nothing; the sums are exact, so even the bits are the same. */
static void spearman__same_bits_in_any_order(void **state)
{
	double rho[COLUMNS * COLUMNS], again[COLUMNS * COLUMNS];
	uint32_t turned[ROWS];

	(void)state;
	for (int i = 0; i < ROWS; i++)
		turned[i] = (uint32_t)((i * 37 + 11) % ROWS);
	assert_int_equal(spearman(list, COLUMNS, rows, ROWS, rho, NULL), 0);
	assert_int_equal(spearman(list, COLUMNS, turned, ROWS, again, NULL), 0);
	for (int i = 0; i < COLUMNS * COLUMNS; i++)
		assert_memory_equal(&rho[i], &again[i], sizeof(double));
}

static void spearman__takes_what_has_an_order(void **state)
{
	struct column column = {.kind = COLUMN_CATEGORY, .level_count = 3};

	(void)state;
	assert_false(spearman_takes(&column));
	column.ordered = true;
	assert_true(spearman_takes(&column));
	column.ordered = false;
	column.level_count = 2;
	assert_true(spearman_takes(&column));
	column.kind = COLUMN_BOOL;
	assert_true(spearman_takes(&column));
}

static void spearman__few_rows_are_undefined(void **state)
{
	double rho[COLUMNS * COLUMNS];

	(void)state;
	assert_int_equal(spearman(list, COLUMNS, rows, 2, rho, NULL), 0);
	assert_true(isnan(rho[1]));
	assert_int_equal(spearman(list, COLUMNS, rows, 0, rho, NULL), 0);
	assert_true(isnan(rho[1]) && rho[0] == 1);
	assert_int_equal(spearman(list, 0, rows, ROWS, rho, NULL), 0);
}

static void spearman_sample__is_of_about_that_size(void **state)
{
	uint32_t many[20000];
	size_t count;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++)
		many[i] = i;
	assert_int_equal(spearman_sample(many, 20000, 20000, 3), 20000);
	count = spearman_sample(many, 20000, 5000, 3);
	assert_in_range(count, 4700, 5300);
	for (size_t i = 1; i < count; i++)
		assert_true(many[i] > many[i - 1]);
}

static void screen__marks_in_order(void **state)
{
	static const char *const names[] = {"low", "high"}, *const others[] = {"low", "top"};
	double rho[16] = {1, NAN, 0.99, 0.2, NAN, 1, NAN, NAN, 0.99, NAN, 1, -0.985, 0.2, NAN, -0.985, 1};
	struct column four[4];
	const struct column *const at[4] = {&four[0], &four[1], &four[2], &four[3]};
	struct screen_mark marks[4] = {{0}};

	(void)state;
	for (int i = 0; i < 4; i++) {
		four[i] = columns[i == 3 ? 0 : i];
		strcpy(four[i].sha256, i == 3 ? "0" : i == 0 ? "0" : i == 1 ? "1" : "2");
	}
	four[1] = columns[6];
	screen_constants(at, 4, rows, ROWS, marks);
	assert_int_equal(marks[1].reason, SCREEN_CONSTANT);
	screen_duplicates(at, 4, marks);
	assert_int_equal(marks[3].reason, SCREEN_DUPLICATE);
	assert_int_equal(marks[3].partner, 0);
	screen_correlated(rho, 4, 0.98, marks);
	assert_int_equal(marks[0].reason, SCREEN_KEPT);
	assert_int_equal(marks[2].reason, SCREEN_CORRELATED);
	assert_int_equal(marks[2].partner, 0);
	assert_true(marks[2].rho == 0.99);
	assert_int_equal(marks[3].reason, SCREEN_DUPLICATE); /* stays what it was */
	/* the same codes of other levels are no copy */
	four[0].kind = four[3].kind = COLUMN_CATEGORY;
	four[0].level_count = four[3].level_count = 2;
	four[0].levels = names;
	four[3].levels = others;
	memset(marks, 0, sizeof marks);
	screen_duplicates(at, 4, marks);
	assert_int_equal(marks[3].reason, SCREEN_KEPT);
}

/* A column that is left out itself leaves no other out: b is near a and c near b, but c is not near a. */
static void screen_correlated__chain(void **state)
{
	double rho[9] = {1, 0.95, 0.5, 0.95, 1, 0.95, 0.5, 0.95, 1};
	struct screen_mark marks[3] = {{0}};

	(void)state;
	screen_correlated(rho, 3, 0.9, marks);
	assert_int_equal(marks[1].reason, SCREEN_CORRELATED);
	assert_int_equal(marks[2].reason, SCREEN_KEPT);
}

static void screen_components__chains_are_one(void **state)
{
	double rho[25];
	bool is_free[5] = {true, true, true, true, true};
	size_t component[5];

	(void)state;
	for (int i = 0; i < 25; i++)
		rho[i] = i % 6 == 0 ? 1 : 0.1;
	rho[1 * 5 + 4] = rho[4 * 5 + 1] = -0.95;
	rho[4 * 5 + 2] = rho[2 * 5 + 4] = 0.9;
	rho[0 * 5 + 3] = rho[3 * 5 + 0] = NAN;
	screen_components(rho, 5, 0.9, is_free, component);
	assert_int_equal(component[0], 0);
	assert_int_equal(component[1], 1);
	assert_int_equal(component[2], 1);
	assert_int_equal(component[3], 3);
	assert_int_equal(component[4], 1);
	is_free[4] = false;
	screen_components(rho, 5, 0.9, is_free, component);
	assert_int_equal(component[2], 2);
	assert_int_equal(component[4], 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spearman__equals_the_definition),
		cmocka_unit_test(spearman__same_bits_in_any_order),
		cmocka_unit_test(spearman__takes_what_has_an_order),
		cmocka_unit_test(spearman__few_rows_are_undefined),
		cmocka_unit_test(spearman_sample__is_of_about_that_size),
		cmocka_unit_test(screen__marks_in_order),
		cmocka_unit_test(screen_correlated__chain),
		cmocka_unit_test(screen_components__chains_are_one),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
