/* fake: the engine for tests and fault drills. It trains nothing; what its predictions are worth is known in advance,
 * so LOFO, RFE and HPO over it have a known truth, and `behave` makes a fit fail in every way a fit can fail.
 *
 * Every fit has an error size
 *     s = 0.1 + (x - 0.3)^2 + (y - 0.7)^2 + 1 / (1 + U),   U = max(0, sum of fake_use(id) over the features kept)
 * (kept: in data->features and not left out; the sum runs in the order of data->features). Ids count from 0:
 *     fake_use(id) = 1 / (1 + id / 2)  for even ids (0: 1, 2: 0.5, 4: 0.33...),
 *                    0                 for id % 4 == 1 (useless: leaving it out changes nothing at all),
 *                    -0.05             for id % 4 == 3 (harmful: leaving it out is a gain, as long as U > 0).
 * Regression: prediction = truth + s * fake_noise(seed, row, output), |noise| in [0.9, 1.1), either sign: RMSE and MAE
 * are about s, and two fits that differ in s only differ in every fold by a constant factor. Classification:
 * probability of the true class u^s, u in (0, 1) a hash of (seed, row); the other classes share the rest equally. The
 * mean log loss is about s; accuracy and AUC fall as s grows. Model: {"engine":"fake","error":s,"features":[ids kept]}.
 *
 * behave: ok; fail: ORCH_EFIT with a text; crash: SIGSEGV; abort; hang: sleeps for ever; slow: sleeps `seconds`, then
 * ok; leak: keeps `megabytes` after the task; hog: touches more and more memory until killed - or, with megabytes > 0,
 * so many, held during the fit and given back; nan, inf: one prediction is not finite; garbage: rubbish on stdout
 * before the answer, its last line unfinished; flaky: crashes in attempt 0, ok afterwards. */
#ifndef ENGINES_MODEL_FAKE_H
#define ENGINES_MODEL_FAKE_H

#include <stddef.h>
#include <stdint.h>

double fake_use(uint32_t feature_id);
double fake_error_size(double x, double y, const uint32_t *kept_ids, size_t count);
double fake_noise(uint64_t seed, uint32_t row, unsigned output);

#endif
