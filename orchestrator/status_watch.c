#include "orchestrator/status_watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/metric/metric.h"
#include "orchestrator/stage.h"
#include "orchestrator/status.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/campaign_dir.h"
#include "storage/ledger.h"

#define LEDGER_SECONDS 4.0
#define SPARK_WIDTH 48
#define ROUNDS_SHOWN 6
#define WORKERS_SHOWN 16
#define ATTEMPTS_MOST 1000

struct status_watch {
	char *campaign;
	bool color;
	double looked;       /* at the ledger; monotonic */
	json_int_t round;    /* that best is of */
	bool maximise;
	double *best;        /* so far, after each trial of the round */
	size_t count, capacity;
	json_t *attempts;    /* failed ones by cause */
};

struct status_watch *status_watch_open(const char *campaign, bool color)
{
	struct status_watch *watch = mem_must(1, sizeof *watch);

	watch->campaign = mem_text(campaign);
	watch->color = color;
	watch->looked = -INFINITY;
	watch->attempts = json_object();
	return watch;
}

void status_watch_close(struct status_watch *watch)
{
	if (!watch)
		return;
	json_decref(watch->attempts);
	free(watch->best);
	free(watch->campaign);
	free(watch);
}

void status_sparkline(const double *values, size_t count, size_t width, struct text_buf *out)
{
	static const char *const blocks[] = {"\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88"};
	size_t shown = count < width ? count : width;
	double low = INFINITY, high = -INFINITY;

	for (size_t i = 0; i < shown; i++) {
		double value = values[(i + 1) * count / shown - 1];

		low = isfinite(value) && value < low ? value : low;
		high = isfinite(value) && value > high ? value : high;
	}
	for (size_t i = 0; i < shown; i++) {
		double value = values[(i + 1) * count / shown - 1];

		if (!isfinite(value))
			text_add(out, " ");
		else
			text_add(out, blocks[high > low ? (int)(7.999 * (value - low) / (high - low)) : 3]);
	}
}

/* ---- from the ledger ---- */

static int note_trial(void *context, const struct ledger_trial *trial, struct orch_err *err)
{
	struct status_watch *watch = context;
	double before = watch->count ? watch->best[watch->count - 1] : NAN, score = trial->state == LEDGER_DONE ? trial->mean : NAN;
	bool better = isfinite(score) && (!isfinite(before) || (watch->maximise ? score > before : score < before));

	(void)err;
	if (watch->count == watch->capacity) {
		size_t capacity = watch->capacity ? 2 * watch->capacity : 256;
		double *grown = mem_array_grow(watch->best, capacity, sizeof *grown);

		if (!grown)
			return ORCH_ENOMEM;
		watch->best = grown;
		watch->capacity = capacity;
	}
	watch->best[watch->count++] = better ? score : before;
	return 0;
}

static int note_attempt(void *context, const struct ledger_attempt *attempt, struct orch_err *err)
{
	json_t *attempts = context;

	(void)err;
	json_object_set_new(attempts, attempt->cause, json_integer(json_get_int(attempts, attempt->cause, 0) + 1));
	return 0;
}

/* What cannot be read now is read the next time: nothing is said. */
static void look(struct status_watch *watch, json_int_t round)
{
	char *path = file_join(watch->campaign, "ledger.db");
	struct ledger *ledger = NULL;

	watch->round = round;
	watch->count = 0;
	json_object_clear(watch->attempts);
	if (!ledger_open(path, LEDGER_READ, campaign_dir_needs_rollback_journal(watch->campaign), &ledger, NULL)) {
		ledger_each_trial(ledger, (unsigned)round, note_trial, watch, NULL);
		ledger_each_failure(ledger, ATTEMPTS_MOST, note_attempt, watch->attempts, NULL);
		ledger_close(&ledger, NULL);
	}
	free(path);
}

/* ---- lines ---- */

static void paint(const struct status_watch *watch, struct text_buf *out, const char *escape)
{
	if (watch->color)
		text_add(out, escape);
}

/* The scores of the rounds so far, the last few with their numbers. */
static void rounds_line(const struct status_watch *watch, const json_t *status, struct text_buf *out)
{
	const json_t *rounds = json_object_get(json_object_get(status, "summary"), "rounds"), *row;
	size_t count = json_array_size(rounds), i;
	double *scores;

	if (!count)
		return;
	scores = mem_must(count, sizeof *scores);
	text_addf(out, "  %-10s ", "rounds");
	json_array_foreach(rounds, i, row) {
		scores[i] = json_get_real(row, "score", NAN);
		if (i + ROUNDS_SHOWN >= count)
			text_addf(out, "%s%lld: %.5g (%lld)", i && i + ROUNDS_SHOWN > count ? "  " : "", (long long)json_get_int(row, "round", 0), scores[i], (long long)json_get_int(row, "features", 0));
	}
	if (count > 1) {
		text_add(out, "  ");
		paint(watch, out, "\033[36m");
		status_sparkline(scores, count, SPARK_WIDTH / 2, out);
		paint(watch, out, "\033[0m");
	}
	text_add(out, "\n");
	free(scores);
}

/* "done", "running" or "waiting" of a stage of the round under way. */
static const char *stage_state(const struct status_watch *watch, const json_t *status, const char *stage, const json_t **under_way)
{
	char *name = text_format("rounds/.round_%03lld.work/%s", (long long)json_get_int(status, "round", 0), stage), *path = file_join(watch->campaign, name);
	bool done = file_is_folder(path);
	json_t *entry;
	size_t i;

	free(name);
	free(path);
	*under_way = NULL;
	json_array_foreach(json_object_get(status, "stages"), i, entry)
		if (!strcmp(json_get_text(entry, "stage", ""), stage))
			*under_way = entry;
	return done ? "done" : *under_way ? "running" : "waiting";
}

/* The graph of a round's stages: what is done, how far the running ones are, what waits. */
static void graph_lines(const struct status_watch *watch, const json_t *status, struct text_buf *out)
{
	size_t width = 0;

	text_addf(out, "  %-10s ", "stages");
	for (unsigned s = 0; s < STAGE_COUNT; s++) {
		const char *title = stage_table[s].title;
		const json_t *entry;
		const char *state;

		if (!stage_table[s].name)
			continue;
		state = stage_state(watch, status, stage_table[s].name, &entry);
		if (width && width + strlen(title) > 72) {
			text_addf(out, "\n  %-10s ", "");
			width = 0;
		}
		width += strlen(title) + 6;
		paint(watch, out, *state == 'd' ? "\033[32m" : *state == 'r' ? "\033[1;34m" : "\033[2m");
		text_addf(out, "%s %s", *state == 'd' ? "\xe2\x9c\x93" : *state == 'r' ? "\xe2\x96\xb6" : "\xc2\xb7", title);
		if (entry && *state == 'r' && json_get_int(entry, "total", 0)) {
			text_addf(out, " %d %%", (int)(100 * json_get_int(entry, "done", 0) / json_get_int(entry, "total", 1)));
			width += 5;
		}
		paint(watch, out, "\033[0m");
		text_add(out, "   ");
	}
	while (out->length && out->data[out->length - 1] == ' ')
		out->data[--out->length] = '\0';
	text_add(out, "\n");
}

static void bar(const struct status_watch *watch, double part, int width, struct text_buf *out)
{
	int full = (int)(part * width + 0.5);

	paint(watch, out, "\033[34m");
	for (int k = 0; k < width; k++)
		text_add(out, k < full ? "\xe2\x96\x88" : "\xe2\x96\x91");
	paint(watch, out, "\033[0m");
}

static void progress_lines(const struct status_watch *watch, const json_t *status, struct text_buf *out)
{
	char done[TEXT_NUMBER_MAX], total[TEXT_NUMBER_MAX];
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(status, "stages"), i, entry) {
		json_int_t failed = json_get_int(entry, "failed", 0), of = json_get_int(entry, "total", 0);
		const char *name = json_get_text(entry, "stage", "?"), *title = name;

		for (unsigned s = 0; s < STAGE_COUNT; s++)
			if (stage_table[s].name && !strcmp(stage_table[s].name, name))
				title = stage_table[s].title;
		text_addf(out, "  %-10s ", "");
		bar(watch, of ? (double)json_get_int(entry, "done", 0) / (double)of : 0, 24, out);
		text_addf(out, " %s of %s fits, %s", text_count(json_get_int(entry, "done", 0), done), text_count(of, total), title);
		if (failed)
			text_addf(out, ", %s failed", text_count(failed, done));
		text_add(out, "\n");
	}
}

static void curve_line(const struct status_watch *watch, struct text_buf *out)
{
	size_t from = 0;

	while (from < watch->count && !isfinite(watch->best[from]))
		from++;
	if (watch->count - from < 2)
		return;
	text_addf(out, "  %-10s ", "");
	paint(watch, out, "\033[32m");
	status_sparkline(watch->best + from, watch->count - from, SPARK_WIDTH, out);
	paint(watch, out, "\033[0m");
	text_addf(out, " best so far, %.5g to %.5g in %zu trials\n", watch->best[from], watch->best[watch->count - 1], watch->count);
}

static void worker_lines(const struct status_watch *watch, const json_t *status, struct text_buf *out)
{
	const json_t *workers = json_object_get(status, "workers"), *memory = json_object_get(status, "memory"), *worker;
	double limit = (double)json_get_int(memory, "limit", 0), share = limit > 0 && json_array_size(workers) ? limit / (double)json_array_size(workers) : 0;
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];
	size_t i;

	json_array_foreach(workers, i, worker) {
		double rss = (double)json_get_int(worker, "rss", 0);
		const char *task = json_get_text(worker, "task", NULL);

		if (i == WORKERS_SHOWN) {
			text_addf(out, "  %-10s and %zu more\n", "", json_array_size(workers) - i);
			break;
		}
		text_addf(out, "  %-10s %-8lld ", i ? "" : "workers", (long long)json_get_int(worker, "pid", 0));
		if (share > 0)
			bar(watch, rss < share ? rss / share : 1, 8, out);
		text_addf(out, " %9s  %s", text_bytes((uint64_t)rss, a), task ? task : "idle");
		text_addf(out, task ? " for %s\n" : "\n", text_seconds(json_get_real(worker, "seconds", 0), b));
	}
	if (json_get_int(memory, "peak", 0))
		text_addf(out, "  %-10s largest worker %s, limit of all %s\n", "memory", text_bytes((uint64_t)json_get_int(memory, "peak", 0), a), text_bytes((uint64_t)limit, b));
}

static void failure_line(const struct status_watch *watch, struct text_buf *out)
{
	const char *cause;
	json_t *count;
	size_t listed = 0;

	if (!json_object_size(watch->attempts))
		return;
	text_addf(out, "  %-10s ", "failures");
	paint(watch, out, "\033[31m");
	json_object_foreach(watch->attempts, cause, count)
		text_addf(out, "%s%s %lld", listed++ ? ", " : "", cause, (long long)json_integer_value(count));
	paint(watch, out, "\033[0m");
	text_add(out, " (attempts, repeated ones included)\n");
}

void status_watch_text(struct status_watch *watch, const json_t *status, double now, struct text_buf *out)
{
	json_int_t round = json_get_int(status, "round", 0);
	const struct metric *metric;

	if (strcmp(json_get_text(status, "state", ""), "running")) {
		status_text(watch->campaign, status, out);
		return;
	}
	metric = metric_find(json_get_text(json_object_get(status, "best"), "metric", ""));
	watch->maximise = metric && metric->maximise;
	if (now - watch->looked >= LEDGER_SECONDS || round != watch->round) {
		look(watch, round);
		watch->looked = now;
	}
	paint(watch, out, "\033[1m");
	status_head_line(status, out);
	paint(watch, out, "\033[0m");
	rounds_line(watch, status, out);
	graph_lines(watch, status, out);
	progress_lines(watch, status, out);
	status_count_line(status, "trials", out);
	status_count_line(status, "fits", out);
	status_best_line(status, out);
	curve_line(watch, out);
	worker_lines(watch, status, out);
	failure_line(watch, out);
	status_left_line(status, out);
}
