/* Features as a matrix: one-hot columns, ordered codes, what stands in for missing values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/design.h"

#define ROWS 8

static const double number[ROWS] = {4, 1, NAN, 10, 2, NAN, 7, 100};
static const int8_t flag[ROWS] = {0, 1, 1, INT8_MIN, 1, 0, 0, 1};
static const int8_t grade[ROWS] = {2, 0, -1, 1, 1, 0, 2, 2};
static const int16_t colour[ROWS] = {1, 1, -1, 2, 2, 0, -1, 0};
static const char *const grades[] = {"low", "middle", "high"};
static const char *const colours[] = {"amber", "blue", "crimson"};
static const struct column columns[] = {
        {.name = "number", .kind = COLUMN_NUMBER, .type = COLUMN_FLOAT64, .missing_count = 2, .values = number},
        {.name = "flag", .kind = COLUMN_BOOL, .type = COLUMN_INT8, .missing_count = 1, .values = flag},
        {.name = "grade",
                .kind = COLUMN_CATEGORY,
                .type = COLUMN_INT8,
                .ordered = true,
                .missing_count = 1,
                .levels = grades,
                .level_count = 3,
                .values = grade},
        {.name = "colour",
                .kind = COLUMN_CATEGORY,
                .type = COLUMN_INT16,
                .missing_count = 2,
                .levels = colours,
                .level_count = 3,
                .values = colour},
};
static const struct column *const pointers[] = {&columns[0], &columns[1], &columns[2], &columns[3]};
static const uint32_t all[ROWS] = {0, 1, 2, 3, 4, 5, 6, 7};

static struct engine_data make_data(enum engine_missing missing, const double *weight)
{
	return (struct engine_data){
	        .rows = ROWS, .feature_count = 4, .features = pointers, .missing = missing, .weight = weight};
}

static void design__lays_columns_out(void **state)
{
	struct engine_data data = make_data(ENGINE_MISSING_MEAN, NULL);
	struct design design;

	(void)state;
	assert_int_equal(design_columns(&data), 6);
	assert_int_equal(design_build(&data, (uint32_t[]){7, 0, 3}, 3, all, ROWS, &design, NULL), 0);
	assert_int_equal(design.rows, 3);
	assert_int_equal(design.columns, 6);
	assert_int_equal(design.feature_count, 4);
	assert_memory_equal(design.first, ((size_t[]){0, 1, 2, 3, 6}), 5 * sizeof(size_t));
	const double want[] = {100, 4, 10, /* flag */ 1, 0, 4.0 / 7, /* grade */ 2, 2, 1, /* amber, blue, crimson */ 1,
	        0, 0, 0, 1, 0, 0, 0, 1};

	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
		assert_true(fabs(design.values[i] - want[i]) < 1e-15);
	design_release(&design);
	assert_null(design.values);
}

static void design__fills_with_means(void **state)
{
	struct engine_data data = make_data(ENGINE_MISSING_MEAN, NULL);
	struct design design;

	(void)state;
	/* trained on rows 0..4 only */
	assert_int_equal(design_build(&data, (uint32_t[]){2}, 1, all, 5, &design, NULL), 0);
	assert_true(design.fill[0] == 17.0 / 4);
	assert_true(design.fill[1] == 0.75);
	assert_true(design.fill[2] == 1);
	assert_true(design.fill[3] == 1); /* blue and crimson are equally frequent: the first */
	assert_memory_equal(design.values, ((double[]){4.25, 1, 1, 0, 1, 0}), 6 * sizeof(double));
	design_release(&design);
}

static void design__fills_with_medians(void **state)
{
	struct engine_data data = make_data(ENGINE_MISSING_MEDIAN, NULL);
	struct design design;

	(void)state;
	assert_int_equal(design_build(&data, (uint32_t[]){2}, 1, all, ROWS, &design, NULL), 0);
	assert_true(design.fill[0] == 5.5); /* 1 2 4 7 10 100 */
	assert_true(design.fill[1] == 1);
	assert_true(design.fill[2] == 1);
	design_release(&design);
	assert_int_equal(design_build(&data, (uint32_t[]){2}, 1, all, 5, &design, NULL), 0);
	assert_true(design.fill[0] == 3);
	design_release(&design);
}

static void design__fills_as_weighted(void **state)
{
	const double weight[ROWS] = {1, 2, 1, 0, 1, 5, 3, 1};
	struct engine_data data = make_data(ENGINE_MISSING_MEDIAN, weight);
	double fill[4];

	(void)state;
	assert_int_equal(design_fill(&data, all, ROWS, fill, NULL), 0);
	assert_true(fill[0] == 5.5); /* 1 1 2 4 | 7 7 7 100, the 10 weighs nothing */
	assert_true(fill[1] == 0);
	assert_true(fill[3] == 0); /* amber weighs 6 */
	data.missing = ENGINE_MISSING_MEAN;
	assert_int_equal(design_fill(&data, all, ROWS, fill, NULL), 0);
	assert_true(fabs(fill[0] - 129.0 / 8) < 1e-14);
}

static void design__fills_with_zero_when_nothing_is_known(void **state)
{
	struct engine_data data = make_data(ENGINE_MISSING_MEDIAN, NULL);
	double fill[4];

	(void)state;
	assert_int_equal(design_fill(&data, (uint32_t[]){2}, 1, fill, NULL), 0);
	assert_true(fill[0] == 0 && fill[1] == 1 && fill[2] == 0 && fill[3] == 0);
}

static void design__refuses_to_keep_missing(void **state)
{
	struct engine_data data = make_data(ENGINE_MISSING_KEEP, NULL);
	struct design design = {.rows = 77};
	struct orch_err err = {0};

	(void)state;
	assert_int_equal(design_build(&data, (uint32_t[]){0, 1}, 2, all, ROWS, &design, &err), 0);
	assert_true(isnan(design.fill[0]) && isnan(design.fill[3]));
	design_release(&design);
	design.rows = 77;
	assert_int_equal(design_build(&data, (uint32_t[]){0, 6}, 2, all, ROWS, &design, &err), ORCH_EFIT);
	assert_string_equal(err.text,
	        "feature \"colour\" has missing values, which this engine cannot keep: set data.missing to "
	        "mean, median or drop");
	assert_int_equal(design.rows, 77); /* untouched */
}

/* column + (fill - shift) * absent is the imputed column about the shift */
static void design__is_linear_in_the_fill(void **state)
{
	struct engine_data data = make_data(ENGINE_MISSING_MEAN, NULL);
	double shift[3] = {3, 0.5, 0.25}, direct[3 * ROWS], parts[3 * ROWS], absent[ROWS];

	(void)state;
	for (size_t f = 0; f < 4; f++) {
		size_t width = design_feature_columns(&columns[f]), missing = columns[f].missing_count;

		assert_int_equal(design_feature(&data, f, all, ROWS, shift, 2, direct, ROWS, NULL), missing);
		assert_int_equal(design_feature(&data, f, all, ROWS, shift, NAN, parts, ROWS, absent), missing);
		for (size_t c = 0; c < width; c++)
			for (size_t i = 0; i < ROWS; i++) {
				double amount = design_one_hot(&columns[f]) ? (c == 2) - shift[c] : 2 - shift[c];

				assert_true(direct[c * ROWS + i] == parts[c * ROWS + i] + amount * absent[i]);
			}
	}
}

/* Blocks inside must not show: more rows than one block, against one row at a time. */
static void design__blocks_do_not_show(void **state)
{
	enum { MANY = 1000 };
	struct engine_data data = make_data(ENGINE_MISSING_MEAN, NULL);
	uint32_t rows[MANY];
	double *together = calloc(3 * MANY, sizeof(*together)), one[3];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		rows[i] = (i * 7 + i / 5) % ROWS;
	for (size_t f = 0; f < 4; f++) {
		design_feature(&data, f, rows, MANY, NULL, 1, together, MANY, NULL);
		for (size_t i = 0; i < MANY; i++) {
			design_feature(&data, f, rows + i, 1, NULL, 1, one, 1, NULL);
			for (size_t c = 0; c < design_feature_columns(&columns[f]); c++)
				assert_true(one[c] == together[c * MANY + i]);
		}
	}
	free(together);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(design__lays_columns_out),
	        cmocka_unit_test(design__fills_with_means),
	        cmocka_unit_test(design__fills_with_medians),
	        cmocka_unit_test(design__fills_as_weighted),
	        cmocka_unit_test(design__fills_with_zero_when_nothing_is_known),
	        cmocka_unit_test(design__refuses_to_keep_missing),
	        cmocka_unit_test(design__is_linear_in_the_fill),
	        cmocka_unit_test(design__blocks_do_not_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
