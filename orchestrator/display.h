/* display: what a person sees while a campaign runs, on stderr. On a terminal one block of lines is redrawn in place (and the window title
 * set); elsewhere one timestamped line per stage or minute, no escapes. NO_COLOR and -q are honoured. It also keeps status.json, replaced
 * atomically at most twice a second, from which `orch status` reads. One thread. */
#ifndef ORCHESTRATOR_DISPLAY_H
#define ORCHESTRATOR_DISPLAY_H

#include <stdbool.h>

#include "orchestrator/campaign.h"

struct display;
struct display_stage { /* the stage with fits under way */
	const char *name, *title;
	uint64_t done, total, failed;
	double started;   /* monotonic */
	uint64_t done_at_start;
};
struct display *display_open(bool quiet);
void display_close(struct display *display);
/* A line for people that stays ("data: 53,940 rows ..."). */
void display_line(struct display *display, const char *format, ...) __attribute__((format(printf, 2, 3)));
void display_round(struct display *display, unsigned round, unsigned rounds_at_most, size_t features);
void display_stage(struct display *display, const struct display_stage *stage); /* progress of a stage; first call announces it */
void display_stage_end(struct display *display, const char *name, const char *text);
/* model: its name where there are several, else NULL. */
void display_best(struct display *display, const char *metric, double score, int64_t trial, const char *model, const char *params);
/* Fits of the rest of the campaign, for the estimate: seconds low and high; NaN unknown. */
void display_eta(struct display *display, double low, double high);
void display_tick(struct display *display, struct campaign *campaign); /* redraw, write status.json, log the minute */
void display_status_file(struct display *display, struct campaign *campaign, const char *state); /* now */

#endif
