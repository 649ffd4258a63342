#include "orchestrator/shown_trials.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "storage/base/file.h"
#include "storage/base/text.h"

struct scored {
	double mean;
	int64_t trial;
};
struct shown_trials {
	const struct metric *metric;
	uint64_t seed;
	double share;              /* of the sample */
	struct scored *best;       /* a heap, the worst of them on top */
	size_t best_count;
	int64_t *leaders;          /* the chosen one, and each that was the best so far */
	size_t leader_count, leader_room;
	double leading;
};

void shown_trials_open(const struct metric *metric, uint64_t seed, uint64_t total, int64_t chosen, struct shown_trials **out)
{
	struct shown_trials *shown;

	*out = NULL;
	if (total <= SHOWN_TRIALS_MOST)
		return;
	shown = mem_must(1, sizeof *shown);
	*shown = (struct shown_trials){.metric = metric, .seed = address_text(seed, "trials shown"), .share = (double)(SHOWN_TRIALS_MOST - SHOWN_TRIALS_BEST) / (double)total,
	        .best = mem_must(SHOWN_TRIALS_BEST, sizeof *shown->best), .leaders = mem_must(64, sizeof *shown->leaders), .leader_room = 64, .leader_count = 1};
	shown->leaders[0] = chosen;
	*out = shown;
}

void shown_trials_close(struct shown_trials *shown)
{
	if (!shown)
		return;
	free(shown->best);
	free(shown->leaders);
	free(shown);
}

/* Equal ones: the later is worse. */
static bool is_worse(const struct shown_trials *shown, struct scored a, struct scored b)
{
	if (a.mean != b.mean)
		return metric_better(shown->metric, b.mean, a.mean);
	return a.trial > b.trial;
}

static void sift_down(struct shown_trials *shown, size_t at)
{
	for (;;) {
		size_t child = 2 * at + 1;
		struct scored swap;

		if (child >= shown->best_count)
			return;
		if (child + 1 < shown->best_count && is_worse(shown, shown->best[child + 1], shown->best[child]))
			child++;
		if (!is_worse(shown, shown->best[child], shown->best[at]))
			return;
		swap = shown->best[at];
		shown->best[at] = shown->best[child];
		shown->best[child] = swap;
		at = child;
	}
}

static void sift_up(struct shown_trials *shown, size_t at)
{
	while (at && is_worse(shown, shown->best[at], shown->best[(at - 1) / 2])) {
		struct scored swap = shown->best[at];

		shown->best[at] = shown->best[(at - 1) / 2];
		shown->best[(at - 1) / 2] = swap;
		at = (at - 1) / 2;
	}
}

static void note_leader(struct shown_trials *shown, int64_t trial, double mean)
{
	if (shown->leader_count > 1 && !metric_better(shown->metric, mean, shown->leading))
		return;
	if (shown->leader_count == shown->leader_room) {
		shown->leader_room *= 2;
		shown->leaders = mem_array_grow(shown->leaders, shown->leader_room, sizeof *shown->leaders);
		if (!shown->leaders)
			orch_bug("out of memory for %zu trials", shown->leader_room);
	}
	shown->leaders[shown->leader_count++] = trial;
	shown->leading = mean;
}

void shown_trials_note(struct shown_trials *shown, int64_t trial, double mean)
{
	struct scored own = {mean, trial};

	if (!shown)
		return;
	note_leader(shown, trial, mean);
	if (shown->best_count < SHOWN_TRIALS_BEST) {
		shown->best[shown->best_count++] = own;
		sift_up(shown, shown->best_count - 1);
	} else if (is_worse(shown, shown->best[0], own)) {
		shown->best[0] = own;
		sift_down(shown, 0);
	}
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t *certain(const struct shown_trials *shown, size_t *count)
{
	int64_t *list = mem_must(shown->best_count + shown->leader_count, sizeof *list);

	*count = 0;
	for (size_t i = 0; i < shown->best_count; i++)
		list[(*count)++] = shown->best[i].trial;
	for (size_t i = 0; i < shown->leader_count; i++)
		list[(*count)++] = shown->leaders[i];
	qsort(list, *count, sizeof *list, ascending);
	return list;
}

static bool is_open(const char *line, bool open)
{
	for (; *line; line++)
		open = open != (*line == '"');
	return open;
}

/* A record may go over several lines: a text in quotes. */
static int copy_rows(const struct shown_trials *shown, FILE *from, struct text_buf *out)
{
	size_t count, room = 0;
	int64_t *list = certain(shown, &count);
	char *line = NULL;
	bool header = true, open = false, keep = true;

	while (getline(&line, &room, from) >= 0) {
		if (!open && !header) {
			int64_t trial = strtoll(line, NULL, 10);

			keep = address_unit(address_hash(shown->seed, (uint64_t)trial)) < shown->share || bsearch(&trial, list, count, sizeof *list, ascending);
		}
		open = is_open(line, open);
		header = header && open;
		if (keep)
			text_add(out, line);
	}
	free(line);
	free(list);
	return ferror(from) ? -1 : 0;
}

int shown_trials_write(struct shown_trials *shown, const char *trials_csv, const char *path, struct orch_err *err)
{
	FILE *from = fopen(trials_csv, "re");
	struct text_buf out = {0};
	int code = 0;

	if (!from)
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot open %s", trials_csv);
	if (copy_rows(shown, from, &out))
		code = orch_fail_sys(err, ORCH_EIO, errno, "cannot read %s", trials_csv);
	fclose(from);
	if (!code)
		code = file_write_new(path, out.data, out.length, err);
	text_buf_release(&out);
	return code;
}
