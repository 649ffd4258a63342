#include "orchestrator/batching.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/mem.h"

#define GROWTH 4 /* a message is at most so many times as large as the one before it: one quick task says little about the others */

static double clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

uint64_t batching_size(uint64_t base, double memory_mb, double units, uint64_t rows)
{
	double size = (double)base * clamp(memory_mb / 1024, 0.1, 1) * clamp(units, 0.1, 1);
	uint64_t whole = size < 16 ? 16 : (uint64_t)size;

	return whole < rows ? whole : rows;
}

void batching_init(struct batching *batching, double memory_mb, double units, unsigned workers, unsigned fixed)
{
	*batching = (struct batching){.most = batching_size(BATCHING_BASE, memory_mb, units, UINT64_MAX), .workers = workers ? workers : 1, .fixed = fixed};
}

void batching_release(struct batching *batching)
{
	free(batching->singles);
	batching->singles = NULL;
}

uint64_t batching_next(const struct batching *batching, unsigned stage, uint64_t left)
{
	double each = batching->seconds[stage];
	uint64_t share = left / (2 * (uint64_t)batching->workers), size;

	if (batching->fixed || !(each > 0))
		return batching->fixed ? batching->fixed : 1;
	size = BATCHING_SECONDS / each < (double)batching->most ? (uint64_t)(BATCHING_SECONDS / each) : batching->most;
	if (size > GROWTH * batching->last[stage])
		size = GROWTH * batching->last[stage];
	if (size > share)
		size = share;
	return size ? size : 1;
}

/* Longer ones count at once, shorter ones little by little: a message that is too large holds up more than one that is too small. */
void batching_note(struct batching *batching, unsigned stage, unsigned parts, double seconds)
{
	double each = seconds / (parts ? parts : 1), *known = &batching->seconds[stage];

	each = each > 1e-9 ? each : 1e-9;
	*known = *known > each ? 0.5 * *known + 0.5 * each : each;
	batching->last[stage] = parts ? parts : 1;
}

void batching_alone(struct batching *batching, unsigned stage, uint64_t number, unsigned attempt)
{
	if (batching->single_count == batching->single_capacity) {
		size_t capacity = batching->single_capacity ? 2 * batching->single_capacity : 64;
		struct batching_single *grown = mem_array_grow(batching->singles, capacity, sizeof *grown);

		if (!grown)
			orch_bug("out of memory for tasks that are given again");
		batching->singles = grown;
		batching->single_capacity = capacity;
	}
	batching->singles[batching->single_count++] = (struct batching_single){.stage = stage, .number = number, .attempt = attempt};
}

bool batching_take_single(struct batching *batching, struct batching_single *out)
{
	if (!batching->single_count)
		return false;
	*out = batching->singles[0];
	batching->single_count--;
	memmove(batching->singles, batching->singles + 1, batching->single_count * sizeof *batching->singles);
	return true;
}
