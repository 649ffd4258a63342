/* campaign: one campaign from its folder: opened under the lock, checked, run round by round until done.
 *
 *   state      on disk                                              next
 *   planned    folder published, no round                           round 0
 *   running    .round_NNN.work, ledger rows                         its stages, then commit
 *   published  round_NNN by one rename (the commit point)           ledger row, bundle, provenance, summary (all derived, idempotent)
 *   done       last round's decision drops nothing                  summary's choice, report
 *   paused     as running, but there is no room to write            running, when there is
 *
 * Invariants
 *  1. A fit is finished when its ledger transaction is committed; a round when its folder has its final name.
 *  2. The ledger never names a round whose folder is not there and whole; the other way round is mended by resume.
 *  3. What a stage writes depends on spec, data, ledger and earlier stages only.
 *  4. Every derived thing can be made again at any time: doing it twice gives the same bytes.
 * One thread, one process at a time (the lock). */
#ifndef ORCHESTRATOR_CAMPAIGN_H
#define ORCHESTRATOR_CAMPAIGN_H

#include <stdbool.h>

#include "orchestrator/eta.h"
#include "orchestrator/plan.h"
#include "orchestrator/scheduler.h"
#include "orchestrator/spec.h"
#include "orchestrator/study.h"
#include "storage/campaign_dir.h"
#include "storage/event_log.h"
#include "storage/ledger.h"

struct display;
struct campaign {
	struct spec *spec;
	json_t *info; /* campaign.json */
	struct campaign_dir *dir;
	struct ledger *ledger;
	struct event_log *progress, *telemetry;
	struct study *study;
	struct scheduler *scheduler;
	struct plan plan;
	struct display *display; /* borrowed */
	struct text_buf kept;    /* what resume kept, does again and why: lines for people */
	size_t kept_said;        /* bytes of it that campaign_say_kept has shown */
	double started_wall, started;
	double report_next;      /* monotonic: report/ is not renewed before */
	/* progress of the whole run, for status */
	int64_t trials_done, trials_failed, trials_pruned, fits_done, fits_failed;
	uint64_t memory_peak;
	struct eta_rate rates[ETA_STAGES];
	unsigned rounds_done;
	/* of the last pause for want of room (campaign_pause.c) */
	double look_seconds;
	int64_t finished_before;
};
struct campaign_options {
	bool allow_large;   /* go above limits */
	bool allow_drift;   /* data, spec or version may differ from what the campaign was started with; recorded */
	bool redo_damaged;  /* set damaged rounds aside, and restore them from their bundles or do them again; copy a damaged ledger */
	const char *dir;    /* folder, or NULL: the spec's name beside the spec */
};
/* Prepare data, plan, check limits, create the folder, open everything. spec is taken on success only. */
int campaign_create(struct spec *spec, const struct campaign_options *options, struct display *display, struct campaign **out,
                    struct orch_err *err);
/* Open an existing one for going on: lock, verify, compare with the spec file and the data. */
int campaign_open(const char *path, const struct campaign_options *options, struct display *display, struct campaign **out,
                  struct orch_err *err);
/* 0: done; ORCH_ESTOPPED: resumable; else failed. State and summary are written in any case. */
int campaign_run(struct campaign *campaign, struct orch_err *err);
void campaign_close(struct campaign *campaign);
/* For mending what is derived (verify --rebuild): lock, spec, ledger, logs, and the study where its data can still be had (else NULL). A
 * damaged ledger is copied into a new one. Nothing is compared with the spec file or the data, nothing can be run. */
int campaign_open_stored(const char *path, struct campaign **out, struct orch_err *err);

/* --- parts, shared by campaign*.c --- */
/* Did a run end for want of room (full disk, quota, read-only file system)? */
bool campaign_out_of_room(int code, const struct orch_err *err);
/* Waits until there is room, then opens again what was open. err holds why, and what is returned: 0: go on with the rounds; ORCH_ESTOPPED; the code of why
 * when resources.pause is over; else what opening again met. */
int campaign_pause(struct campaign *campaign, struct orch_err *err);
/* Ledger, logs and scheduler, opened again by the process that holds the lock. distrust: what the ledger last wrote may not be there. */
int campaign_reopen(struct campaign *campaign, bool distrust, struct orch_err *err);
int campaign_event(struct campaign *campaign, const char *event, json_t *take_fields, struct orch_err *err);
void campaign_say_kept(struct campaign *campaign); /* shows new lines of kept */
int campaign_write_summary(struct campaign *campaign, unsigned rounds, bool done, struct orch_err *err);
char *campaign_round_path(const struct campaign *campaign, unsigned round); /* rounds/round_NNN, malloc'd */
/* Adds to the totals the fits of a committed stage, which are not looked at one by one any more. round_folder: where the stage lies. */
int campaign_count_stage(struct campaign *campaign, const char *round_folder, unsigned round, unsigned stage, struct orch_err *err);
/* Everything derived from a published round: ledger row, bundle, provenance, summary. Idempotent. */
int campaign_seal_round(struct campaign *campaign, unsigned round, struct orch_err *err);
/* Runs one round to its publication (or finds it published). *next: features of the next round, or NULL when this was the last. */
int campaign_round(struct campaign *campaign, unsigned round, const json_t *features, struct orch_err *err);
/* After a published round: the next feature set (new reference), NULL when it was the last. */
int campaign_next_features(struct campaign *campaign, unsigned round, json_t **next, struct orch_err *err);
/* summary.json from the published rounds; chosen round by the spec's rule. done: the campaign is over. */
int campaign_summary(const struct campaign *campaign, unsigned rounds, bool done, json_t **out, struct orch_err *err);

#endif
