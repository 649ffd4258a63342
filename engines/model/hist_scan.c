/* See hist_scan.h. */
#include "engines/model/hist_scan.h"

#include <float.h>
#include <string.h>

#define HIST_WIDE __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))

static inline double hist_shrunk(double grad, double alpha)
{
	double above = grad > alpha ? grad - alpha : 0;

	return grad < -alpha ? grad + alpha : above;
}

/* Squared and summed in double, divided in float: the library's way. */
static inline float hist_gain(double grad, double hess, double lambda, double alpha)
{
	double shrunk = hist_shrunk(grad, alpha);

	return (float)(shrunk * shrunk) / (float)(hess + lambda);
}

float hist_leaf_gain(const struct hist_params *params, hist_pair sum)
{
	return sum[1] <= 0 ? 0 : hist_gain(sum[0], sum[1], params->lambda, params->alpha);
}

float hist_leaf_weight(const struct hist_params *params, hist_pair sum)
{
	if (sum[1] < params->child || sum[1] <= 0)
		return 0;
	return (float)(-hist_shrunk(sum[0], params->alpha) / (sum[1] + params->lambda));
}

/* Gains over the parent of parting the sums so far from the rest, as the bits of a float: those of positive numbers are in
 * their order. 0: no gain, or a side is too small. Returns the largest. */
HIST_WIDE static int32_t hist_gains(const struct hist_params *params, const struct hist_parent *parent, struct hist_room *room, size_t count)
{
	const double all_grad = parent->sum[0], all_hess = parent->sum[1], least = params->child, lambda = params->lambda, alpha = params->alpha;
	const float own = parent->gain;
	int32_t most = 0;

	for (size_t i = 0; i < count; i++) {
		double hess = room->hess[i], rest = all_hess - hess;
		float gain = hist_gain(room->grad[i], hess, lambda, alpha) + hist_gain(all_grad - room->grad[i], rest, lambda, alpha) - own;
		int32_t bits;

		memcpy(&bits, &gain, sizeof(bits));
		bits = (hess >= least) & (rest >= least) & (gain > 0) & (gain <= FLT_MAX) ? bits : 0;
		room->gain[i] = bits;
		most = bits > most ? bits : most;
	}
	return most;
}

static float hist_float(int32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

void hist_scan(const struct hist_params *params, const hist_pair *hist, size_t bins, uint32_t column, const struct hist_parent *parent,
        struct hist_room *room, struct hist_split *best)
{
	hist_pair sum = {0, 0};
	int32_t most;

	for (size_t i = 0; i < bins; i++) { /* a parting after the last bin leaves nothing on the right */
		sum += hist[i];
		room->grad[i] = sum[0];
		room->hess[i] = sum[1];
	}
	most = hist_gains(params, parent, room, bins - 1);
	if (hist_float(most) > best->gain) {
		uint32_t at = 0;

		while (room->gain[at] != most)
			at++;
		*best = (struct hist_split){.gain = hist_float(most), .column = column, .bin = at + 1, .left = {room->grad[at], room->hess[at]}};
		best->right = parent->sum - best->left;
	}
	if (sum[0] == parent->sum[0] && sum[1] == parent->sum[1])
		return;
	sum = (hist_pair){0, 0};
	for (size_t i = 0; i + 1 < bins; i++) { /* from the last bin down to the second */
		sum += hist[bins - 1 - i];
		room->grad[i] = sum[0];
		room->hess[i] = sum[1];
	}
	most = hist_gains(params, parent, room, bins - 1);
	if (hist_float(most) > best->gain) {
		uint32_t at = 0;

		while (room->gain[at] != most)
			at++;
		*best = (struct hist_split){.gain = hist_float(most), .column = column, .bin = (uint32_t)bins - 1 - at, .missing_left = true,
		        .right = {room->grad[at], room->hess[at]}};
		best->left = parent->sum - best->right;
	}
}
