#include "engines/model/elasticnet_solve.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#define GRID_STEPS 10 /* a decade */
#define GRID_END 80   /* steps; below that a penalty starts from there */
#define GRID_TOLERANCE 1e-3
#define FIRST_TOLERANCE 1e-5
#define LAST_TOLERANCE 1e-13
#define GRID_SWEEPS 3
#define FIRST_SWEEPS 8 /* the descent is slow at the end, the active sets are not */
#define MOST_SWEEPS 20000
#define SINGULAR 1e-12 /* reciprocal condition below which the linear system is not asked */
#define OPTIMAL 1e-9   /* optimality conditions hold up to this part of the penalty */

/* One problem: an output at a penalty. */
struct descent {
	struct elasticnet *net;
	size_t output;
	double alpha, l1, l2; /* penalties before u_j and u_j^2 */
	double *b;
};

int elasticnet_init(
        struct elasticnet *net, struct ridge_solver *ridge, double l1_ratio, struct arena *arena, struct orch_err *err)
{
	const struct gram_system *system = ridge->system;
	size_t p = ridge->p, q = ridge->q, size = sizeof(double);

	*net = (struct elasticnet){.ridge = ridge, .l1_ratio = l1_ratio, .p = p, .q = q};
	net->path = arena_alloc(arena, p * q, size);
	net->grid = arena_alloc(arena, q, sizeof(*net->grid));
	net->top = arena_alloc(arena, q, size);
	net->size = arena_alloc(arena, q, size);
	net->gradient = arena_alloc(arena, p, size);
	net->sign = arena_alloc(arena, p, size);
	net->exact = arena_alloc(arena, p, size);
	net->blocked = arena_alloc(arena, p, sizeof(*net->blocked));
	net->active = arena_alloc(arena, p, sizeof(*net->active));
	if (!net->path || !net->grid || !net->top || !net->size || !net->gradient || !net->sign || !net->exact ||
	        !net->blocked || !net->active)
		return orch_fail(err, ORCH_ENOMEM, "no memory to solve for %zu columns", p);
	for (size_t o = 0; o < q; o++) {
		net->grid[o] = -1;
		for (size_t j = 0; j < p; j++) {
			double c = fabs(system->xy[o * p + j]), square = system->cross[j * p + j];

			net->top[o] = fmax(net->top[o], c / sqrt(system->penalty[j]) / (system->weight * l1_ratio));
			net->size[o] = fmax(net->size[o], square > 0 ? c / sqrt(square) : 0);
		}
	}
	return 0;
}

static double l1_of(const struct descent *d, size_t j)
{
	return d->l1 * sqrt(d->net->ridge->system->penalty[j]);
}

static void descent_gradient(const struct descent *d)
{
	const struct gram_system *system = d->net->ridge->system;
	int n = (int)d->net->p;

	memcpy(d->net->gradient, system->xy + d->output * d->net->p, d->net->p * sizeof(double));
	cblas_dsymv(CblasColMajor, CblasUpper, n, -1, system->cross, n, d->b, 1, 1, d->net->gradient, 1);
}

/* Minimises over one coefficient; returns how far the fit moved, in units of the column. */
static double descent_step(const struct descent *d, size_t j)
{
	const struct gram_system *system = d->net->ridge->system;
	size_t p = d->net->p;
	double square = system->cross[j * p + j], bound = l1_of(d, j), below = square + d->l2 * system->penalty[j];
	double at = d->net->gradient[j] + square * d->b[j], next;

	if (!(square > 0) || d->net->blocked[j])
		return 0;
	next = at > bound ? (at - bound) / below : at < -bound ? (at + bound) / below : 0;
	double move = next - d->b[j];

	if (move == 0)
		return 0;
	d->b[j] = next;
	cblas_daxpy((int)p, -move, system->cross + j * p, 1, d->net->gradient, 1);
	return fabs(move) * sqrt(square);
}

/* Sweeps over all columns, and between them over those that are not zero until these are quiet. False: no end. */
static bool descend(const struct descent *d, double tolerance, size_t most)
{
	double quiet = tolerance * d->net->size[d->output];

	for (size_t sweep = 0; sweep < most; sweep++) {
		double moved = 0;

		for (size_t j = 0; j < d->net->p; j++)
			moved = fmax(moved, descent_step(d, j));
		if (moved <= quiet)
			return true;
		for (; sweep < most && moved > quiet; sweep++) {
			moved = 0;
			for (size_t j = 0; j < d->net->p; j++)
				if (d->b[j] != 0)
					moved = fmax(moved, descent_step(d, j));
		}
		descent_gradient(d); /* rounding of many small steps */
	}
	return false;
}

/* ---- the end: exact, by active sets ---- */

/* (C_AA + l2 u^2) b_A = c_A - l1 u s for the columns and signs in net->active and net->sign. False: near singular. */
static bool active_solve(const struct descent *d, size_t count)
{
	struct elasticnet *net = d->net;
	const double *c = net->ridge->system->xy + d->output * net->p;

	for (size_t i = 0; i < count; i++)
		net->exact[i] = c[net->active[i]] - net->sign[i] * l1_of(d, net->active[i]);
	if (count > 0 && !(ridge_factor(net->ridge, net->active, count, d->l2) >= SINGULAR))
		return false;
	ridge_factor_solve(net->ridge, count, net->exact, net->exact);
	return true;
}

/* From b towards net->exact until a coefficient would change its sign: that one becomes 0 and leaves. Returns whether
 * all of the way was gone. Without an L1 penalty signs do not matter. */
static bool active_move(const struct descent *d, size_t *count)
{
	struct elasticnet *net = d->net;
	size_t blocking = *count, kept = 0;
	double step = 1;

	for (size_t i = 0; i < *count && d->l1 > 0; i++) {
		double from = d->b[net->active[i]], to = net->exact[i];

		if (net->sign[i] * to <= 0 && from / (from - to) < step) {
			step = from / (from - to);
			blocking = i;
		}
	}
	bool whole = blocking == *count;

	for (size_t i = 0; i < *count; i++) {
		double *b = &d->b[net->active[i]];

		*b = i == blocking ? 0 : whole ? net->exact[i] : *b + step * (net->exact[i] - *b);
		net->active[kept] = net->active[i];
		net->sign[kept] = net->sign[i];
		kept += i != blocking;
	}
	*count = kept;
	return whole;
}

/* The column whose optimality condition is violated most; p: none. */
static size_t active_violator(const struct descent *d)
{
	const struct gram_system *system = d->net->ridge->system;
	size_t p = d->net->p, worst = p;
	double most = OPTIMAL;

	descent_gradient(d);
	for (size_t j = 0; j < p; j++) {
		double bound = l1_of(d, j), excess = fabs(d->net->gradient[j]) - bound;

		if (d->b[j] != 0 || d->net->blocked[j] || !(system->cross[j * p + j] > 0) || !(excess > most * bound))
			continue;
		most = bound > 0 ? excess / bound : INFINITY;
		worst = j;
	}
	return worst;
}

static void active_insert(struct elasticnet *net, size_t *count, size_t column, double sign)
{
	size_t at = (*count)++;

	for (; at > 0 && net->active[at - 1] > column; at--) {
		net->active[at] = net->active[at - 1];
		net->sign[at] = net->sign[at - 1];
	}
	net->active[at] = (uint32_t)column;
	net->sign[at] = sign;
}

static void active_remove(struct elasticnet *net, size_t *count, size_t at)
{
	(*count)--;
	for (; at < *count; at++) {
		net->active[at] = net->active[at + 1];
		net->sign[at] = net->sign[at + 1];
	}
}

/* The column entered makes the active columns dependent: there is a direction along which only the L1 penalty changes,
 * and it falls. Goes along it until a coefficient is 0 and leaves. */
static bool active_slide(const struct descent *d, size_t *count, size_t column, double sign)
{
	struct elasticnet *net = d->net;
	const double *cross = net->ridge->system->cross + column * net->p;
	size_t at = 0, blocking;
	double step = INFINITY;

	while (net->active[at] != column)
		at++;
	active_remove(net, count, at);
	blocking = *count;
	for (size_t i = 0; i < *count; i++)
		net->exact[i] = -sign * cross[net->active[i]];
	if (*count == 0 || !(ridge_factor(net->ridge, net->active, *count, d->l2) >= SINGULAR))
		return false;
	ridge_factor_solve(net->ridge, *count, net->exact, net->exact);
	for (size_t i = 0; i < *count; i++)
		if (net->exact[i] * net->sign[i] < 0 && -d->b[net->active[i]] / net->exact[i] < step) {
			step = -d->b[net->active[i]] / net->exact[i];
			blocking = i;
		}
	if (blocking == *count)
		return false;
	for (size_t i = 0; i < *count; i++)
		d->b[net->active[i]] = i == blocking ? 0 : d->b[net->active[i]] + step * net->exact[i];
	d->b[column] = sign * step;
	active_remove(net, count, blocking);
	active_insert(net, count, column, sign);
	return true;
}

/* Solves for the signs that b has, goes there as far as signs allow, and takes violators in one by one, each when the
 * others are optimal, until there is none. Every step lowers the objective. False: near singular, or no end. */
static bool active_finish(const struct descent *d)
{
	struct elasticnet *net = d->net;
	size_t count = 0, entered = net->p;
	double sign = 0;

	for (size_t j = 0; j < net->p; j++)
		if (d->b[j] != 0)
			active_insert(net, &count, j, d->b[j] > 0 ? 1 : -1);
	for (size_t step = 0; step < 10 * net->p + 100; step++) {
		if (!active_solve(d, count)) {
			if (entered == net->p || !active_slide(d, &count, entered, sign))
				return false;
			entered = net->p;
			continue;
		}
		entered = net->p;
		if (!active_move(d, &count))
			continue;
		entered = active_violator(d);
		if (entered == net->p)
			return true;
		sign = net->gradient[entered] > 0 ? 1 : -1;
		active_insert(net, &count, entered, sign);
	}
	return false;
}

/* From the coefficients in b to the optimum. */
static int descent_run(const struct descent *d, enum elasticnet_way *way, struct orch_err *err)
{
	descent_gradient(d);
	descend(d, FIRST_TOLERANCE, FIRST_SWEEPS); /* a good start: settled or not */
	if (active_finish(d))
		return 0;
	/* The start had more columns than can be told apart; from nothing they come in one by one while they can. */
	memset(d->b, 0, d->net->p * sizeof(double));
	if (active_finish(d))
		return 0;
	descent_gradient(d);
	if (!descend(d, LAST_TOLERANCE, MOST_SWEEPS))
		return orch_fail(err, ORCH_EFIT,
		        "coordinate descent does not settle at alpha %g: columns are too nearly collinear", d->alpha);
	if (*way == ELASTICNET_EXACT && !active_finish(d))
		*way = ELASTICNET_DESCENT;
	return 0;
}

static struct descent descent_make(struct elasticnet *net, double alpha, size_t output, double *b)
{
	double weight = net->ridge->system->weight;

	return (struct descent){.net = net,
	        .output = output,
	        .alpha = alpha,
	        .l1 = weight * alpha * net->l1_ratio,
	        .l2 = weight * alpha * (1 - net->l1_ratio),
	        .b = b};
}

/* Goes on along the grid to the last point that is not below alpha. */
static void path_follow(struct elasticnet *net, double alpha, size_t output)
{
	double *b = net->path + output * net->p;

	for (;;) {
		double next = net->top[output] * exp10(-(double)(net->grid[output] + 1) / GRID_STEPS);

		if (!isfinite(next) || next < alpha || next == 0 || net->grid[output] == GRID_END)
			return;
		struct descent d = descent_make(net, next, output, b);

		descent_gradient(&d);
		descend(&d, GRID_TOLERANCE, GRID_SWEEPS); /* a start only: how good it is does not matter */
		net->grid[output]++;
	}
}

int elasticnet_solve(struct elasticnet *net, double alpha, double *beta, enum elasticnet_way *way, struct orch_err *err)
{
	int code = 0;

	*way = ELASTICNET_EXACT;
	memset(net->blocked, 0, net->p * sizeof(*net->blocked));
	for (size_t o = 0; o < net->q && code == 0; o++) {
		struct descent d = descent_make(net, alpha, o, beta + o * net->p);

		path_follow(net, alpha, o);
		memcpy(d.b, net->path + o * net->p, net->p * sizeof(double));
		code = descent_run(&d, way, err);
	}
	return code;
}

int elasticnet_drop(struct elasticnet *net, double alpha, const double *base, const uint32_t *dropped, size_t count,
        double *beta, enum elasticnet_way *way, struct orch_err *err)
{
	int code = 0;

	*way = ELASTICNET_SAME;
	memcpy(beta, base, net->p * net->q * sizeof(*beta));
	memset(net->blocked, 0, net->p * sizeof(*net->blocked));
	for (size_t k = 0; k < count; k++)
		net->blocked[dropped[k]] = true;
	for (size_t o = 0; o < net->q && code == 0; o++) {
		struct descent d = descent_make(net, alpha, o, beta + o * net->p);
		bool used = false;

		for (size_t k = 0; k < count; k++) {
			used = used || d.b[dropped[k]] != 0;
			d.b[dropped[k]] = 0;
		}
		if (!used)
			continue;
		*way = *way == ELASTICNET_SAME ? ELASTICNET_EXACT : *way;
		code = descent_run(&d, way, err);
	}
	return code;
}

uint64_t elasticnet_bytes(size_t columns, size_t outputs)
{
	return sizeof(double) * (uint64_t)(columns * outputs + 5 * columns + 4 * outputs) + (1 << 12);
}
