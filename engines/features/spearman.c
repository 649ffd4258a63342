#include "engines/features/spearman.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "storage/base/mem.h"

#define ABSENT INT32_MIN
#define BLOCK 512    /* rows that are multiplied at once */
#define COMMON_MIN 3 /* rows of a pair */
#define DIGIT 11     /* bits of a radix pass */
#define PASSES 6

bool spearman_takes(const struct column *column)
{
	return column->kind != COLUMN_CATEGORY || column->ordered || column->level_count <= 2;
}

size_t spearman_sample(uint32_t *rows, size_t count, size_t most, uint64_t seed)
{
	uint64_t key = address_text(seed, "spearman");
	double share = (double)most / (double)count;
	size_t kept = 0;

	if (count <= most)
		return count;
	for (size_t i = 0; i < count; i++)
		if (address_unit(address_hash(key, rows[i])) < share)
			rows[kept++] = rows[i];
	return kept;
}

/* ---- ranks ---- */

struct ranked {
	uint64_t key;
	uint32_t at;
};

/* Ascending doubles have ascending keys; the two zeros are one value. */
static uint64_t key_of(double value)
{
	uint64_t bits;

	value += 0.0;
	memcpy(&bits, &value, sizeof bits);
	return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

/* LSD radix sort; a pass whose digit is the same everywhere is skipped. The result is in *items, which may have changed places with *spare. */
static void sort_keys(struct ranked **items, struct ranked **spare, size_t count)
{
	for (unsigned pass = 0; pass < PASSES; pass++) {
		size_t start[1 << DIGIT] = {0}, sum = 0;
		unsigned shift = pass * DIGIT;
		struct ranked *from = *items, *to = *spare;

		for (size_t i = 0; i < count; i++)
			start[from[i].key >> shift & ((1 << DIGIT) - 1)]++;
		if (start[from[0].key >> shift & ((1 << DIGIT) - 1)] == count)
			continue;
		for (size_t d = 0; d < 1 << DIGIT; d++) {
			size_t here = start[d];

			start[d] = sum;
			sum += here;
		}
		for (size_t i = 0; i < count; i++)
			to[start[from[i].key >> shift & ((1 << DIGIT) - 1)]++] = from[i];
		*items = to;
		*spare = from;
	}
}

struct ranks {
	size_t count, rows, gap_count;
	int32_t *rank;   /* count x rows: 2 x rank - (present + 1), or ABSENT */
	size_t *present; /* per column */
	double *squares; /* per column: sum of squares */
	size_t *gaps;    /* columns that lack values */
	size_t *gap_of;  /* per column: its place in gaps, or SIZE_MAX */
};

/* values are overwritten by nothing; items and spare have room for all rows. */
static void rank_column(struct ranks *ranks, size_t column, const double *values, struct ranked *items, struct ranked *spare)
{
	int32_t *out = ranks->rank + column * ranks->rows;
	size_t present = 0;

	for (size_t i = 0; i < ranks->rows; i++) {
		out[i] = ABSENT;
		if (!isnan(values[i]))
			items[present++] = (struct ranked){key_of(values[i]), (uint32_t)i};
	}
	if (present)
		sort_keys(&items, &spare, present);
	for (size_t first = 0, end; first < present; first = end) {
		int64_t centred;

		for (end = first + 1; end < present && items[end].key == items[first].key; end++)
			;
		centred = (int64_t)(first + end) - (int64_t)present;
		for (size_t i = first; i < end; i++)
			out[items[i].at] = (int32_t)centred;
		ranks->squares[column] += (double)centred * (double)centred * (double)(end - first);
	}
	ranks->present[column] = present;
	ranks->gap_of[column] = SIZE_MAX;
	if (present < ranks->rows) {
		ranks->gap_of[column] = ranks->gap_count;
		ranks->gaps[ranks->gap_count++] = column;
	}
}

static void ranks_release(struct ranks *ranks)
{
	free(ranks->rank);
	free(ranks->present);
	free(ranks->squares);
	free(ranks->gaps);
	free(ranks->gap_of);
}

static int ranks_make(struct ranks *ranks, const struct column *const *columns, const uint32_t *rows, struct orch_err *err)
{
	size_t count = ranks->count, n = ranks->rows;
	double *values = mem_array(n + 1, sizeof *values);
	struct ranked *items = mem_array(n + 1, sizeof *items), *spare = mem_array(n + 1, sizeof *spare);
	int code = 0;

	ranks->rank = mem_array(count * n + 1, sizeof *ranks->rank);
	ranks->present = mem_array(count + 1, sizeof *ranks->present);
	ranks->squares = mem_array(count + 1, sizeof *ranks->squares);
	ranks->gaps = mem_array(count + 1, sizeof *ranks->gaps);
	ranks->gap_of = mem_array(count + 1, sizeof *ranks->gap_of);
	if (!values || !items || !spare || !ranks->rank || !ranks->present || !ranks->squares || !ranks->gaps || !ranks->gap_of)
		code = orch_fail(err, ORCH_ENOMEM, "no memory for the ranks of %zu features and %zu rows", count, n);
	for (size_t c = 0; c < count && !code; c++) {
		column_gather(columns[c], rows, n, values);
		rank_column(ranks, c, values, items, spare);
	}
	free(values);
	free(items);
	free(spare);
	return code;
}

/* ---- sums of products ---- */

struct sums {
	double *product;     /* count x count, upper: sum of x y where both are there */
	double *of, *square; /* count x gaps: sum of x, of x^2, where y is there */
	double *common;      /* gaps x gaps, upper: rows where both are there */
	double *x, *x2, *there; /* a block, row by row */
};

static void sums_release(struct sums *sums)
{
	free(sums->product);
	free(sums->of);
	free(sums->square);
	free(sums->common);
	free(sums->x);
	free(sums->x2);
	free(sums->there);
}

static bool sums_allocate(struct sums *sums, size_t p, size_t q)
{
	sums->product = mem_array(p * p + 1, sizeof(double));
	sums->of = mem_array(p * q + 1, sizeof(double));
	sums->square = mem_array(p * q + 1, sizeof(double));
	sums->common = mem_array(q * q + 1, sizeof(double));
	sums->x = mem_array(BLOCK * p + 1, sizeof(double));
	sums->x2 = mem_array(q ? BLOCK * p : 1, sizeof(double));
	sums->there = mem_array(BLOCK * q + 1, sizeof(double));
	return sums->product && sums->of && sums->square && sums->common && sums->x && sums->x2 && sums->there;
}

static void fill_block(const struct ranks *ranks, size_t first, size_t rows, struct sums *sums)
{
	size_t p = ranks->count, q = ranks->gap_count;

	for (size_t c = 0; c < p; c++) {
		const int32_t *rank = ranks->rank + c * ranks->rows + first;

		for (size_t i = 0; i < rows; i++)
			sums->x[i * p + c] = rank[i] == ABSENT ? 0 : rank[i];
		if (q)
			for (size_t i = 0; i < rows; i++)
				sums->x2[i * p + c] = sums->x[i * p + c] * sums->x[i * p + c];
	}
	for (size_t g = 0; g < q; g++) {
		const int32_t *rank = ranks->rank + ranks->gaps[g] * ranks->rows + first;

		for (size_t i = 0; i < rows; i++)
			sums->there[i * q + g] = rank[i] != ABSENT;
	}
}

static void add_block(const struct ranks *ranks, size_t rows, struct sums *sums)
{
	int p = (int)ranks->count, q = (int)ranks->gap_count, n = (int)rows;

	cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, p, n, 1, sums->x, p, 1, sums->product, p);
	if (!q)
		return;
	cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, p, q, n, 1, sums->x, p, sums->there, q, 1, sums->of, q);
	cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, p, q, n, 1, sums->x2, p, sums->there, q, 1, sums->square, q);
	cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, q, n, 1, sums->there, q, 1, sums->common, q);
}

/* ---- correlations ---- */

static double common_rows(const struct ranks *ranks, const struct sums *sums, size_t i, size_t j)
{
	size_t gi = ranks->gap_of[i], gj = ranks->gap_of[j];

	if (gi == SIZE_MAX || gj == SIZE_MAX)
		return (double)(ranks->present[i] < ranks->present[j] ? ranks->present[i] : ranks->present[j]);
	return sums->common[gi < gj ? gi * ranks->gap_count + gj : gj * ranks->gap_count + gi];
}

/* Sum of squares of i around its mean over the rows where j is there too; 0 when it does not vary there. *sum: of i. */
static double spread(const struct ranks *ranks, const struct sums *sums, size_t i, size_t j, double rows, double *sum)
{
	size_t gap = ranks->gap_of[j];
	double squares = ranks->squares[i], rest;

	*sum = 0;
	if (gap != SIZE_MAX) {
		*sum = sums->of[i * ranks->gap_count + gap];
		squares = sums->square[i * ranks->gap_count + gap];
	}
	rest = squares - *sum * *sum / rows;
	return rest > squares * 1e-12 ? rest : 0;
}

/* i < j */
static double correlation(const struct ranks *ranks, const struct sums *sums, size_t i, size_t j)
{
	double rows = common_rows(ranks, sums, i, j), x, y, xx, yy, rho;

	if (rows < COMMON_MIN)
		return NAN;
	xx = spread(ranks, sums, i, j, rows, &x);
	yy = spread(ranks, sums, j, i, rows, &y);
	if (!(xx > 0 && yy > 0))
		return NAN;
	rho = (sums->product[i * ranks->count + j] - x * y / rows) / sqrt(xx * yy);
	return rho > 1 ? 1 : rho < -1 ? -1 : rho;
}

static int taken_correlations(const struct column *const *columns, size_t count, const uint32_t *rows, size_t row_count, double *rho, struct orch_err *err)
{
	struct ranks ranks = {.count = count, .rows = row_count};
	struct sums sums = {0};
	int code = ranks_make(&ranks, columns, rows, err);

	if (!code && !sums_allocate(&sums, count, ranks.gap_count))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for the correlations of %zu features", count);
	for (size_t first = 0; !code && first < row_count; first += BLOCK) {
		size_t n = row_count - first < BLOCK ? row_count - first : BLOCK;

		fill_block(&ranks, first, n, &sums);
		add_block(&ranks, n, &sums);
	}
	for (size_t i = 0; !code && i < count; i++) {
		rho[i * count + i] = 1;
		for (size_t j = i + 1; j < count; j++)
			rho[i * count + j] = rho[j * count + i] = correlation(&ranks, &sums, i, j);
	}
	sums_release(&sums);
	ranks_release(&ranks);
	return code;
}

int spearman(const struct column *const *columns, size_t count, const uint32_t *rows, size_t row_count, double *rho, struct orch_err *err)
{
	const struct column **taken = mem_array(count + 1, sizeof *taken);
	size_t *place = mem_array(count + 1, sizeof *place), used = 0;
	double *among = NULL;
	int code = 0;

	if (row_count > SPEARMAN_ROWS_MAX)
		orch_bug("rank correlations over %zu rows are not exact", row_count);
	for (size_t c = 0; taken && place && c < count; c++) {
		place[c] = SIZE_MAX;
		if (spearman_takes(columns[c])) {
			place[c] = used;
			taken[used++] = columns[c];
		}
	}
	if (!taken || !place || !(among = mem_array(used * used + 1, sizeof *among)))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for the correlations of %zu features", count);
	if (!code && used)
		code = taken_correlations(taken, used, rows, row_count, among, err);
	for (size_t i = 0; !code && i < count; i++)
		for (size_t j = 0; j < count; j++)
			rho[i * count + j] = i == j ? 1 : place[i] == SIZE_MAX || place[j] == SIZE_MAX ? NAN : among[place[i] * used + place[j]];
	free(taken);
	free(place);
	free(among);
	return code;
}
