/* plot: the table of static plots. Each draws one picture from what engines computed and storage keeps; none computes a statistic.
 * A round has its plots in 08_plots/NAME.svg, a campaign its own (scope campaign) in report/plots/NAME.svg; a plot that has nothing to show for
 * this task or these settings has no file. For pages: plot_table gives order, title and caption; a plot is there when its file is.
 * SVGs follow light and dark by themselves; a page that has a switch sets the CSS variables --plot-ink, -text, -muted, -axis, -grid, -pale and
 * -strong on an ancestor of svg.orch-plot. Adding a plot is a function in a file plot_*.c and a line in plot_table.c. */
#ifndef REPORTS_PLOT_H
#define REPORTS_PLOT_H

#include <jansson.h>

#include "reports/csv_table.h"
#include "reports/gnuplot.h"

enum plot_scope { PLOT_ROUND, PLOT_CAMPAIGN };
enum plot_need { /* bits: the parts of a round that must be written before */
	PLOT_NEEDS_SEARCH = 1,      /* 01_hpo, 02_hpo_analysis */
	PLOT_NEEDS_BASELINE = 2,    /* 03_baseline */
	PLOT_NEEDS_LOFO = 4,        /* 04_lofo */
	PLOT_NEEDS_DIAGNOSTICS = 8, /* 07_diagnostics */
	PLOT_NEEDS_ROUNDS = 16,     /* whole rounds: scope campaign only */
	PLOT_NEEDS_STABILITY = 32   /* 09_stability */
};
struct plot_source {
	const char *folder;   /* of the round (finished or under way); of the campaign for scope campaign */
	unsigned round;
};
struct plot {
	const char *name, *title, *caption; /* name: of the file; caption: how to read it, a sentence */
	enum plot_scope scope;
	unsigned needs;
	double width, height;
	/* Draws into an empty figure. ORCH_EMISSING: nothing to show here, no picture. */
	int (*draw)(const struct plot_source *source, struct figure *figure, struct orch_err *err);
};
extern const struct plot plot_table[]; /* name NULL ends it */
extern const unsigned plot_count;
const struct plot *plot_find(const char *name);

/* The picture's bytes, malloc'd; *bytes NULL when there is nothing to show (that is no error). */
int plot_draw(const struct plot *plot, const struct plot_source *source, enum gnuplot_format format, char **bytes, size_t *length, struct orch_err *err);
/* Redraws every campaign plot into CAMPAIGN/report/plots. Derived: it may be done again at any time. */
int plot_campaign(const char *campaign, struct orch_err *err);

/* ---- for plot_*.c: what a source has. ORCH_EMISSING when a file is not there. ---- */
int plot_read_json(const struct plot_source *source, const char *name, json_t **out, struct orch_err *err);
int plot_read_csv(const struct plot_source *source, const char *name, struct csv_table *out, struct orch_err *err);
/* The trials of the search, or where they are very many a part of them (the best and a sample, orchestrator/shown_trials.h); *total: all there are. */
int plot_read_trials(const struct plot_source *source, struct csv_table *out, size_t *total, struct orch_err *err);
/* "; 20,000 are drawn, the best among them" where not all are there; appended. */
void plot_say_part(struct text_buf *out, size_t shown, size_t total);
double plot_cell(const struct csv_table *table, size_t row, const char *column); /* NaN when missing */
/* Numbers of an array (null: NaN); malloc'd, *count its length. */
double *plot_numbers(const json_t *array, size_t *count);
/* ORCH_EMISSING, quietly. */
int plot_nothing(struct orch_err *err);
void plot_range(const double *values, size_t count, double *low, double *high); /* widens *low, *high by the finite ones */

#endif
