/* gp: a Gaussian process over the configurations of a space: what a score is likely to be, and how sure that is.
 *
 * Kernel: Matern 5/2 with a length for each axis (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, 4.2), signal and
 * noise variances. A range is one feature, its fraction of [0, 1); a list is one feature for each value, so that all different values
 * are equally far apart; an absent axis lies in the middle (none of a list's values). The mean is 0: values should be standardised.
 * Lengths and variances maximise the marginal likelihood times a prior, from fixed starts, so that they are a function of the data.
 *
 * init -> add* -> fit -> (predict | add, condition)* -> release. One thread. OpenBLAS must run on one thread if the bits shall not
 * depend on the number of cores: gp_begin_single and gp_end_single do that around calls of fit, condition and predict. */
#ifndef ENGINES_SEARCH_GP_H
#define ENGINES_SEARCH_GP_H

#include "engines/search/configuration.h"

/* Two priors: one lets every axis have a length of its own and expects hardly any noise, the other expects a smooth function and takes what
 * does not fit as noise. Which is right shows late, so a sampler uses both. */
enum gp_prior { GP_SHARP, GP_SMOOTH };
struct gp {
	const struct space *space;
	size_t axes, width, count, room;
	size_t *first;   /* of an axis: its first feature; axes + 1 */
	double *x, *y;   /* room x width; room */
	double *theta;   /* axes + 2: log of 1 / length^2 of each axis, of the signal's and of the noise's variance */
	double *factor;  /* count x count, lower, column-major: Cholesky factor of the kernel matrix */
	double *alpha;   /* its inverse times y */
	enum gp_prior prior;
	double *scratch, *squares; /* private */
};
void gp_init(struct gp *gp, const struct space *space, size_t room);
void gp_release(struct gp *gp);
/* fractions and digits: of a configuration; out: width. */
void gp_features(const struct gp *gp, const double *fractions, const uint64_t *digits, double *out);
void gp_add(struct gp *gp, const double *features, double y);
/* Chooses theta and conditions. false only when the matrix cannot be factored, which the noise's least value prevents. */
bool gp_fit(struct gp *gp, enum gp_prior prior);
bool gp_condition(struct gp *gp); /* with the theta there is, after more adds */
/* Mean and variance of the value without noise; gradients by feature (width each) or both NULL. */
void gp_predict(const struct gp *gp, const double *features, double *mean, double *variance, double *mean_gradient, double *variance_gradient);

int gp_begin_single(void); /* returns what gp_end_single needs */
void gp_end_single(int threads);

#endif
