#include "orchestrator/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/process.h"
#include "storage/campaign_dir.h"
#include "storage/file_system.h"
#include "storage/ledger.h"

static json_t *read_object(const char *campaign, const char *name)
{
	char *path = file_join(campaign, name);
	json_t *object = NULL;

	if (!json_read_file(path, &object, NULL) && !json_is_object(object)) {
		json_decref(object);
		object = NULL;
	}
	free(path);
	return object;
}

/* ---- from the ledger, when status.json is not there ---- */

struct counting {
	unsigned rounds; /* published */
	int64_t trials, trials_failed;
};

static int count_round(void *context, const struct ledger_round *row, struct orch_err *err)
{
	struct counting *counting = context;

	(void)err;
	if (row->manifest_hash[0] && row->round + 1 > counting->rounds)
		counting->rounds = row->round + 1;
	return 0;
}

static int count_trial(void *context, const struct ledger_trial *row, struct orch_err *err)
{
	struct counting *counting = context;

	(void)err;
	counting->trials += row->state == LEDGER_DONE;
	counting->trials_failed += row->state == LEDGER_FAILED;
	return 0;
}

static int count_all(struct ledger *ledger, struct counting *counting, int64_t *done, int64_t *failed, struct orch_err *err)
{
	int code = ledger_each_round(ledger, count_round, counting, err);

	for (unsigned round = 0; round <= counting->rounds && !code; round++) {
		code = ledger_each_trial(ledger, round, count_trial, counting, err);
		for (unsigned s = 0; s < STAGE_COUNT && !code; s++) {
			int64_t some = 0, bad = 0;

			if (stage_table[s].has_fits)
				code = ledger_counts(ledger, round, stage_table[s].name, &some, &bad, err);
			*done += some;
			*failed += bad;
		}
	}
	return code;
}

/* Of the last of so many rounds; null: none. */
static json_t *best_of(const char *campaign, unsigned rounds)
{
	char *name = text_format("rounds/round_%03u/01_hpo/best.json", rounds ? rounds - 1 : 0);
	json_t *best = rounds ? read_object(campaign, name) : NULL, *out = NULL;

	if (best && json_get_int(best, "trial", -1) >= 0) {
		out = json_pack("{s:O?, s:O?, s:O?, s:O?}", "trial", json_object_get(best, "trial"), "metric", json_object_get(best, "metric"), "score",
		        json_object_get(best, "score"), "params", json_object_get(best, "searched"));
		if (json_object_get(best, "model_name"))
			json_object_set(out, "model", json_object_get(best, "model_name"));
	}
	json_decref(best);
	free(name);
	return out ? out : json_null();
}

static int from_ledger(const char *campaign, json_t **out, struct orch_err *err)
{
	char *path = file_join(campaign, "ledger.db");
	struct ledger *ledger = NULL;
	struct counting counting = {0};
	int64_t done = 0, failed = 0;
	json_t *info = read_object(campaign, "campaign.json");
	int code = ledger_open(path, LEDGER_READ, campaign_dir_needs_rollback_journal(campaign), &ledger, err);

	if (!code)
		code = count_all(ledger, &counting, &done, &failed, err);
	if (ledger)
		ledger_close(&ledger, NULL);
	if (!code)
		*out = json_pack("{s:i, s:s, s:s, s:i, s:i, s:n, s:[], s:{s:I, s:I, s:n}, s:{s:I, s:I, s:n}, s:o, s:n, s:[], s:n}", "version", STATUS_VERSION, "name",
		        json_get_text(info, "name", file_name(campaign)), "state", done + failed || counting.rounds ? "interrupted" : "planned", "round", (int)counting.rounds,
		        "rounds_done", (int)counting.rounds, "stage", "stages", "trials", "done", (json_int_t)counting.trials, "failed", (json_int_t)counting.trials_failed,
		        "total", "fits", "done", (json_int_t)done, "failed", (json_int_t)failed, "total", "best", best_of(campaign, counting.rounds), "eta", "workers", "memory");
	json_decref(info);
	free(path);
	return code;
}

/* ---- what is true now ---- */

static const char *state_now(const char *written, bool alive, bool elsewhere, bool done, bool paused)
{
	bool ended = !strcmp(written, "done") || !strcmp(written, "failed") || !strcmp(written, "interrupted");

	if (alive)
		return !strcmp(written, "done") ? "done" : paused ? "paused" : "running"; /* "interrupted" with a living holder: a resume that has just begun */
	if (elsewhere && !strcmp(written, "running"))
		return "running";
	if (done && !ended)
		return "done";
	return !strcmp(written, "running") ? "interrupted" : written;
}

static json_t *holder_json(const struct process_id *holder, bool alive, bool elsewhere)
{
	if (!holder->pid)
		return json_null();
	return json_pack("{s:i, s:s, s:o}", "pid", (int)holder->pid, "host", holder->host, "alive", elsewhere ? json_null() : json_boolean(alive));
}

static void no_work_under_way(json_t *status)
{
	json_object_set_new(status, "eta", json_null());
	json_object_set_new(status, "workers", json_array());
	json_object_set_new(status, "stage", json_null());
	json_object_set_new(status, "stages", json_array());
}

/* A campaign may end before all that was planned at most is done. */
static void set_total(json_t *count)
{
	if (json_is_object(count))
		json_object_set_new(count, "total", json_integer(json_get_int(count, "done", 0) + json_get_int(count, "failed", 0) + json_get_int(count, "pruned", 0)));
}

/* Of a finished campaign: the best is that of the chosen round, not of the last one. */
static void tell_end(const char *campaign, const json_t *summary, json_t *status)
{
	const json_t *chosen = json_object_get(summary, "chosen");
	json_t *best;

	set_total(json_object_get(status, "trials"));
	set_total(json_object_get(status, "fits"));
	if (!json_is_object(chosen))
		return;
	best = best_of(campaign, (unsigned)json_get_int(chosen, "round", 0) + 1);
	if (json_is_object(best)) {
		json_object_set(best, "round", json_object_get(chosen, "round"));
		json_object_set(best, "score", json_object_get(chosen, "score"));
		json_object_set(status, "best", best);
	}
	json_decref(best);
}

static void add_age(const char *campaign, json_t *status)
{
	char *path = file_join(campaign, "status.json");
	struct stat info;

	if (!stat(path, &info)) {
		double age = process_wall() - ((double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec);

		json_object_set_new(status, "age", json_real(age > 0 ? round(age * 10) / 10 : 0));
	} else {
		json_object_set_new(status, "age", json_null());
	}
	free(path);
}

int status_read(const char *campaign, json_t **out, struct orch_err *err)
{
	struct process_id holder = {0}, self;
	bool alive = false, elsewhere, running;
	json_t *status, *summary;
	const char *state;
	char *paused;
	int code = campaign_dir_holder(campaign, &holder, &alive, err);

	if (code)
		return code;
	status = read_object(campaign, "status.json");
	if (!status && (code = from_ledger(campaign, &status, err)))
		return code;
	process_self(&self);
	elsewhere = holder.pid && strcmp(holder.host, self.host);
	summary = read_object(campaign, "summary.json");
	paused = alive ? campaign_dir_paused(campaign) : NULL;
	if (alive && !paused && file_system_is_read_only(campaign)) /* then it could not even be said */
		paused = mem_text("the file system is read-only");
	state = state_now(json_get_text(status, "state", "interrupted"), alive, elsewhere, json_get_bool(summary, "done", 0), paused != NULL);
	json_object_set_new(status, "paused", paused ? json_string(paused) : json_null());
	free(paused);
	running = !strcmp(state, "running");
	json_object_set_new(status, "state", json_string(state)); /* state may have been the old value's own text: gone from here on */
	if (!running)
		no_work_under_way(status);
	if (!strcmp(json_get_text(status, "state", ""), "done"))
		tell_end(campaign, summary, status);
	json_object_del(status, "rates"); /* for resume only */
	json_object_set_new(status, "holder", holder_json(&holder, alive, elsewhere));
	json_object_set_new(status, "campaign", json_string_nocheck(campaign));
	add_age(campaign, status);
	json_object_set_new(status, "summary", summary ? summary : json_null());
	*out = status;
	return 0;
}

/* ---- for people ---- */

void status_head_line(const json_t *status, struct text_buf *out)
{
	const json_t *holder = json_object_get(status, "holder");
	const char *state = json_get_text(status, "state", "?"), *stage = json_get_text(status, "stage", NULL);
	json_int_t at_most = json_get_int(status, "rounds_at_most", 0);
	char number[TEXT_NUMBER_MAX];

	text_addf(out, "%s: %s", json_get_text(status, "name", "?"), state);
	if (!strcmp(state, "running")) {
		text_addf(out, ", round %lld", (long long)json_get_int(status, "round", 0));
		if (at_most)
			text_addf(out, " (at most %lld rounds)", (long long)at_most);
		if (stage)
			text_addf(out, ", %s", stage);
		text_addf(out, ", for %s", text_seconds(json_get_real(status, "elapsed", 0), number));
		text_addf(out, ", pid %lld", (long long)json_get_int(holder, "pid", 0));
		if (json_is_null(json_object_get(holder, "alive")))
			text_addf(out, " on host %s (seen from here it cannot be checked; last heard of %s ago)", json_get_text(holder, "host", "?"),
			        text_seconds(json_get_real(status, "age", 0), number));
	} else if (!strcmp(state, "paused")) {
		text_addf(out, ": %s; it goes on by itself when there is room (pid %lld)", json_get_text(status, "paused", "there is no room"),
		        (long long)json_get_int(holder, "pid", 0));
	} else if (!strcmp(state, "interrupted")) {
		text_addf(out, " after %lld finished round%s; nothing that was finished is lost", (long long)json_get_int(status, "rounds_done", 0),
		        json_get_int(status, "rounds_done", 0) == 1 ? "" : "s");
	} else if (!strcmp(state, "done")) {
		text_addf(out, ", %lld round%s", (long long)json_get_int(status, "rounds_done", 0), json_get_int(status, "rounds_done", 0) == 1 ? "" : "s");
	}
	text_add(out, "\n");
}

void status_count_line(const json_t *status, const char *key, struct text_buf *out)
{
	const json_t *object = json_object_get(status, key), *total = json_object_get(object, "total");
	json_int_t done = json_get_int(object, "done", 0), failed = json_get_int(object, "failed", 0);
	char a[TEXT_NUMBER_MAX];

	if (!object)
		return;
	text_addf(out, "  %-10s %s done", key, text_count(done, a));
	if (failed)
		text_addf(out, ", %s failed", text_count(failed, a));
	if (json_get_int(object, "pruned", 0))
		text_addf(out, ", %s pruned", text_count(json_get_int(object, "pruned", 0), a));
	if (json_is_integer(total) && json_integer_value(total) > 0 && !strcmp(json_get_text(status, "state", ""), "running"))
		text_addf(out, " of %s%s (%d %%)", !strcmp(key, "fits") ? "at most " : "", text_count(json_integer_value(total), a),
		        (int)(100.0 * (double)(done + failed) / (double)json_integer_value(total)));
	text_add(out, "\n");
}

static void stage_lines(const json_t *status, struct text_buf *out)
{
	json_t *stage;
	size_t i;
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];

	json_array_foreach(json_object_get(status, "stages"), i, stage) {
		json_int_t done = json_get_int(stage, "done", 0), total = json_get_int(stage, "total", 0);

		text_addf(out, "  %-10s ", json_get_text(stage, "stage", "?") + 3);
		for (int k = 0; k < 24; k++)
			text_add(out, total && k * total < 24 * done ? "█" : "░");
		text_addf(out, " %s of %s fits\n", text_count(done, a), text_count(total, b));
	}
}

void status_best_line(const json_t *status, struct text_buf *out)
{
	const json_t *best = json_object_get(status, "best"), *params = json_object_get(best, "params");
	char *text;

	if (!json_is_object(best))
		return;
	text = params && !json_is_null(params) ? json_text(params, JSON_STYLE_CANONICAL) : mem_text("");
	text_addf(out, "  %-10s %s %.6g, trial %lld %s%s%s\n", "best", json_get_text(best, "metric", "score"), json_get_real(best, "score", NAN),
	        (long long)json_get_int(best, "trial", 0), json_get_text(best, "model", ""), json_get_text(best, "model", NULL) ? " " : "", text);
	free(text);
}

static void clock_text(double seconds, char out[16])
{
	time_t then = time(NULL) + (time_t)seconds;
	struct tm parts;

	localtime_r(&then, &parts);
	strftime(out, 16, seconds > 20 * 3600 ? "%a %H:%M" : "%H:%M", &parts);
}

void status_left_line(const json_t *status, struct text_buf *out)
{
	const json_t *eta = json_object_get(status, "eta");
	double low = json_get_real(eta, "low", 0), high = json_get_real(eta, "high", 0);
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX], from[16], to[16];

	if (!json_is_object(eta))
		return;
	clock_text(low, from);
	clock_text(high, to);
	text_addf(out, "  %-10s %s to %s", "left", text_seconds(low, a), text_seconds(high, b));
	text_addf(out, high >= 120 ? " (%s-%s)\n" : "\n", from, to);
}

static void worker_lines(const json_t *status, struct text_buf *out)
{
	const json_t *memory = json_object_get(status, "memory");
	json_t *worker;
	size_t i;
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];

	json_array_foreach(json_object_get(status, "workers"), i, worker)
		text_addf(out, "  %-10s pid %lld %s%s%s, %s\n", i ? "" : "workers", (long long)json_get_int(worker, "pid", 0), json_get_text(worker, "task", "idle"),
		        json_get_text(worker, "task", NULL) ? " for " : "", json_get_text(worker, "task", NULL) ? text_seconds(json_get_real(worker, "seconds", 0), a) : "",
		        text_bytes((uint64_t)json_get_int(worker, "rss", 0), b));
	if (json_get_int(memory, "peak", 0) && !strcmp(json_get_text(status, "state", ""), "running"))
		text_addf(out, "  %-10s the largest worker had %s; limit of all %s\n", "memory", text_bytes((uint64_t)json_get_int(memory, "peak", 0), a),
		        text_bytes((uint64_t)json_get_int(memory, "limit", 0), b));
}

static void chosen_line(const json_t *status, struct text_buf *out)
{
	const json_t *summary = json_object_get(status, "summary"), *chosen = json_object_get(summary, "chosen");

	if (json_is_object(chosen))
		text_addf(out, "  %-10s round %lld with %zu feature%s, %s %.6g%s\n", "chosen", (long long)json_get_int(chosen, "round", 0),
		        json_array_size(json_object_get(chosen, "features")), json_array_size(json_object_get(chosen, "features")) == 1 ? "" : "s", json_get_text(summary, "metric", "score"), json_get_real(chosen, "score", NAN),
		        json_get_bool(summary, "done", 0) ? "" : " (of the rounds so far)");
}

void status_text(const char *campaign, const json_t *status, struct text_buf *out)
{
	bool running = !strcmp(json_get_text(status, "state", ""), "running");

	status_head_line(status, out);
	status_count_line(status, "trials", out);
	status_count_line(status, "fits", out);
	stage_lines(status, out);
	if (running)
		status_best_line(status, out);
	status_left_line(status, out);
	worker_lines(status, out);
	chosen_line(status, out);
	text_addf(out, "  %-10s %s\n", "folder", campaign);
}
