#include "engines/search/gp.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/search/descent.h"
#include "storage/base/mem.h"

#define ROOT_FIVE 2.23606797749978969641
#define FIT_CALLS 60
/* Bounds of theta, and the priors: normal in the logarithm. Distances grow with the number of axes, so lengths are expected to, too
 * (Hvarfner, Hellsten and Nardi, ICML 2024). */
#define WEIGHT_LOW -9.2      /* length 100: the axis does not matter */
#define WEIGHT_HIGH 9.2      /* length 0.01 */
#define WEIGHT_MIDDLE 2.4    /* length 0.3, with three axes */
#define SIGNAL_LOW -4.6
#define SIGNAL_HIGH 6.9
#define SIGNAL_DEVIATION 1
#define NOISE_LOW -16.1      /* 1e-7 of a variance of 1: keeps the matrix regular */
#define NOISE_HIGH 0.7
#define NOISE_DEVIATION 2
static const double weight_deviation[] = {[GP_SHARP] = 1.5, [GP_SMOOTH] = 0.8}, noise_middle[] = {[GP_SHARP] = -11, [GP_SMOOTH] = -6};

int gp_begin_single(void)
{
	int threads = openblas_get_num_threads();

	openblas_set_num_threads(1);
	return threads;
}

void gp_end_single(int threads)
{
	openblas_set_num_threads(threads);
}

void gp_init(struct gp *gp, const struct space *space, size_t room)
{
	size_t axes = space_axes(space);

	*gp = (struct gp){.space = space, .axes = axes, .room = room};
	gp->first = mem_must(axes + 1, sizeof(*gp->first));
	for (size_t a = 0; a < axes; a++)
		gp->first[a + 1] = gp->first[a] + (space_axis(space, a)->kind == SPACE_CHOICE ? space_axis(space, a)->choice_count : 1);
	gp->width = gp->first[axes];
	gp->x = mem_must(room * gp->width + 1, sizeof(double));
	gp->y = mem_must(room + 1, sizeof(double));
	gp->theta = mem_must(axes + 2, sizeof(double));
	gp->factor = mem_must(room * room, sizeof(double));
	gp->alpha = mem_must(room, sizeof(double));
	gp->scratch = mem_must(room * room + 4 * room + gp->width, sizeof(double));
	gp->squares = mem_must(room * room * (axes + 1), sizeof(double));
}

void gp_release(struct gp *gp)
{
	free(gp->first);
	free(gp->x);
	free(gp->y);
	free(gp->theta);
	free(gp->factor);
	free(gp->alpha);
	free(gp->scratch);
	free(gp->squares);
	*gp = (struct gp){0};
}

void gp_features(const struct gp *gp, const double *fractions, const uint64_t *digits, double *out)
{
	for (size_t a = 0; a < gp->axes; a++) {
		if (space_axis(gp->space, a)->kind != SPACE_CHOICE) {
			out[gp->first[a]] = digits[a] == SPACE_ABSENT ? 0.5 : fractions[a];
			continue;
		}
		for (size_t f = gp->first[a]; f < gp->first[a + 1]; f++)
			out[f] = digits[a] == f - gp->first[a] ? 0.70710678118654752440 : 0;
	}
}

void gp_add(struct gp *gp, const double *features, double y)
{
	if (gp->count == gp->room)
		orch_bug("%zu observations are all there is room for", gp->room);
	memcpy(gp->x + gp->count * gp->width, features, gp->width * sizeof(*features));
	gp->y[gp->count++] = y;
}

/* --- kernel --- */

/* Of a squared scaled distance, for signal 1; *slope: its derivative by the squared distance. */
static double matern(double squared, double *slope)
{
	double r = ROOT_FIVE * sqrt(squared), decay = exp(-r);

	*slope = -5.0 / 6 * (1 + r) * decay;
	return (1 + r + r * r / 3) * decay;
}

static double axis_square(const struct gp *gp, size_t axis, const double *a, const double *b)
{
	double sum = 0;

	for (size_t f = gp->first[axis]; f < gp->first[axis + 1]; f++)
		sum += (a[f] - b[f]) * (a[f] - b[f]);
	return sum;
}

/* Squared distances of all pairs below the diagonal: [axis][i * count + j], j < i. */
static void measure(struct gp *gp)
{
	size_t n = gp->count;

	for (size_t a = 0; a < gp->axes; a++)
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < i; j++)
				gp->squares[(a * n + i) * n + j] = axis_square(gp, a, gp->x + i * gp->width, gp->x + j * gp->width);
}

/* The kernel matrix into factor (lower, column-major) and, unless NULL, its slopes by the squared distance (row-major, lower). */
static void fill(struct gp *gp, const double *theta, double *slopes)
{
	size_t n = gp->count;
	double signal = exp(theta[gp->axes]), noise = exp(theta[gp->axes + 1]), slope;

	double *weights = gp->scratch + gp->room * gp->room + 2 * gp->room;

	for (size_t a = 0; a < gp->axes; a++)
		weights[a] = exp(theta[a]);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			double squared = 0;

			for (size_t a = 0; a < gp->axes; a++)
				squared += weights[a] * gp->squares[(a * n + i) * n + j];
			gp->factor[j * n + i] = signal * matern(squared, &slope);
			if (slopes)
				slopes[i * n + j] = signal * slope;
		}
		gp->factor[i * n + i] = signal + noise;
	}
}

static bool factor(struct gp *gp)
{
	lapack_int n = (lapack_int)gp->count;

	if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', n, gp->factor, n) != 0)
		return false;
	memcpy(gp->alpha, gp->y, gp->count * sizeof(double));
	return LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', n, 1, gp->factor, n, gp->alpha, n) == 0;
}

bool gp_condition(struct gp *gp)
{
	if (gp->count == 0)
		return true;
	measure(gp);
	fill(gp, gp->theta, NULL);
	return factor(gp);
}

/* --- fitting --- */

/* What a parameter is thought to be before the data: normal with this middle and deviation. */
static void prior_of(const struct gp *gp, size_t parameter, double *middle, double *deviation)
{
	if (parameter < gp->axes) {
		*middle = WEIGHT_MIDDLE - log((double)gp->axes / 3);
		*deviation = weight_deviation[gp->prior];
	} else if (parameter == gp->axes) {
		*middle = 0;
		*deviation = SIGNAL_DEVIATION;
	} else {
		*middle = noise_middle[gp->prior];
		*deviation = NOISE_DEVIATION;
	}
}

/* Minus the logarithm of likelihood times prior, without constants. */
static double unlikelihood(void *context, const double *theta, double *gradient)
{
	struct gp *gp = context;
	size_t n = gp->count;
	double *slopes = gp->scratch, value = 0, trace = 0, all = 0;

	fill(gp, theta, slopes);
	if (!factor(gp))
		return INFINITY;
	for (size_t i = 0; i < n; i++)
		value += 0.5 * gp->y[i] * gp->alpha[i] + log(gp->factor[i * n + i]);
	if (LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', (lapack_int)n, gp->factor, (lapack_int)n) != 0)
		return INFINITY;
	memset(gradient, 0, (gp->axes + 2) * sizeof(*gradient));
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++)
			slopes[i * n + j] *= gp->factor[j * n + i] - gp->alpha[i] * gp->alpha[j];
		trace += gp->factor[i * n + i] - gp->alpha[i] * gp->alpha[i];
		all += gp->y[i] * gp->alpha[i];
	}
	for (size_t a = 0; a < gp->axes; a++) {
		for (size_t i = 0; i < n; i++)
			gradient[a] += cblas_ddot((int)i, slopes + i * n, 1, gp->squares + (a * n + i) * n, 1);
		gradient[a] *= exp(theta[a]);
	}
	/* the kernel matrix is signal times a correlation, and noise: tr(A K) = n - y'alpha */
	gradient[gp->axes + 1] = 0.5 * exp(theta[gp->axes + 1]) * trace;
	gradient[gp->axes] = 0.5 * ((double)n - all) - gradient[gp->axes + 1];
	for (size_t k = 0; k < gp->axes + 2; k++) {
		double middle, deviation;

		prior_of(gp, k, &middle, &deviation);
		value += 0.5 * pow((theta[k] - middle) / deviation, 2);
		gradient[k] += (theta[k] - middle) / (deviation * deviation);
	}
	return value;
}

static void bounds(const struct gp *gp, double *low, double *high)
{
	for (size_t k = 0; k < gp->axes + 2; k++) {
		low[k] = k < gp->axes ? WEIGHT_LOW : k == gp->axes ? SIGNAL_LOW : NOISE_LOW;
		high[k] = k < gp->axes ? WEIGHT_HIGH : k == gp->axes ? SIGNAL_HIGH : NOISE_HIGH;
	}
}

bool gp_fit(struct gp *gp, enum gp_prior prior)
{
	static const double starts[][3] = {{0, 0, 0}, {2.5, 0, 4}}; /* off the priors' middles: weights, signal, noise */
	size_t count = gp->axes + 2;
	double *low = mem_must(3 * count + descent_room(count), sizeof(*low)), *high = low + count, *theta = high + count, best = INFINITY;

	gp->prior = prior;
	bounds(gp, low, high);
	measure(gp);
	for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
		double value, middle, deviation;

		for (size_t k = 0; k < count; k++) {
			prior_of(gp, k, &middle, &deviation);
			theta[k] = fmin(high[k], fmax(low[k], middle + starts[s][k < gp->axes ? 0 : k - gp->axes + 1]));
		}
		value = gp->count ? descent_run(unlikelihood, gp, count, low, high, FIT_CALLS, theta, theta + count) : 0;
		if (s > 0 && !(value < best))
			continue;
		best = value;
		memcpy(gp->theta, theta, count * sizeof(*theta));
	}
	free(low);
	return gp_condition(gp);
}

/* --- prediction --- */

void gp_predict(const struct gp *gp, const double *features, double *mean, double *variance, double *mean_gradient, double *variance_gradient)
{
	int n = (int)gp->count;
	double *k = gp->scratch, *v = k + n, *slopes = v + n, *weights = gp->scratch + gp->room * gp->room + 2 * gp->room;
	double signal = exp(gp->theta[gp->axes]);

	for (size_t a = 0; a < gp->axes; a++)
		weights[a] = exp(gp->theta[a]);
	for (int i = 0; i < n; i++) {
		const double *row = gp->x + (size_t)i * gp->width;
		double squared = 0;

		for (size_t a = 0; a < gp->axes; a++)
			squared += weights[a] * axis_square(gp, a, features, row);
		v[i] = k[i] = signal * matern(squared, &slopes[i]);
		slopes[i] *= 2 * signal;
	}
	*mean = cblas_ddot(n, k, 1, gp->alpha, 1);
	cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, gp->factor, n, v, 1);
	*variance = fmax(1e-12 * signal, signal - cblas_ddot(n, v, 1, v, 1));
	if (!mean_gradient)
		return;
	cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, n, gp->factor, n, v, 1);
	memset(mean_gradient, 0, gp->width * sizeof(double));
	memset(variance_gradient, 0, gp->width * sizeof(double));
	for (int i = 0; i < n; i++)
		for (size_t a = 0; a < gp->axes; a++)
			for (size_t f = gp->first[a]; f < gp->first[a + 1]; f++) {
				double towards = slopes[i] * weights[a] * (features[f] - gp->x[(size_t)i * gp->width + f]);

				mean_gradient[f] += gp->alpha[i] * towards;
				variance_gradient[f] -= 2 * v[i] * towards;
			}
}
