#include "engines/model/gram.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/design.h"

#define GRAM_SAMPLE 1024             /* rows the shifts are made from */
#define GRAM_ATOM_ROWS 512           /* atoms at least this large cost nothing */
#define GRAM_ATOM_BYTES (256u << 20) /* more atoms than folds only within this */
#define GRAM_DIGITS 1e-6             /* a centred sum of squares below this part of the shifted one has lost too much */
#define GRAM_CONSTANT 1e-12          /* ... and below this, with a shift of the rows' own, it is rounding */
#define GRAM_NO_ATOM UINT32_MAX

enum gram_role { GRAM_TRAIN = 1, GRAM_TEST = 2 }; /* bits */
struct gram_group {
	size_t first_fold, fold_count, atom_count;
	double *atoms; /* atom_count x width x width, upper triangles */
	uint8_t *role; /* fold_count x atom_count: bits of enum gram_role */
	double *shift; /* width */
};
struct gram_set {
	const struct engine_data *data;
	const struct engine_fold *folds;
	size_t fold_count;
	size_t columns, width, absent_count; /* width: columns + absent flags + outputs + 1 */
	size_t *first;                       /* feature_count + 1 */
	size_t *absent;                      /* per feature: its flag's column, or 0: none */
	struct gram_group group;             /* the one that is loaded */
	double *block;                       /* width x GRAM_CHUNK */
	uint32_t *atom;                      /* per row of the frame */
};

const struct engine_data *gram_data(const struct gram_set *set)
{
	return set->data;
}

const struct engine_fold *gram_fold(const struct gram_set *set, size_t fold)
{
	return &set->folds[fold];
}

size_t gram_first(const struct gram_set *set, size_t feature)
{
	return set->first[feature];
}

double gram_center(const struct gram_system *system, size_t column)
{
	return system->shift[column] + system->center[column];
}

static void group_release(struct gram_group *group)
{
	free(group->atoms);
	free(group->role);
	free(group->shift);
	*group = (struct gram_group){0};
}

void gram_close(struct gram_set *set)
{
	if (!set)
		return;
	group_release(&set->group);
	free(set->first);
	free(set->absent);
	free(set->block);
	free(set->atom);
	free(set);
}

static void set_lay_out(struct gram_set *set)
{
	const struct engine_data *data = set->data;

	for (size_t f = 0; f < data->feature_count; f++)
		set->first[f + 1] = set->first[f] + design_feature_columns(data->features[f]);
	set->columns = set->first[data->feature_count];
	for (size_t f = 0; f < data->feature_count; f++)
		if (data->missing != ENGINE_MISSING_KEEP && data->features[f]->missing_count > 0)
			set->absent[f] = set->columns + set->absent_count++;
	set->width = set->columns + set->absent_count + data->outputs + 1;
}

int gram_open(const struct engine_data *data, const struct engine_fold *folds, size_t fold_count, struct gram_set **out,
        struct orch_err *err)
{
	struct gram_set *set = mem_array(1, sizeof(*set));

	if (!set)
		goto out;
	*set = (struct gram_set){.data = data, .folds = folds, .fold_count = fold_count};
	set->first = mem_array(data->feature_count + 1, sizeof(*set->first));
	set->absent = mem_array(data->feature_count, sizeof(*set->absent));
	set->atom = mem_array(data->rows, sizeof(*set->atom));
	if (!set->first || !set->absent || !set->atom)
		goto out;
	set_lay_out(set);
	set->block = mem_array(set->width * GRAM_CHUNK, sizeof(double));
	if (!set->block)
		goto out;
	*out = set;
	return 0;
out:
	gram_close(set);
	return orch_fail(err, ORCH_ENOMEM, "no memory for the moments of %zu features", data->feature_count);
}

/* ---- rows ---- */

/* [features, absent flags, targets, 1] x root of the weight, shifted. A value missing without a fill is left NaN. */
static void fill_block(struct gram_set *set, const uint32_t *rows, size_t count, const double *shift)
{
	const struct engine_data *data = set->data;
	double *targets = set->block + (set->columns + set->absent_count) * GRAM_CHUNK,
	       *ones = targets + data->outputs * GRAM_CHUNK;

	for (size_t f = 0; f < data->feature_count; f++)
		design_feature(data, f, rows, count, shift + set->first[f], NAN,
		        set->block + set->first[f] * GRAM_CHUNK, GRAM_CHUNK,
		        set->absent[f] ? set->block + set->absent[f] * GRAM_CHUNK : NULL);
	for (unsigned o = 0; o < data->outputs; o++)
		for (size_t i = 0; i < count; i++)
			targets[o * GRAM_CHUNK + i] =
			        data->target[o * data->rows + rows[i]] - shift[set->columns + set->absent_count + o];
	for (size_t i = 0; i < count; i++)
		ones[i] = data->weight ? sqrt(data->weight[rows[i]]) : 1;
	for (size_t c = 0; data->weight && c + 1 < set->width; c++)
		for (size_t i = 0; i < count; i++)
			set->block[c * GRAM_CHUNK + i] *= ones[i];
}

static void add_rows(struct gram_set *set, const uint32_t *rows, size_t count, const double *shift, double *gram)
{
	int width = (int)set->width;

	for (size_t start = 0; start < count; start += GRAM_CHUNK) {
		size_t length = count - start < GRAM_CHUNK ? count - start : GRAM_CHUNK;

		fill_block(set, rows + start, length, shift);
		cblas_dsyrk(CblasColMajor, CblasUpper, CblasTrans, width, (int)length, 1, set->block, GRAM_CHUNK, 1,
		        gram, width);
	}
}

/* Evenly spaced: sorted data has different ends. */
static size_t sample_rows(const uint32_t *rows, size_t count, uint32_t sample[GRAM_SAMPLE])
{
	size_t taken = count < GRAM_SAMPLE ? count : GRAM_SAMPLE;

	for (size_t i = 0; i < taken; i++)
		sample[i] = rows[i * count / taken];
	return taken;
}

static double rough_mean(const double *values, size_t count)
{
	double sum = 0, square = 0;
	size_t present = 0, first = 0;

	while (first < count && isnan(values[first]))
		first++;
	for (size_t i = first; i < count; i++) {
		if (isnan(values[i]))
			continue;
		sum += values[i] - values[first];
		square += (values[i] - values[first]) * (values[i] - values[first]);
		present++;
	}
	if (present == 0)
		return 0;
	double offset = sum / (double)present, deviation = sqrt(square / (double)present - offset * offset);

	if (!(deviation > 0) || !isfinite(deviation))
		return isfinite(values[first]) ? values[first] : 0;
	double step = exp2(floor(log2(deviation)));

	return step * nearbyint((values[first] + offset) / step);
}

/* One-hot columns stay 0/1: their sums are exact and their means small. Absent flags and the ones are not shifted
 * either. */
static void make_shift(const struct gram_set *set, const uint32_t *rows, size_t count, double *shift)
{
	const struct engine_data *data = set->data;
	double values[GRAM_SAMPLE];
	uint32_t sample[GRAM_SAMPLE];
	size_t taken = sample_rows(rows, count, sample), targets = set->columns + set->absent_count;

	memset(shift, 0, set->width * sizeof(*shift));
	for (size_t f = 0; f < data->feature_count; f++) {
		if (design_one_hot(data->features[f]))
			continue;
		column_gather(data->features[f], sample, taken, values);
		shift[set->first[f]] = rough_mean(values, taken);
	}
	for (unsigned o = 0; o < data->outputs; o++) {
		for (size_t i = 0; i < taken; i++)
			values[i] = data->target[o * data->rows + sample[i]];
		shift[targets + o] = rough_mean(values, taken);
	}
}

/* Missing or infinite values show on the diagonal. */
static int check_gram(const struct gram_set *set, const double *gram, struct orch_err *err)
{
	const struct engine_data *data = set->data;

	for (size_t f = 0; f < data->feature_count; f++)
		for (size_t c = set->first[f]; c < set->first[f + 1]; c++) {
			double square = gram[c * set->width + c];

			if (isnan(square))
				return design_missing_error(data, f, err);
			if (!isfinite(square))
				return orch_fail(err, ORCH_EFIT,
				        "feature \"%s\" has values too large to be squared and summed",
				        data->features[f]->name);
		}
	for (size_t c = set->columns + set->absent_count; c < set->width; c++)
		if (!isfinite(gram[c * set->width + c]))
			return orch_fail(
			        err, ORCH_EFIT, "targets or weights are missing or too large to be squared and summed");
	return 0;
}

/* ---- atoms ---- */

struct atom_code {
	uint32_t next[4]; /* the code that an atom's rows get in each role; GRAM_NO_ATOM: none yet */
};

/* Splits atoms by the roles of fold; new ones are numbered as their first rows come. codes: atom_count + 1. Returns how
 * many there are then, or 0 when there would be more than most. The row table is rewritten only if change is set. */
static size_t refine(const struct engine_fold *fold, size_t rows, uint32_t *atom, size_t atom_count,
        struct atom_code *codes, size_t most, bool change)
{
	size_t train = 0, test = 0, count = 0;

	memset(codes, 0xff, (atom_count + 1) * sizeof(*codes)); /* GRAM_NO_ATOM */
	for (uint32_t row = 0; row < rows; row++) {
		unsigned role = 0;

		if (train < fold->train_count && fold->train[train] == row) {
			train++;
			role |= GRAM_TRAIN;
		}
		if (test < fold->test_count && fold->test[test] == row) {
			test++;
			role |= GRAM_TEST;
		}
		if (role == 0 && atom[row] == GRAM_NO_ATOM)
			continue;
		uint32_t *next = &codes[atom[row] == GRAM_NO_ATOM ? atom_count : atom[row]].next[role];

		if (*next == GRAM_NO_ATOM) {
			if (count == most)
				return 0;
			*next = (uint32_t)count++;
		}
		if (change)
			atom[row] = *next;
	}
	return count;
}

/* Atoms that are allowed when they are large: as many as equal repeats of the folds could have, 3^(folds / 3), within
 * memory. */
static size_t atoms_large(size_t rows, size_t folds, size_t width)
{
	size_t most = GRAM_ATOM_BYTES / (width * width * sizeof(double)), by_rows = rows / GRAM_ATOM_ROWS, by_folds = 1;

	for (size_t f = 0; f < folds && by_folds < most; f += 3)
		by_folds *= 3;
	most = by_folds < most ? by_folds : most;
	return by_rows < most ? by_rows : most;
}

/* Takes folds from first on as long as the atoms stay few, or large and within memory. */
static int group_choose(struct gram_set *set, size_t first, struct gram_group *group)
{
	size_t rows = set->data->rows, large = atoms_large(rows, set->fold_count, set->width);
	struct atom_code *codes = mem_array(set->fold_count + large + 8, sizeof(*codes));

	if (!codes)
		return ORCH_ENOMEM;
	memset(set->atom, 0xff, rows * sizeof(*set->atom));
	*group = (struct gram_group){.first_fold = first};
	for (size_t f = first; f < set->fold_count; f++) {
		size_t few = group->fold_count + 3, most = few > large ? few : large;
		size_t count = refine(&set->folds[f], rows, set->atom, group->atom_count, codes, most, false);

		if (count == 0 && f > first)
			break;
		group->atom_count = refine(&set->folds[f], rows, set->atom, group->atom_count, codes, most, true);
		group->fold_count++;
	}
	free(codes);
	return 0;
}

static void group_roles(const struct gram_set *set, struct gram_group *group)
{
	for (size_t f = 0; f < group->fold_count; f++) {
		const struct engine_fold *fold = &set->folds[group->first_fold + f];

		for (size_t i = 0; i < fold->train_count; i++)
			group->role[f * group->atom_count + set->atom[fold->train[i]]] |= GRAM_TRAIN;
		for (size_t i = 0; i < fold->test_count; i++)
			group->role[f * group->atom_count + set->atom[fold->test[i]]] |= GRAM_TEST;
	}
}

/* Rows in blocks, and in each block atom by atom: the columns of a block are still in the cache when the next atom
 * reads them. start: atom_count + 1; list: block rows. */
static void group_accumulate(
        struct gram_set *set, struct gram_group *group, size_t block, size_t *start, uint32_t *list)
{
	size_t rows = set->data->rows, square = set->width * set->width;

	for (size_t from = 0; from < rows; from += block) {
		size_t to = rows - from < block ? rows : from + block;

		memset(start, 0, (group->atom_count + 1) * sizeof(*start));
		for (size_t row = from; row < to; row++)
			if (set->atom[row] != GRAM_NO_ATOM)
				start[set->atom[row] + 1]++;
		for (size_t a = 0; a < group->atom_count; a++)
			start[a + 1] += start[a];
		for (size_t row = from; row < to; row++)
			if (set->atom[row] != GRAM_NO_ATOM)
				list[start[set->atom[row]]++] = (uint32_t)row;
		for (size_t a = 0; a < group->atom_count; a++) { /* start[a] is now where atom a ends */
			size_t begin = a ? start[a - 1] : 0;

			add_rows(set, list + begin, start[a] - begin, group->shift, group->atoms + a * square);
		}
	}
}

static void group_shift(const struct gram_set *set, uint32_t *list, double *shift)
{
	size_t count = 0;

	for (uint32_t row = 0; row < set->data->rows; row++)
		if (set->atom[row] != GRAM_NO_ATOM)
			list[count++] = row;
	make_shift(set, list, count, shift);
}

static int group_load(struct gram_set *set, size_t first, struct orch_err *err)
{
	struct gram_group group;
	size_t rows = set->data->rows, square = set->width * set->width, cells;
	size_t *start = NULL;
	uint32_t *list = mem_array(rows, sizeof(*list));
	int code = list ? group_choose(set, first, &group) : ORCH_ENOMEM;

	if (code)
		goto none;
	group.role = mem_array(group.fold_count * group.atom_count, sizeof(*group.role));
	group.shift = mem_array(set->width, sizeof(*group.shift));
	start = mem_array(group.atom_count + 1, sizeof(*start));
	if (!__builtin_mul_overflow(group.atom_count, square, &cells))
		group.atoms = mem_array(cells, sizeof(*group.atoms));
	if (!group.role || !group.shift || !start || !group.atoms) {
		group_release(&group);
		code = ORCH_ENOMEM;
		goto none;
	}
	size_t block = group.atom_count * GRAM_ATOM_ROWS < 4096 ? 4096 : group.atom_count * GRAM_ATOM_ROWS;

	group_roles(set, &group);
	group_shift(set, list, group.shift);
	group_accumulate(set, &group, block < rows ? block : rows, start, list);
	set->group = group;
none:
	free(start);
	free(list);
	return code ? orch_fail(err, code, "no memory for the moments of %zu columns", set->width) : 0;
}

static int group_enter(struct gram_set *set, size_t fold, struct orch_err *err)
{
	size_t first = fold < set->group.first_fold ? 0 : set->group.first_fold + set->group.fold_count;
	int code = 0;

	while (code == 0 && !(set->group.atoms && fold >= set->group.first_fold &&
	                            fold < set->group.first_fold + set->group.fold_count)) {
		group_release(&set->group);
		code = group_load(set, first, err);
		first = set->group.first_fold + set->group.fold_count;
	}
	return code;
}

/* ---- a fold's system ---- */

/* Sum of the atoms that play role in the fold, mirrored to a whole matrix. */
static void sum_atoms(const struct gram_set *set, size_t fold, enum gram_role role, double *gram)
{
	const struct gram_group *group = &set->group;
	const uint8_t *roles = group->role + (fold - group->first_fold) * group->atom_count;
	size_t square = set->width * set->width;

	memset(gram, 0, square * sizeof(*gram));
	for (size_t a = 0; a < group->atom_count; a++)
		for (size_t i = 0; (roles[a] & role) && i < square; i++)
			gram[i] += group->atoms[a * square + i];
}

static void mirror(double *matrix, size_t width)
{
	for (size_t j = 0; j < width; j++)
		for (size_t i = 0; i < j; i++)
			matrix[i * width + j] = matrix[j * width + i];
}

/* Imputed column = column + amount * flag, so its row and column of the Gram follow from those of the flag. */
static void impute(const struct gram_set *set, const double *fill, const double *shift, double *gram)
{
	size_t width = set->width;

	for (size_t f = 0; f < set->data->feature_count; f++) {
		if (!set->absent[f] || set->first[f] == set->first[f + 1])
			continue;
		bool one_hot = design_one_hot(set->data->features[f]);
		size_t column = set->first[f] + (one_hot ? (size_t)fill[f] : 0), flag = set->absent[f];
		double amount = one_hot ? 1 : fill[f] - shift[column];

		for (size_t i = 0; i < width; i++)
			gram[column * width + i] += amount * gram[flag * width + i];
		for (size_t i = 0; i < width; i++)
			gram[i * width + column] += amount * gram[i * width + flag];
	}
}

/* Where column c of a system (features, then outputs) stands in the Gram. */
static size_t gram_index(const struct gram_set *set, size_t c)
{
	return c < set->columns ? c : c + set->absent_count;
}

/* Sum of products of columns a and b about the points at, from a Gram about the shift. */
static double product_about(const double *gram, size_t width, size_t a, size_t b, double at_a, double at_b)
{
	const double *sums = gram + (width - 1) * width;

	return gram[b * width + a] - sums[a] * at_b - at_a * sums[b] + sums[width - 1] * at_a * at_b;
}

static double product_centred(const double *gram, size_t width, size_t a, size_t b)
{
	const double *sums = gram + (width - 1) * width;

	return gram[b * width + a] - sums[a] * sums[b] / sums[width - 1];
}

static bool has_digits(const struct gram_set *set, const double *gram)
{
	for (size_t c = 0; c < set->columns + set->data->outputs; c++) {
		size_t i = gram_index(set, c);
		double centred = product_centred(gram, set->width, i, i);

		if (centred != 0 && centred < GRAM_DIGITS * gram[i * set->width + i])
			return false;
	}
	return true;
}

/* Both Grams of the fold, imputed; again with a shift made for its training rows where the common one does not suit
 * them. */
static int fold_grams(struct gram_set *set, size_t fold, struct gram_system *system, double *train, double *test,
        double *shift, struct orch_err *err)
{
	const struct engine_fold *rows = &set->folds[fold];
	int code = 0;

	memcpy(shift, set->group.shift, set->width * sizeof(*shift));
	sum_atoms(set, fold, GRAM_TRAIN, train);
	sum_atoms(set, fold, GRAM_TEST, test);
	for (int round = 0; round < 2 && code == 0; round++) {
		code = check_gram(set, train, err);
		code = code ? code : check_gram(set, test, err);
		if (code == 0 && !(train[set->width * set->width - 1] > 0))
			code = orch_fail(err, ORCH_EFIT, "the training rows have no weight");
		mirror(train, set->width);
		mirror(test, set->width);
		impute(set, system->fill, shift, train);
		impute(set, system->fill, shift, test);
		if (code || round == 1 || has_digits(set, train))
			break;
		make_shift(set, rows->train, rows->train_count, shift);
		memset(train, 0, set->width * set->width * sizeof(*train));
		memset(test, 0, set->width * set->width * sizeof(*test));
		add_rows(set, rows->train, rows->train_count, shift, train);
		add_rows(set, rows->test, rows->test_count, shift, test);
	}
	return code;
}

static void fill_training(const struct gram_set *set, const double *gram, struct gram_system *out)
{
	size_t p = out->columns, width = set->width;

	for (size_t c = 0; c < p + out->outputs; c++) {
		size_t ic = gram_index(set, c);
		double *column = c < p ? out->cross + c * p : out->xy + (c - p) * p;

		for (size_t r = 0; r < p; r++)
			column[r] = out->intercept ? product_centred(gram, width, r, ic)
			                           : product_about(gram, width, r, ic, out->center[r], out->center[c]);
	}
}

static void fill_test(const struct gram_set *set, const double *gram, struct gram_system *out)
{
	size_t p = out->columns, width = set->width;

	for (size_t c = 0; c < p + out->outputs; c++) {
		size_t ic = gram_index(set, c);
		double *column = c < p ? out->test_cross + c * p : out->test_xy + (c - p) * p;

		for (size_t r = 0; r < p; r++)
			column[r] = product_about(gram, width, r, ic, out->center[r], out->center[c]);
		if (c >= p)
			out->test_yy[c - p] = product_about(gram, width, ic, ic, out->center[c], out->center[c]);
	}
	out->test_weight = gram[width * width - 1];
}

/* Penalties, and constant columns made exactly so. */
static void fill_penalty(const struct gram_set *set, const double *gram, bool standardize, struct gram_system *out)
{
	size_t p = out->columns;

	for (size_t c = 0; c < p; c++) {
		double square = product_centred(gram, set->width, c, c);
		bool constant = !(square > GRAM_CONSTANT * gram[c * set->width + c]);

		out->penalty[c] = standardize && !constant ? square / out->weight : 1;
		if (!constant || !out->intercept)
			continue;
		for (size_t r = 0; r < p; r++)
			out->cross[c * p + r] = out->cross[r * p + c] = 0;
		for (size_t o = 0; o < out->outputs; o++)
			out->xy[o * p + c] = 0;
	}
}

static bool system_allocate(struct gram_system *system, size_t features, struct arena *arena)
{
	size_t p = system->columns, q = system->outputs, size = sizeof(double);

	system->cross = arena_alloc(arena, p * p, size);
	system->xy = arena_alloc(arena, p * q, size);
	system->test_cross = arena_alloc(arena, p * p, size);
	system->test_xy = arena_alloc(arena, p * q, size);
	system->test_yy = arena_alloc(arena, q, size);
	system->penalty = arena_alloc(arena, p, size);
	system->shift = arena_alloc(arena, p + q, size);
	system->center = arena_alloc(arena, p + q, size);
	system->fill = arena_alloc(arena, features, size);
	return system->cross && system->xy && system->test_cross && system->test_xy && system->test_yy &&
	       system->penalty && system->shift && system->center && system->fill;
}

static void system_fill(const struct gram_set *set, const double *train, const double *test, const double *shift,
        bool standardize, struct gram_system *system)
{
	const double *sums = train + (set->width - 1) * set->width;

	system->weight = sums[set->width - 1];
	for (size_t c = 0; c < system->columns + system->outputs; c++) {
		system->shift[c] = shift[gram_index(set, c)];
		system->center[c] = system->intercept ? sums[gram_index(set, c)] / system->weight : -system->shift[c];
	}
	fill_training(set, train, system);
	fill_test(set, test, system);
	fill_penalty(set, train, standardize, system);
}

int gram_system(struct gram_set *set, size_t fold, bool intercept, bool standardize, struct arena *arena,
        struct gram_system *out, struct orch_err *err)
{
	const struct engine_data *data = set->data;
	const struct engine_fold *rows = &set->folds[fold];
	struct gram_system system = {
	        .fold = fold, .columns = set->columns, .outputs = data->outputs, .intercept = intercept};
	size_t square = set->width * set->width;
	double *grams = NULL, *shift = NULL;
	int code = ORCH_ENOMEM;

	if (rows->train_count == 0)
		return orch_fail(err, ORCH_EFIT, "there are no training rows");
	if (system_allocate(&system, data->feature_count, arena)) {
		grams = mem_array(2 * square, sizeof(*grams));
		shift = mem_array(set->width, sizeof(*shift));
	}
	if (!grams || !shift) {
		orch_fail(err, code, "no memory for a system of %zu columns", set->width);
		goto out;
	}
	code = group_enter(set, fold, err);
	code = code ? code : design_fill(data, rows->train, rows->train_count, system.fill, err);
	code = code ? code : fold_grams(set, fold, &system, grams, grams + square, shift, err);
	if (code == 0) {
		system_fill(set, grams, grams + square, shift, standardize, &system);
		*out = system;
	}
out:
	free(grams);
	free(shift);
	return code;
}

void gram_rows(const struct gram_set *set, const struct gram_system *system, const uint32_t *rows, size_t count,
        bool targets, double *out)
{
	const struct engine_data *data = set->data;
	size_t p = system->columns, width = targets ? p + system->outputs : p;

	for (size_t f = 0; f < data->feature_count; f++)
		design_feature(data, f, rows, count, system->shift + set->first[f], system->fill[f],
		        out + set->first[f] * GRAM_CHUNK, GRAM_CHUNK, NULL);
	for (size_t c = p; c < width; c++)
		for (size_t i = 0; i < count; i++)
			out[c * GRAM_CHUNK + i] = data->target[(c - p) * data->rows + rows[i]] - system->shift[c];
	for (size_t c = 0; c < width; c++)
		for (size_t i = 0; i < count; i++)
			out[c * GRAM_CHUNK + i] -= system->center[c];
	for (size_t i = 0; targets && data->weight && i < count; i++) {
		double root = sqrt(data->weight[rows[i]]);

		for (size_t c = 0; c < width; c++)
			out[c * GRAM_CHUNK + i] *= root;
	}
}

double gram_sse(const struct gram_system *system, const double *b, size_t o, double *work, double *mass)
{
	int n = (int)system->columns;
	double linear, square, total = system->test_yy[o];

	*mass = total;
	if (n == 0)
		return total;
	cblas_dsymv(CblasColMajor, CblasUpper, n, 1, system->test_cross, n, b, 1, 0, work, 1);
	linear = 2 * cblas_ddot(n, b, 1, system->test_xy + o * system->columns, 1);
	square = cblas_ddot(n, b, 1, work, 1);
	*mass += fabs(linear) + square;
	return total - linear + square;
}

uint64_t gram_bytes(const struct engine_size *size)
{
	/* Absent flags: at most one a feature. Each fold's training and test part can split off an atom. */
	uint64_t width = size->columns + size->features + size->outputs + 1, square = width * width * sizeof(double);
	uint64_t few = size->folds + 3, large = atoms_large(size->rows, size->folds, size->columns + size->outputs + 1);

	return (large > few ? large : few) * square + 2 * square + width * GRAM_CHUNK * sizeof(double) +
	       2 * (uint64_t)size->columns * size->columns * sizeof(double) + 24 * (uint64_t)size->rows + (1 << 20);
}
