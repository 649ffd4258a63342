#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/diagnostics/diagnostics.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

/* ---- sorting: least significant digit first, six digits of eleven bits; comparing took half of all the time ---- */

#define DIGIT_BITS 11
#define DIGITS 6
#define DIGIT_VALUES (1u << DIGIT_BITS)

struct item {
	uint64_t key;
	uint32_t at;
};

/* Unsigned keys in the order of doubles: negative ones complemented, the others above them. -0 is 0. */
static uint64_t key_of(double value)
{
	uint64_t bits;

	value += 0.0;
	memcpy(&bits, &value, sizeof bits);
	if (isnan(value))
		return UINT64_MAX;
	return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static struct item *sorted_items(const double *values, size_t count)
{
	struct item *items = mem_must(2 * count + 1, sizeof *items), *from = items, *to = items + count, *out;
	size_t (*places)[DIGIT_VALUES] = mem_must(DIGITS, sizeof *places);

	for (size_t i = 0; i < count; i++) {
		from[i] = (struct item){key_of(values[i]), (uint32_t)i};
		for (int d = 0; d < DIGITS; d++)
			places[d][from[i].key >> d * DIGIT_BITS & (DIGIT_VALUES - 1)]++;
	}
	for (int d = 0; d < DIGITS; d++) {
		size_t sum = 0;
		struct item *swap = from;

		if (count && places[d][from[0].key >> d * DIGIT_BITS & (DIGIT_VALUES - 1)] == count)
			continue; /* all have the same digit */
		for (size_t v = 0; v < DIGIT_VALUES; v++) {
			size_t n = places[d][v];

			places[d][v] = sum;
			sum += n;
		}
		for (size_t i = 0; i < count; i++)
			to[places[d][from[i].key >> d * DIGIT_BITS & (DIGIT_VALUES - 1)]++] = from[i];
		from = to;
		to = swap;
	}
	out = mem_must(count + 1, sizeof *out);
	memcpy(out, from, count * sizeof *out);
	free(items);
	free(places);
	return out;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return isnan(x) || isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

void diagnose_places(const double *values, size_t count, uint32_t *places)
{
	struct item *items = sorted_items(values, count);

	for (size_t i = 0; i < count; i++)
		places[i] = items[i].at;
	free(items);
}

void diagnose_sort(double *values, size_t count)
{
	double *copy;
	struct item *items;

	if (count < 500) {
		qsort(values, count, sizeof *values, ascending);
		return;
	}
	copy = mem_must(count, sizeof *copy);
	memcpy(copy, values, count * sizeof *copy);
	items = sorted_items(values, count);
	for (size_t i = 0; i < count; i++)
		values[i] = copy[items[i].at];
	free(copy);
	free(items);
}

double diagnose_quantile(const double *sorted, size_t count, double p)
{
	double place = p * (double)(count - 1);
	size_t low = (size_t)place;

	if (!count)
		return NAN;
	return low + 1 >= count ? sorted[count - 1] : sorted[low] + (place - (double)low) * (sorted[low + 1] - sorted[low]);
}

static double ratio(const double *top, const double *bottom, double at)
{
	double a = top[7], b = bottom[7];

	for (int i = 6; i >= 0; i--) {
		a = a * at + top[i];
		b = b * at + bottom[i];
	}
	return a / b;
}

double diagnose_normal_quantile(double p)
{
	static const double a[] = {3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125, 45921.953931549871457, 67265.770927008700853,
	        33430.575583588128105, 2509.0809287301226727};
	static const double b[] = {1, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077, 21213.794301586595867, 39307.895800092710610, 28729.085735721942674, 5226.4952788528545610};
	static const double c[] = {1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504, 1.27045825245236838258, 0.241780725177450611770,
	        0.0227238449892691845833, 7.74545014278341407640e-4};
	static const double d[] = {1, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550, 0.148103976427480074590, 0.0151986665636164571966, 5.47593808499534494600e-4,
	        1.05075007164441684324e-9};
	static const double e[] = {6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 0.296560571828504891230, 0.0265321895265761230930, 0.00124266094738807843860,
	        2.71155556874348757815e-5, 2.01033439929228813265e-7};
	static const double f[] = {1, 0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525, 7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
	        2.04426310338993978564e-15};
	double q = p - 0.5, r;

	if (!(p > 0 && p < 1))
		return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
	if (fabs(q) <= 0.425)
		return q * ratio(a, b, 0.180625 - q * q);
	r = sqrt(-log(q < 0 ? p : 1 - p));
	r = r <= 5 ? ratio(c, d, r - 1.6) : ratio(e, f, r - 5);
	return q < 0 ? -r : r;
}

json_t *diagnose_array(const double *values, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_number_or_null(values[i]));
	return array;
}

void diagnose_core(const double *values, size_t count, double share, double *low, double *high)
{
	double *sorted = mem_must(count + 1, sizeof *sorted), air;

	memcpy(sorted, values, count * sizeof *sorted);
	diagnose_sort(sorted, count);
	*low = diagnose_quantile(sorted, count, share);
	*high = diagnose_quantile(sorted, count, 1 - share);
	air = (*high - *low) * 0.05;
	if (*low - air > sorted[0]) /* what is left out must be far: a range that nearly holds all is made to hold all */
		*low -= air;
	else
		*low = sorted[0];
	*high = *high + air < sorted[count ? count - 1 : 0] ? *high + air : sorted[count ? count - 1 : 0];
	free(sorted);
}

struct lattice {
	double width, height; /* of a cell: distance of columns; three quarters of a hexagon's height between rows */
	size_t columns, rows;
	struct hex_range range;
};

/* Row and column of the nearest centre: candidates are the two rows around the point, even rows at 0, odd ones shifted by half a width. */
static void hexagon_of(const struct lattice *lattice, double x, double y, size_t *column, size_t *row)
{
	double u = (x - lattice->range.x_low) / lattice->width, v = (y - lattice->range.y_low) / lattice->height, best = INFINITY;
	long below = (long)floor(v);

	for (long r = below; r <= below + 1; r++) {
		double shift = r & 1 ? 0.5 : 0, c = round(u - shift), dx = u - shift - c, dy = (v - (double)r) * 0.86602540378443865; /* in widths: rows stand sqrt(3)/2 apart */
		double distance = dx * dx + dy * dy;

		if (r >= 0 && c >= 0 && distance < best) {
			best = distance;
			*column = (size_t)c;
			*row = (size_t)r;
		}
	}
}

static json_t *pack_hexagons(const struct lattice *lattice, const unsigned *counts, size_t outside)
{
	json_t *x = json_array(), *y = json_array(), *n = json_array();
	unsigned most = 0;

	for (size_t r = 0; r < lattice->rows; r++)
		for (size_t c = 0; c < lattice->columns; c++) {
			unsigned count = counts[r * lattice->columns + c];

			if (!count)
				continue;
			most = count > most ? count : most;
			json_array_append_new(x, json_real(lattice->range.x_low + ((double)c + (r & 1 ? 0.5 : 0)) * lattice->width));
			json_array_append_new(y, json_real(lattice->range.y_low + (double)r * lattice->height));
			json_array_append_new(n, json_integer(count));
		}
	return json_pack("{s:o, s:o, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I}", "x", x, "y", y, "n", n, "width", lattice->width, "height", lattice->height, "x_low",
	        lattice->range.x_low, "x_high", lattice->range.x_high, "y_low", lattice->range.y_low, "y_high", lattice->range.y_high, "most", (json_int_t)most, "outside", (json_int_t)outside);
}

json_t *diagnose_hexagons(const double *x, const double *y, size_t count, struct hex_range range, unsigned columns)
{
	struct lattice lattice = {.range = range};
	size_t outside = 0;
	unsigned *counts;
	json_t *out;

	if (!(range.x_high > range.x_low)) {
		lattice.range.x_low -= 0.5;
		lattice.range.x_high += 0.5;
	}
	if (!(range.y_high > range.y_low)) {
		lattice.range.y_low -= 0.5;
		lattice.range.y_high += 0.5;
	}
	lattice.width = (lattice.range.x_high - lattice.range.x_low) / columns;
	lattice.height = (lattice.range.y_high - lattice.range.y_low) / columns * 0.86602540378443865 * 1.15; /* rows for a panel about as high as wide */
	lattice.columns = columns + 2;
	lattice.rows = (size_t)((lattice.range.y_high - lattice.range.y_low) / lattice.height) + 3;
	counts = mem_must(lattice.columns * lattice.rows, sizeof *counts);
	for (size_t i = 0; i < count; i++) {
		size_t column = 0, row = 0;

		if (x[i] < lattice.range.x_low || x[i] > lattice.range.x_high || y[i] < lattice.range.y_low || y[i] > lattice.range.y_high) {
			outside++;
			continue;
		}
		hexagon_of(&lattice, x[i], y[i], &column, &row);
		counts[row * lattice.columns + column]++;
	}
	out = pack_hexagons(&lattice, counts, outside);
	free(counts);
	return out;
}
