#include "engines/search/sampler.h"

#include <string.h>

const struct sampler *const sampler_table[] = {&sampler_grid, &sampler_random, &sampler_sobol, &sampler_tpe, &sampler_gp, NULL};

const struct sampler *sampler_find(const char *name)
{
	for (size_t i = 0; sampler_table[i]; i++)
		if (strcmp(sampler_table[i]->name, name) == 0)
			return sampler_table[i];
	return NULL;
}
