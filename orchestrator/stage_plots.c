/* 08_plots: every plot of the round as SVG, one part and one gnuplot each, drawn as soon as the stages that a plot looks at are there. */
#include <stdlib.h>

#include "orchestrator/stage.h"
#include "reports/plot.h"
#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

#define BIT(stage) (1u << (stage))

static const struct plot *round_plot(unsigned part)
{
	for (const struct plot *plot = plot_table; plot->name; plot++)
		if (plot->scope == PLOT_ROUND && part-- == 0)
			return plot;
	orch_bug("there is no such plot");
}

static unsigned count(void)
{
	unsigned n = 0;

	for (const struct plot *plot = plot_table; plot->name; plot++)
		n += plot->scope == PLOT_ROUND;
	return n;
}

static unsigned after(unsigned part)
{
	unsigned needs = round_plot(part)->needs, stages = 0;

	if (needs & PLOT_NEEDS_SEARCH)
		stages |= BIT(STAGE_HPO) | BIT(STAGE_HPO_ANALYSIS);
	if (needs & PLOT_NEEDS_BASELINE)
		stages |= BIT(STAGE_BASELINE);
	if (needs & PLOT_NEEDS_LOFO)
		stages |= BIT(STAGE_LOFO);
	if (needs & PLOT_NEEDS_DIAGNOSTICS)
		stages |= BIT(STAGE_DIAGNOSTICS);
	if (needs & PLOT_NEEDS_STABILITY)
		stages |= BIT(STAGE_STABILITY);
	return stages;
}

const struct stage_parts stage_plots_parts = {count, after};

int stage_plots_write(const struct stage_context *context, struct orch_err *err)
{
	const struct plot *plot = round_plot(context->part);
	const struct plot_source source = {.folder = context->work, .round = context->round};
	char *bytes = NULL, *name = text_format("%s.svg", plot->name), *path = stage_part_path(context, name, err);
	size_t length = 0;
	int code = path ? plot_draw(plot, &source, GNUPLOT_SVG, &bytes, &length, err) : ORCH_EIO;

	if (!code && bytes)
		code = file_write_new(path, bytes, length, err);
	free(bytes);
	free(name);
	free(path);
	return code;
}
