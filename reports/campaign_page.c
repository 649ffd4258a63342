#include "reports/campaign_page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/charts.h"
#include "reports/page.h"
#include "reports/plot.h"
#include "reports/round_page.h"
#include "reports/shap_part.h"
#include "reports/stability_part.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

struct campaign_page {
	struct text_buf *out;
	const char *campaign;
	const json_t *outcome, *rounds, *chosen; /* chosen: of the outcome, or not an object */
	const char *metric;
	unsigned round;   /* shown */
	char *folder;     /* of that round */
};

static char *number(const json_t *value)
{
	return json_is_number(value) ? text_format("%.4g", json_number_value(value)) : mem_text("-");
}

static char *exact(const json_t *value)
{
	char text[TEXT_NUMBER_MAX];

	return mem_text(json_is_number(value) ? text_number(json_number_value(value), text) : "");
}

static void cell_value(struct text_buf *out, const json_t *value)
{
	char *text = exact(value);

	page_cell(out, text, 1);
	free(text);
}

static void add_name(struct text_buf *names, const char *name, size_t i, size_t most, size_t count)
{
	char *shown = text_cut(name, TEXT_NAME_SHOWN);

	if (i < most)
		text_addf(names, "%s%s", i ? ", " : "", shown);
	free(shown);
	if (i == most)
		text_addf(names, " and %zu more", count - most);
}

/* ---- the answer ---- */

static char *dropped_names(const json_t *outcome, size_t most)
{
	const json_t *dropped = json_object_get(outcome, "dropped"), *entry;
	struct text_buf names = {0};
	size_t i;

	json_array_foreach(dropped, i, entry)
		add_name(&names, json_get_text(entry, "feature", "?"), i, most, json_array_size(dropped));
	if (!names.length)
		text_add(&names, "nothing");
	return text_take(&names);
}

/* What the interval says, in words. */
static const char *verdict(const json_t *gain)
{
	double low = json_get_real(gain, "ci_low", NAN), high = json_get_real(gain, "ci_high", NAN);

	if (!isfinite(low) || !isfinite(high))
		return "";
	return low > 0 ? ", surely better" : high < 0 ? ", surely worse" : ", no clear difference";
}

static void add_sentence(const struct campaign_page *page)
{
	const json_t *gain = json_object_get(page->chosen, "gain");
	char *score = text_format("%.6g", json_get_real(page->chosen, "score", NAN)), *se = text_format("%.3g", json_get_real(page->chosen, "se", NAN)), *mean = number(json_object_get(gain, "mean"));
	char *low = number(json_object_get(gain, "ci_low")), *high = number(json_object_get(gain, "ci_high")), *names = dropped_names(page->outcome, 12);
	struct text_buf text = {0};

	text_addf(&text, "%sake round %lld: %zu of %zu feature%s, %s %s \xc2\xb1 %s (cross-validated, standard error).",
	        strcmp(json_get_text(page->outcome, "state", ""), "done") ? "So far: t" : "T", (long long)json_get_int(page->chosen, "round", 0),
	        json_array_size(json_object_get(page->chosen, "features")), json_array_size(json_object_get(page->outcome, "all_features")),
	        json_array_size(json_object_get(page->outcome, "all_features")) == 1 ? "" : "s", page->metric, score, se);
	if (json_is_object(gain))
		text_addf(&text, " Against all features it gains %s (95 %% interval %s to %s%s). Dropped: %s.", mean, low, high, verdict(gain), names);
	page_text(page->out, "answer", text.data);
	if (json_get_text(page->chosen, "constraints_missed", NULL)) {
		text_buf_release(&text);
		text = (struct text_buf){0};
		text_addf(&text, "The constraints are missed: %s.", json_get_text(page->chosen, "constraints_missed", ""));
		page_text(page->out, "answer missed", text.data);
	}
	text_buf_release(&text);
	free(score);
	free(se);
	free(mean);
	free(low);
	free(high);
	free(names);
}

static void add_gain(const struct campaign_page *page)
{
	const json_t *gain = json_object_get(page->chosen, "gain");
	char *mean, *low, *high, *note;

	if (!json_is_object(gain)) {
		page_figure(page->out, "gain over all features", "-", "round 0 is the chosen one");
		return;
	}
	mean = text_format("%+.4g", json_get_real(gain, "mean", NAN));
	low = number(json_object_get(gain, "ci_low"));
	high = number(json_object_get(gain, "ci_high"));
	note = text_format("95 %% interval %s to %s%s", low, high, verdict(gain));
	page_figure(page->out, "gain over all features", mean, note);
	free(mean);
	free(low);
	free(high);
	free(note);
}

static void add_failed(const struct campaign_page *page)
{
	const json_t *failures = json_object_get(page->outcome, "failures"), *group;
	struct text_buf causes = {0};
	json_int_t total = 0;
	json_t *by_cause = json_object(), *count;
	const char *cause;
	char *value, shown[TEXT_NUMBER_MAX];
	size_t i;

	json_array_foreach(failures, i, group) {
		json_int_t some = json_get_int(group, "count", 0);

		cause = json_get_text(group, "cause", "?");
		total += some;
		json_object_set_new(by_cause, cause, json_integer(json_get_int(by_cause, cause, 0) + some));
	}
	json_object_foreach(by_cause, cause, count)
		text_addf(&causes, "%s%s %lld", causes.length ? ", " : "", cause, (long long)json_integer_value(count));
	value = total ? text_format("%s fit%s", text_count(total, shown), total == 1 ? "" : "s") : mem_text("nothing");
	page_figure(page->out, "failed for good", value, causes.data);
	free(value);
	text_buf_release(&causes);
	json_decref(by_cause);
}

static double all_seconds(const json_t *stages)
{
	const json_t *stage;
	double seconds = 0;
	size_t i;

	json_array_foreach(stages, i, stage)
		seconds += json_get_real(stage, "seconds", 0);
	return seconds;
}

/* The stages that took most, as shares. */
static void add_time(const struct campaign_page *page)
{
	const json_t *stages = json_object_get(page->outcome, "stages"), *stage;
	double seconds = all_seconds(stages), last = INFINITY;
	struct text_buf note = {0};
	char shown[TEXT_NUMBER_MAX];

	for (int k = 0; k < 3 && seconds > 0; k++) {
		const char *name = NULL;
		double most = -1;
		size_t i;

		json_array_foreach(stages, i, stage)
			if (json_get_real(stage, "seconds", 0) > most && json_get_real(stage, "seconds", 0) < last) {
				most = json_get_real(stage, "seconds", 0);
				name = json_get_text(stage, "title", "?");
			}
		if (!name || most < 0.01 * seconds)
			break;
		text_addf(&note, "%s%s %.0f %%", note.length ? ", " : "", name, 100 * most / seconds);
		last = most;
	}
	if (seconds > 0)
		page_figure(page->out, "worker time", text_seconds(seconds, shown), note.data);
	text_buf_release(&note);
}

static void add_answer(const struct campaign_page *page)
{
	char *score = text_format("%.6g", json_get_real(page->chosen, "score", NAN)), *held = text_format("%.6g", json_get_real(page->chosen, "holdout", NAN));
	char *settings = round_page_settings(json_object_get(page->chosen, "searched")), *names = dropped_names(page->outcome, 8);
	char *note = text_format("standard error %.3g over folds; chosen by it, so a little optimistic", json_get_real(page->chosen, "se", NAN));

	add_sentence(page);
	page_figures_begin(page->out);
	page_figure(page->out, page->metric, score, note);
	add_gain(page);
	if (json_is_number(json_object_get(page->chosen, "holdout")))
		page_figure(page->out, "on the holdout", held, "rows that no search and no selection has seen");
	stability_part_figures(page->out, page->folder);
	page_figure(page->out, "best configuration", settings, "");
	page_figure(page->out, "dropped", names, "");
	add_failed(page);
	add_time(page);
	page_figures_end(page->out);
	page_text(page->out, "sub", json_get_text(page->chosen, "reason", ""));
	free(score);
	free(held);
	free(settings);
	free(names);
	free(note);
}

/* ---- pictures ---- */

static void add_pictures(const struct campaign_page *page)
{
	page_section(page->out, "Over the rounds", NULL);
	text_add(page->out, "<div class=\"pictures\">\n");
	for (const struct plot *plot = plot_table; plot->name; plot++) {
		char *name = text_format("report/plots/%s.svg", plot->name), *path = file_join(page->campaign, name);
		bool one_round = json_array_size(page->rounds) < 2 && strcmp(plot->name, "stage_cost");

		if (plot->scope == PLOT_CAMPAIGN && !one_round) /* a line through one point says nothing */
			page_svg(page->out, path, plot->caption);
		free(name);
		free(path);
	}
	text_add(page->out, "</div>\n");
}

static int add_round(const struct campaign_page *page, bool charts, struct orch_err *err)
{
	char *title = text_format("Round %u%s", page->round, page->round == (unsigned)json_get_int(page->chosen, "round", -1) ? ", the chosen one" : "");
	int code = 0;

	page_section(page->out, title, NULL);
	if (charts)
		code = charts_add(page->out, page->folder, page->outcome, err);
	if (!code)
		round_page_pictures(page->out, page->folder, charts);
	free(title);
	return code;
}

/* ---- tables ---- */

static void add_rounds(const struct campaign_page *page)
{
	const char *headers[] = {"round", "features", page->metric, "standard error", "holdout", "dropped after it", "why"};
	json_t *row, *name;
	size_t i, j;

	page_section(page->out, "Rounds", "each on the features that are left; \xe2\x97\x8f the chosen one");
	page_table_begin(page->out, headers, 7, "0111100");
	json_array_foreach(page->rounds, i, row) {
		json_int_t round = json_get_int(row, "round", 0);
		char *text = text_format("%lld%s", (long long)round, round == json_get_int(page->chosen, "round", -1) ? " \xe2\x97\x8f" : "");
		char *href = text_format("../rounds/round_%03lld/report.html", (long long)round);
		struct text_buf names = {0};

		json_array_foreach(json_object_get(row, "dropped"), j, name)
			add_name(&names, json_string_value(name), j, 12, json_array_size(json_object_get(row, "dropped")));
		page_row_begin(page->out);
		page_cell_link(page->out, href, text);
		cell_value(page->out, json_object_get(row, "features"));
		cell_value(page->out, json_object_get(row, "score"));
		cell_value(page->out, json_object_get(row, "se"));
		cell_value(page->out, json_object_get(row, "holdout"));
		page_cell(page->out, names.data ? names.data : "-", 0);
		page_cell(page->out, json_get_text(row, "reason", ""), 0);
		page_row_end(page->out);
		text_buf_release(&names);
		free(text);
		free(href);
	}
	page_table_end(page->out);
}

static void add_output(struct text_buf *out, const json_t *lines)
{
	json_t *line;
	size_t i;

	if (!json_array_size(lines))
		return;
	text_add(out, "<pre>");
	json_array_foreach(lines, i, line) {
		text_add_html(out, json_string_value(line));
		text_add(out, "\n");
	}
	text_add(out, "</pre>\n");
}

static void add_failures(const struct campaign_page *page)
{
	static const char *const headers[] = {"fits", "cause", "first line", "first at", "parameters"};
	const json_t *failures = json_object_get(page->outcome, "failures"), *group;
	size_t i;

	if (!json_array_size(failures))
		return;
	page_section(page->out, "What failed", "fits that failed for good, by cause; `orch fit` does one again by itself");
	page_table_begin(page->out, headers, 5, "10000");
	json_array_foreach(failures, i, group) {
		const char *left_out = json_get_text(group, "left_out", "");
		char *where = text_format("round %lld, %s, trial %lld, fold %lld%s%s", (long long)json_get_int(group, "round", 0), json_get_text(group, "stage", ""),
		        (long long)json_get_int(group, "trial", 0), (long long)json_get_int(group, "fold", 0), *left_out ? ", without " : "", left_out);
		char *params = json_is_object(json_object_get(group, "params")) ? round_page_settings(json_object_get(group, "params")) : mem_text("");

		page_row_begin(page->out);
		cell_value(page->out, json_object_get(group, "count"));
		page_cell(page->out, json_get_text(group, "cause", ""), 0);
		page_cell(page->out, json_get_text(group, "text", ""), 0);
		page_cell(page->out, where, 0);
		page_cell(page->out, params, 0);
		page_row_end(page->out);
		free(where);
		free(params);
	}
	page_table_end(page->out);
	json_array_foreach(failures, i, group)
		if (i < 5)
			add_output(page->out, json_object_get(group, "output"));
}

static void add_stages(const struct campaign_page *page)
{
	static const char *const headers[] = {"stage", "tasks", "worker seconds", "share, %", "largest worker, MiB"};
	const json_t *stages = json_object_get(page->outcome, "stages"), *stage;
	double all = all_seconds(stages);
	size_t i;

	if (!json_array_size(stages))
		return;
	page_section(page->out, "Where the time went", "worker time added up over all rounds, repeated attempts included");
	page_table_begin(page->out, headers, 5, "01111");
	json_array_foreach(stages, i, stage) {
		char *share = text_format("%.1f", all > 0 ? 100 * json_get_real(stage, "seconds", 0) / all : 0), *memory = text_format("%.1f", json_get_real(stage, "memory", 0) / (1 << 20));

		page_row_begin(page->out);
		page_cell(page->out, json_get_text(stage, "stage", ""), 0);
		cell_value(page->out, json_object_get(stage, "tasks"));
		cell_value(page->out, json_object_get(stage, "seconds"));
		page_cell(page->out, share, 1);
		page_cell(page->out, memory, 1);
		page_row_end(page->out);
		free(share);
		free(memory);
	}
	page_table_end(page->out);
}

static void add_slowest(const struct campaign_page *page)
{
	static const char *const headers[] = {"seconds", "round", "stage", "trial", "fits", "MiB"};
	const json_t *slowest = json_object_get(page->outcome, "slowest"), *task;
	size_t i;

	if (!json_array_size(slowest))
		return;
	page_section(page->out, "Slowest tasks", NULL);
	page_table_begin(page->out, headers, 6, "110111");
	json_array_foreach(slowest, i, task) {
		char *memory = text_format("%.1f", json_get_real(task, "peak_rss", (double)json_get_int(task, "peak_rss", 0)) / (1 << 20));

		page_row_begin(page->out);
		cell_value(page->out, json_object_get(task, "seconds"));
		cell_value(page->out, json_object_get(task, "round"));
		page_cell(page->out, json_get_text(task, "stage", ""), 0);
		cell_value(page->out, json_object_get(task, "trial"));
		cell_value(page->out, json_object_get(task, "fits"));
		page_cell(page->out, memory, 1);
		page_row_end(page->out);
		free(memory);
	}
	page_table_end(page->out);
}

/* ---- where it came from ---- */

static void add_fact(struct text_buf *out, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	page_row_begin(out);
	page_cell(out, name, 0);
	page_cell(out, value, 0);
	page_row_end(out);
}

static void add_facts(struct text_buf *out, const json_t *info)
{
	const json_t *orch = json_object_get(info, "orch"), *data = json_object_get(info, "data"), *from = json_object_get(info, "provenance"), *git = json_object_get(from, "git"),
	             *host = json_object_get(from, "host");
	char *version = text_format("%s, build %s", json_get_text(orch, "version", "?"), json_get_text(orch, "build", "?")), bytes[TEXT_NUMBER_MAX];
	char *machine = text_format("%s: %s, %lld cores, %s, %s %s", json_get_text(host, "name", "?"), json_get_text(host, "cpu", "?"), (long long)json_get_int(host, "cores", 0),
	        text_bytes((uint64_t)json_get_int(host, "memory", 0), bytes), json_get_text(host, "system", ""), json_get_text(host, "release", ""));
	char *commit = json_is_object(git) ? text_format("%s on %s%s", json_get_text(git, "commit", "?"), json_get_text(git, "branch", "?"), json_get_bool(git, "dirty", 0) ?
	        ", with changes that were not committed" : "") : mem_text("not in a repository");
	char *libraries = round_page_settings(json_object_get(from, "libraries"));

	add_fact(out, "orch", version);
	add_fact(out, "source data, SHA-256", json_get_text(data, "source_hash", ""));
	add_fact(out, "folds, SHA-256", json_get_text(data, "folds_hash", ""));
	add_fact(out, "campaign file's commit", commit);
	add_fact(out, "libraries", libraries);
	add_fact(out, "machine", machine);
	free(version);
	free(machine);
	free(commit);
	free(libraries);
}

static void add_provenance(const struct campaign_page *page)
{
	static const char *const headers[] = {"what", "value"};
	char *path = file_join(page->campaign, "campaign.json");
	const json_t *files = json_object_get(page->outcome, "files");
	json_t *info = NULL;

	page_section(page->out, "Where it came from", NULL);
	if (!json_read_file(path, &info, NULL)) {
		page_table_begin(page->out, headers, 2, "00");
		add_facts(page->out, info);
		page_table_end(page->out);
	}
	page_section(page->out, "In a notebook", NULL);
	text_add(page->out, "<pre>");
	text_add_html(page->out, json_get_text(files, "notebook", ""));
	text_add(page->out, "</pre>\n");
	json_decref(info);
	free(path);
}

/* ---- all of it ---- */

static char *subtitle(const struct campaign_page *page)
{
	const json_t *totals = json_object_get(page->outcome, "totals");
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];
	json_int_t rounds = json_get_int(totals, "rounds", 0);

	return text_format("%s: %lld round%s, %s trials, %s fits; %s, %s is better", json_get_text(page->outcome, "state", ""), (long long)rounds, rounds == 1 ? "" : "s",
	        text_count(json_get_int(totals, "trials", 0), a), text_count(json_get_int(totals, "fits", 0), b), page->metric,
	        json_get_bool(page->outcome, "maximise", 0) ? "higher" : "lower");
}

static int write_page(const struct campaign_page *page, struct orch_err *err)
{
	const char *script = NULL;
	size_t length = 0;
	bool charts = charts_script(&script, &length);
	char *under = subtitle(page);
	int code;

	page_begin_script(page->out, json_get_text(page->outcome, "name", "campaign"), under, script, length);
	if (json_is_object(page->chosen))
		add_answer(page);
	else
		page_text(page->out, "answer", "No round has a usable score.");
	add_pictures(page);
	code = add_round(page, charts, err);
	if (!code)
		code = round_page_importance(page->out, page->folder, err);
	if (!code) {
		shap_part_table(page->out, page->folder);
		stability_part_table(page->out, page->folder);
	}
	add_rounds(page);
	add_failures(page);
	add_stages(page);
	add_slowest(page);
	if (!code)
		code = round_page_trials(page->out, page->folder, err);
	add_provenance(page);
	page_end_script(page->out, script, length);
	free(under);
	return code;
}

int campaign_page_write(const char *campaign, const json_t *outcome, long round, struct text_buf *out, struct orch_err *err)
{
	struct campaign_page page = {.out = out, .campaign = campaign, .outcome = outcome, .rounds = json_object_get(outcome, "rounds"), .chosen = json_object_get(outcome, "chosen"),
	        .metric = json_get_text(outcome, "metric", "score")};
	size_t count = json_array_size(page.rounds);
	char *name;
	int code;

	if (!count)
		return orch_fail(err, ORCH_EMISSING, "no round is finished yet: there is nothing to report");
	page.round = round >= 0 ? (unsigned)round : (unsigned)json_get_int(page.chosen, "round", (json_int_t)count - 1);
	if (page.round >= count)
		return orch_fail(err, ORCH_EINPUT, "there is no finished round %u; the last is round %zu", page.round, count - 1);
	name = text_format("rounds/round_%03u", page.round);
	page.folder = file_join(campaign, name);
	code = write_page(&page, err);
	free(page.folder);
	free(name);
	return code;
}
