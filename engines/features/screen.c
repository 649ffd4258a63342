#include "engines/features/screen.h"

#include <math.h>
#include <string.h>

const char *screen_reason_name(enum screen_reason reason)
{
	static const char *const names[] = {[SCREEN_KEPT] = "kept", [SCREEN_CONSTANT] = "constant", [SCREEN_DUPLICATE] = "duplicate", [SCREEN_CORRELATED] = "correlated"};

	return names[reason];
}

static bool is_constant(const struct column *column, const uint32_t *rows, size_t row_count)
{
	double first = row_count ? column_value(column, rows[0]) : NAN;

	if (isnan(first) && row_count) { /* nothing but missing values says nothing either */
		for (size_t i = 1; i < row_count; i++)
			if (!isnan(column_value(column, rows[i])))
				return false;
		return true;
	}
	for (size_t i = 1; i < row_count; i++)
		if (!(column_value(column, rows[i]) == first))
			return false;
	return row_count > 0;
}

void screen_constants(const struct column *const *columns, size_t count, const uint32_t *rows, size_t row_count, struct screen_mark *marks)
{
	for (size_t c = 0; c < count; c++)
		if (marks[c].reason == SCREEN_KEPT && is_constant(columns[c], rows, row_count))
			marks[c] = (struct screen_mark){SCREEN_CONSTANT, SIZE_MAX, NAN};
}

/* A frame stores equal values in equal bytes: the narrowest type, and a hash of the block. */
static bool are_equal(const struct column *a, const struct column *b)
{
	if (a->kind != b->kind || a->type != b->type || a->level_count != b->level_count || strcmp(a->sha256, b->sha256))
		return false;
	for (size_t l = 0; l < a->level_count; l++)
		if (strcmp(a->levels[l], b->levels[l]))
			return false;
	return true;
}

void screen_duplicates(const struct column *const *columns, size_t count, struct screen_mark *marks)
{
	for (size_t c = 1; c < count; c++)
		for (size_t earlier = 0; earlier < c && marks[c].reason == SCREEN_KEPT; earlier++)
			if (marks[earlier].reason == SCREEN_KEPT && are_equal(columns[earlier], columns[c]))
				marks[c] = (struct screen_mark){SCREEN_DUPLICATE, earlier, NAN};
}

void screen_correlated(const double *rho, size_t count, double threshold, struct screen_mark *marks)
{
	for (size_t c = 1; c < count; c++)
		for (size_t earlier = 0; earlier < c && marks[c].reason == SCREEN_KEPT; earlier++)
			if (marks[earlier].reason == SCREEN_KEPT && fabs(rho[earlier * count + c]) >= threshold)
				marks[c] = (struct screen_mark){SCREEN_CORRELATED, earlier, rho[earlier * count + c]};
}

static size_t root_of(size_t *parent, size_t i)
{
	while (parent[i] != i)
		i = parent[i] = parent[parent[i]];
	return i;
}

void screen_components(const double *rho, size_t count, double threshold, const bool *is_free, size_t *component)
{
	for (size_t i = 0; i < count; i++)
		component[i] = i;
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count && is_free[i]; j++)
			if (is_free[j] && fabs(rho[i * count + j]) >= threshold) {
				size_t a = root_of(component, i), b = root_of(component, j);

				component[a > b ? a : b] = a > b ? b : a; /* the smaller index is the root */
			}
	for (size_t i = 0; i < count; i++)
		component[i] = root_of(component, i);
}
