#include "engines/split/subset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "storage/base/mem.h"

struct place {
	uint64_t part; /* stratum, or the hash of the group */
	uint64_t hash;
	uint32_t row;
};

static uint64_t bits_of(double value)
{
	uint64_t bits;

	if (isnan(value))
		value = NAN;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

static int by_row(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* ceil, but 0.7 of 10 is 7 although 0.7 * 10 is a little more. */
static size_t part_of(double share, size_t count)
{
	double wanted = ceil(share * (double)count * (1 - 1e-12));

	return wanted < 1 ? 1 : wanted > (double)count ? count : (size_t)wanted;
}

static size_t end_of(const struct place *places, size_t from, size_t count)
{
	size_t end = from;

	while (end < count && places[end].part == places[from].part)
		end++;
	return end;
}

static size_t take(const struct subset_request *request, const struct place *places, size_t count, uint32_t *rows)
{
	size_t kept = 0, wanted = part_of(request->share, count);

	for (size_t from = 0; from < count;) {
		size_t end = end_of(places, from, count), most = request->group ? end - from : part_of(request->share, end - from);

		if (request->group && kept >= wanted)
			break;
		for (size_t i = 0; i < most; i++)
			rows[kept++] = places[from + i].row;
		from = end;
	}
	return kept;
}

long long subset_rows(const struct subset_request *request, uint32_t *rows, size_t count)
{
	uint64_t row_seed = address_text(request->seed, "rows"), group_seed = address_text(request->seed, "groups");
	struct place *places;
	size_t kept;

	if (!count)
		return 0;
	places = mem_array(count, sizeof *places);
	if (!places)
		return -1;
	for (size_t i = 0; i < count; i++) {
		uint32_t row = rows[i];
		uint64_t part = request->group ? address_hash(group_seed, bits_of(request->group[row])) : request->stratum ? bits_of(request->stratum[row]) : 0;

		places[i] = (struct place){part, address_hash(row_seed, row), row};
	}
	qsort(places, count, sizeof *places, by_place);
	kept = take(request, places, count, rows);
	free(places);
	qsort(rows, kept, sizeof *rows, by_row);
	return (long long)kept;
}
