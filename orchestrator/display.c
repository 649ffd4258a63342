#include "orchestrator/display.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "orchestrator/stage.h"
#include "orchestrator/status.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/process.h"

#define REDRAW_SECONDS 0.15
#define STATUS_SECONDS 1.0
#define LOG_SECONDS 60.0
#define STAGES_SHOWN 4
#define TITLE_WIDTH 24
#define CLOCK_SECONDS 120 /* nearer ends need no time of day */

struct display {
	bool quiet, terminal, color;
	unsigned lines_drawn;
	unsigned round, rounds_at_most;
	size_t features;
	struct display_stage stages[STAGES_SHOWN];
	size_t stage_count;
	char metric[32], best_params[400], best_model[64]; /* empty: there is one model only */
	double best_score;
	int64_t best_trial;
	double eta_low, eta_high;
	double last_draw, last_status, last_log;
	unsigned stops_said; /* of scheduler_stop_requests */
	bool titled;
};

struct display *display_open(bool quiet)
{
	struct display *display = mem_must(1, sizeof *display);
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	display->quiet = quiet;
	display->terminal = isatty(2) && !(term && !strcmp(term, "dumb"));
	display->color = display->terminal && !(no_color && no_color[0]);
	display->best_trial = -1;
	display->eta_low = display->eta_high = NAN;
	return display;
}

static void add_erase(struct display *display, struct text_buf *frame)
{
	for (; display->lines_drawn > 0; display->lines_drawn--)
		text_add(frame, "\033[1A\033[2K");
	text_add(frame, "\r");
}

static void erase(struct display *display)
{
	struct text_buf frame = {0};

	add_erase(display, &frame);
	fwrite(frame.data, 1, frame.length, stderr);
	text_buf_release(&frame);
}

void display_close(struct display *display)
{
	if (!display)
		return;
	if (display->terminal && !display->quiet) {
		erase(display);
		if (display->titled)
			fputs("\033]0;\007", stderr);
		fflush(stderr);
	}
	free(display);
}

/* A night's log crosses midnight: with the date. */
static void stamp(char out[24])
{
	time_t now = time(NULL);
	struct tm parts;

	localtime_r(&now, &parts);
	strftime(out, 24, "%Y-%m-%d %H:%M:%S", &parts);
}

void display_line(struct display *display, const char *format, ...)
{
	va_list arguments;
	char *text = NULL, when[24];

	if (!display || display->quiet)
		return;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		orch_bug("out of memory");
	va_end(arguments);
	if (display->terminal) {
		erase(display);
		fprintf(stderr, "%s\n", text);
	} else {
		stamp(when);
		fprintf(stderr, "%s %s\n", when, text);
	}
	fflush(stderr);
	display->last_draw = 0;
	free(text);
}

void display_round(struct display *display, unsigned round, unsigned rounds_at_most, size_t features)
{
	display->round = round;
	display->rounds_at_most = rounds_at_most;
	display->features = features;
	display->stage_count = 0;
	display->best_trial = -1;
	display_line(display, "round %u of at most %u: %zu feature%s", round, rounds_at_most, features, features == 1 ? "" : "s");
}

void display_stage(struct display *display, const struct display_stage *stage)
{
	size_t i = 0;
	struct display_stage *slot;

	while (i < display->stage_count && strcmp(display->stages[i].name, stage->name))
		i++;
	if (i == display->stage_count) {
		if (i == STAGES_SHOWN) {
			memmove(display->stages, display->stages + 1, (STAGES_SHOWN - 1) * sizeof *display->stages);
			i = STAGES_SHOWN - 1;
		} else {
			display->stage_count++;
		}
		display->stages[i] = *stage;
		display->stages[i].started = process_clock();
		display->stages[i].done_at_start = stage->done;
	}
	slot = &display->stages[i];
	slot->done = stage->done;
	slot->total = stage->total;
	slot->failed = stage->failed;
}

static void best_text(const struct display *display, struct text_buf *out)
{
	char number[TEXT_NUMBER_MAX];

	if (display->best_trial < 0)
		return;
	snprintf(number, sizeof number, "%.6g", display->best_score);
	text_addf(out, "best %s %s, trial %lld %s%s%s", display->metric, number, (long long)display->best_trial, display->best_model, display->best_model[0] ? " " : "", display->best_params);
}

void display_stage_end(struct display *display, const char *name, const char *text)
{
	struct text_buf line = {0};
	char seconds[TEXT_NUMBER_MAX], count[TEXT_NUMBER_MAX];
	const char *title = text ? text : name;

	for (size_t i = 0; i < display->stage_count; i++)
		if (!strcmp(display->stages[i].name, name)) {
			struct display_stage *stage = &display->stages[i];

			text_addf(&line, "  %-*s %s fits in %s", TITLE_WIDTH, title, text_count((int64_t)stage->total, count), text_seconds(process_clock() - stage->started, seconds));
			if (stage->failed)
				text_addf(&line, ", %llu failed", (unsigned long long)stage->failed);
			if (!strcmp(name, stage_table[STAGE_HPO].name) && display->best_trial >= 0) {
				text_add(&line, "; ");
				best_text(display, &line);
			}
			display->stage_count--;
			memmove(stage, stage + 1, (display->stage_count - i) * sizeof *stage);
		}
	if (line.length)
		display_line(display, "%s", line.data);
	text_buf_release(&line);
}

void display_best(struct display *display, const char *metric, double score, int64_t trial, const char *model, const char *params)
{
	snprintf(display->best_model, sizeof display->best_model, "%s", model ? model : "");
	snprintf(display->metric, sizeof display->metric, "%s", metric);
	snprintf(display->best_params, sizeof display->best_params, "%s", params);
	display->best_score = score;
	display->best_trial = trial;
}

void display_eta(struct display *display, double low, double high)
{
	display->eta_low = low;
	display->eta_high = high;
}

/* ---- drawing ---- */

static void clock_at(double seconds, char out[16])
{
	time_t then = time(NULL) + (time_t)seconds;
	struct tm parts;

	localtime_r(&then, &parts);
	strftime(out, 16, seconds > 20 * 3600 ? "%a %H:%M" : "%H:%M", &parts);
}

static void eta_text(const struct display *display, struct text_buf *out)
{
	char low[TEXT_NUMBER_MAX], high[TEXT_NUMBER_MAX], from[16], to[16];

	if (!isfinite(display->eta_low))
		return;
	clock_at(display->eta_low, from);
	clock_at(display->eta_high, to);
	text_addf(out, "left: %s to %s", text_seconds(display->eta_low, low), text_seconds(display->eta_high, high));
	if (display->eta_high >= CLOCK_SECONDS)
		text_addf(out, " (%s-%s)", from, to);
}

static double rate_of(const struct display_stage *stage)
{
	double elapsed = process_clock() - stage->started;

	return elapsed > 0.2 ? (double)(stage->done - stage->done_at_start) / elapsed : 0;
}

static void bar(struct text_buf *out, const struct display_stage *stage, unsigned width)
{
	unsigned full = stage->total ? (unsigned)((double)width * (double)stage->done / (double)stage->total) : 0;

	for (unsigned i = 0; i < width; i++)
		text_add(out, i < full ? "█" : "░");
}

/* Cuts at the terminal's width, counting characters, not bytes; escapes are added around whole lines only. */
static void put_line(struct display *display, struct text_buf *frame, const char *text, unsigned width, const char *color)
{
	size_t bytes = 0;
	unsigned columns = 0;

	while (text[bytes] && columns < width) {
		bytes++;
		while (((unsigned char)text[bytes] & 0xc0) == 0x80)
			bytes++;
		columns++;
	}
	text_addf(frame, "%s%.*s%s\n", display->color ? color : "", (int)bytes, text, display->color && *color ? "\033[0m" : "");
	display->lines_drawn++;
}

static unsigned terminal_width(void)
{
	struct winsize size = {0};

	return ioctl(2, TIOCGWINSZ, &size) || size.ws_col < 20 ? 79 : size.ws_col - 1u;
}

static void add_stage_line(const struct display_stage *stage, struct text_buf *line)
{
	char done[TEXT_NUMBER_MAX], total[TEXT_NUMBER_MAX];
	double rate = rate_of(stage);

	text_addf(line, "  %-*s ", TITLE_WIDTH, stage->title ? stage->title : stage->name);
	bar(line, stage, 24);
	text_addf(line, " %s of %s", text_count((int64_t)stage->done, done), text_count((int64_t)stage->total, total));
	if (rate > 0)
		text_addf(line, "  %.3g fits/s", rate);
	if (stage->failed)
		text_addf(line, "  %llu failed", (unsigned long long)stage->failed);
}

static void set_title(struct display *display, struct text_buf *frame)
{
	const struct display_stage *stage = &display->stages[0];

	if (!stage->total)
		return;
	text_addf(frame, "\033]0;orch: round %u %s %d%%\007", display->round, stage->name, (int)(100 * stage->done / stage->total));
	display->titled = true;
}

/* One write a frame: what is half drawn would flicker. */
static void draw(struct display *display)
{
	unsigned width = terminal_width();
	struct text_buf frame = {0}, line = {0};

	add_erase(display, &frame);
	for (size_t i = 0; i < display->stage_count; i++) {
		line.length = 0;
		add_stage_line(&display->stages[i], &line);
		put_line(display, &frame, line.data, width, "");
	}
	if (display->stage_count && display->best_trial >= 0) {
		line.length = 0;
		text_add(&line, "  ");
		best_text(display, &line);
		put_line(display, &frame, line.data, width, "\033[32m");
	}
	if (display->stage_count && isfinite(display->eta_low)) {
		line.length = 0;
		text_add(&line, "  ");
		eta_text(display, &line);
		put_line(display, &frame, line.data, width, "\033[2m");
	}
	if (display->stage_count)
		set_title(display, &frame);
	fwrite(frame.data, 1, frame.length, stderr);
	fflush(stderr);
	text_buf_release(&frame);
	text_buf_release(&line);
}

static void log_minute(struct display *display)
{
	struct text_buf line = {0};

	for (size_t i = 0; i < display->stage_count; i++)
		text_addf(&line, "%sround %u %s %llu/%llu", i ? "; " : "", display->round, display->stages[i].name, (unsigned long long)display->stages[i].done,
		        (unsigned long long)display->stages[i].total);
	if (line.length) {
		text_add(&line, "; ");
		eta_text(display, &line);
		display_line(display, "%s", line.data);
	}
	text_buf_release(&line);
}

/* ---- status.json ---- */

static json_t *stages_json(const struct display *display)
{
	json_t *stages = json_array();

	for (size_t i = 0; i < display->stage_count; i++)
		json_array_append_new(stages, json_pack("{s:s, s:I, s:I, s:I}", "stage", display->stages[i].name, "done", (json_int_t)display->stages[i].done, "total",
		        (json_int_t)display->stages[i].total, "failed", (json_int_t)display->stages[i].failed));
	return stages;
}

static json_t *workers_json(const struct campaign *campaign)
{
	struct scheduler_worker_view views[256];
	size_t count = campaign->scheduler ? scheduler_workers(campaign->scheduler, views, 256) : 0;
	json_t *workers = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(workers, json_pack("{s:i, s:o, s:I, s:f}", "pid", (int)views[i].pid, "task", views[i].busy ?
		        json_sprintf("%s #%lld", stage_table[views[i].stage].name, (long long)views[i].task) : json_null(), "rss", (json_int_t)views[i].rss, "seconds", views[i].seconds));
	return workers;
}

static json_t *eta_json(const struct display *display)
{
	if (!isfinite(display->eta_low))
		return json_null();
	return json_pack("{s:f, s:f, s:f}", "seconds", (display->eta_low + display->eta_high) / 2, "low", display->eta_low, "high", display->eta_high);
}

static json_t *best_json(const struct display *display)
{
	json_t *params = NULL, *best;

	if (display->best_trial < 0)
		return json_null();
	json_parse(display->best_params, strlen(display->best_params), "best", &params, NULL);
	best = json_pack("{s:I, s:s, s:f, s:o}", "trial", (json_int_t)display->best_trial, "metric", display->metric, "score", display->best_score, "params",
	        params ? params : json_null());
	if (display->best_model[0])
		json_object_set_new(best, "model", json_string(display->best_model));
	return best;
}

void display_status_file(struct display *display, struct campaign *campaign, const char *state)
{
	bool active = display->stage_count > 0;
	char *path = campaign_dir_path(campaign->dir, "status.json"), *text;
	json_t *status = json_pack("{s:i, s:s, s:s, s:i, s:i, s:i, s:o, s:o, s:{s:I, s:I}, s:{s:I, s:I, s:o}, s:o, s:o, s:o, s:{s:I, s:I}, s:f}", "version",
	        STATUS_VERSION, "name", campaign->spec->name, "state", state, "round", (int)display->round, "rounds_at_most", (int)campaign->plan.rounds, "rounds_done",
	        (int)campaign->rounds_done, "stage", active ? json_string(display->stages[0].name) : json_null(), "stages", stages_json(display), "trials", "done",
	        (json_int_t)campaign->trials_done, "failed", (json_int_t)campaign->trials_failed, "fits", "done", (json_int_t)campaign->fits_done, "failed",
	        (json_int_t)campaign->fits_failed, "total", campaign->plan.fits > INT64_MAX ? json_null() : json_integer((json_int_t)campaign->plan.fits), "best",
	        best_json(display), "eta", eta_json(display), "workers", workers_json(campaign), "memory", "peak", (json_int_t)campaign->memory_peak, "limit",
	        (json_int_t)campaign->plan.memory_limit, "elapsed", process_clock() - campaign->started);

	json_object_set_new(json_object_get(status, "trials"), "total", json_integer((json_int_t)(campaign->plan.configurations > INT64_MAX / 1024 ? INT64_MAX :
	        campaign->plan.configurations * (campaign->rounds_done + (uint64_t)active))));
	if (campaign->trials_pruned)
		json_object_set_new(json_object_get(status, "trials"), "pruned", json_integer((json_int_t)campaign->trials_pruned));
	json_object_set_new(status, "rates", eta_rates_json(campaign->rates)); /* a resume goes on with them */
	text = json_text(status, JSON_STYLE_LINE);
	file_replace_fast(path, text, strlen(text), NULL); /* it may be lost: status derives it from the ledger then */
	json_decref(status);
	free(text);
	free(path);
}

static void say_stopping(struct display *display)
{
	unsigned requests = scheduler_stop_requests();

	if (requests == display->stops_said)
		return;
	display->stops_said = requests;
	display_line(display, requests == 1 ? "stopping: running fits end first (Ctrl-C once more stops now)" : "stopping now");
}

void display_tick(struct display *display, struct campaign *campaign)
{
	double now = process_clock();

	say_stopping(display);

	if (now - display->last_status >= STATUS_SECONDS) {
		display_status_file(display, campaign, "running");
		display->last_status = now;
	}
	if (display->quiet)
		return;
	if (display->terminal && now - display->last_draw >= REDRAW_SECONDS) {
		draw(display);
		display->last_draw = now;
	}
	if (!display->last_log)
		display->last_log = now;
	if (!display->terminal && now - display->last_log >= LOG_SECONDS) {
		log_minute(display);
		display->last_log = now;
	}
}
