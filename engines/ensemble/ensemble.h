/* ensemble: one prediction out of those of several members. Pure numbers; members are in order, the better one first, and are summed in that order.
 * Shapes are those of engines: column-major, value of column c at row i is [c * n + i]; a column is a target, the sine or cosine of an angle, or the
 * probability of a class. A NaN of any member makes the value NaN (average) or leaves the member without a voice in that row (vote).
 * Source: Breiman, Machine Learning 24 (1996) 123 (both ways of combining). */
#ifndef ENGINES_ENSEMBLE_ENSEMBLE_H
#define ENGINES_ENSEMBLE_ENSEMBLE_H

#include <stddef.h>

/* out[n]: mean over members; count > 0. out may be one of the members. Of an angle the columns are averaged, not the degrees: 359 and 1 give 0. */
void ensemble_average(const double *const *members, size_t count, size_t n, double *out);
/* Each member votes for its most probable class (ties: the lower one). code[rows]: the class with most votes; of classes with as many, the one that the
 * best member voted for; NaN where nobody votes. share[rows x classes]: share of the votes. probability: count members of rows x classes. */
void ensemble_vote(const double *const *probability, size_t count, size_t rows, unsigned classes, double *code, double *share);

#endif
