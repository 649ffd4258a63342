#include "reports/stage_cost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/text.h"

/* Telemetry may have a million lines: its fields are found, not parsed. */
static double field(const char *line, const char *end, const char *name)
{
	const char *at = memmem(line, (size_t)(end - line), name, strlen(name));

	return at ? strtod(at + strlen(name), NULL) : NAN;
}

static void take_line(const char *line, const char *end, struct stage_cost *costs, size_t *count)
{
	static const char key[] = "\"stage\":\"";
	const char *stage = memmem(line, (size_t)(end - line), key, sizeof key - 1), *close;
	char name[48];
	size_t i;
	double seconds, memory;

	if (!stage)
		return;
	stage += sizeof key - 1;
	close = memchr(stage, '"', (size_t)(end - stage));
	if (!close || close - stage >= (long)sizeof name)
		return;
	memcpy(name, stage, (size_t)(close - stage));
	name[close - stage] = '\0';
	for (i = 0; i < *count && strcmp(costs[i].stage, name);)
		i++;
	if (i == STAGE_COSTS_MAX)
		return;
	if (i == *count)
		memcpy(costs[(*count)++].stage, name, sizeof name);
	seconds = field(line, end, "\"seconds\":");
	memory = fmax(field(line, end, "\"peak_rss\":"), field(line, end, "\"rss_after\":"));
	costs[i].tasks++;
	costs[i].seconds += isfinite(seconds) ? seconds : 0;
	costs[i].memory = memory > costs[i].memory ? memory : costs[i].memory;
}

static int by_stage(const void *a, const void *b)
{
	return strcmp(((const struct stage_cost *)a)->stage, ((const struct stage_cost *)b)->stage);
}

int stage_costs(const char *campaign, struct stage_cost costs[STAGE_COSTS_MAX], size_t *count, struct orch_err *err)
{
	char *folder = file_join(campaign, "telemetry");
	struct file_list list = {0};
	int code = file_list_folder(folder, &list, err);

	*count = 0;
	for (size_t i = 0; i < list.count && !code; i++) {
		char *path = file_join(folder, list.names[i]), *text = NULL;
		size_t length;

		code = file_read(path, 0, &text, &length, err);
		for (const char *line = text, *end; !code && (end = strchr(line, '\n')); line = end + 1)
			take_line(line, end, costs, count);
		free(text);
		free(path);
	}
	qsort(costs, *count, sizeof *costs, by_stage);
	file_list_release(&list);
	free(folder);
	return code;
}
