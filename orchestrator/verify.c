#include "orchestrator/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/campaign_report.h"
#include "orchestrator/round_restore.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/base/seal.h"
#include "storage/bundle.h"
#include "storage/dataset.h"
#include "storage/provenance.h"
#include "storage/round_dir.h"

struct verifying {
	const char *campaign;
	json_t *checks;
	json_t *known; /* manifest hash by round, from the ledger: {"0": hash} */
	unsigned rounds; /* published or named by the ledger */
};

static void note(struct verifying *verifying, const char *what, bool ok, bool derived, const char *format, ...) __attribute__((format(printf, 5, 6)));
static void note(struct verifying *verifying, const char *what, bool ok, bool derived, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	json_t *value;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		orch_bug("out of memory");
	va_end(arguments);
	value = json_string(text);
	json_array_append_new(verifying->checks, json_pack("{s:s, s:b, s:b, s:o}", "what", what, "ok", ok, "derived", derived, "text", value ? value : json_string("")));
	free(text);
}

static char *inside(const struct verifying *verifying, const char *name)
{
	return file_join(verifying->campaign, name);
}

/* ---- one thing each ---- */

/* Against the hash that campaign.json has of it; earlier versions kept none. */
static void check_file(struct verifying *verifying, const json_t *info, const char *name, struct orch_err *err)
{
	const char *said = json_get_text(json_object_get(info, "files"), name, NULL);
	char *path = inside(verifying, name), hash[HASH_HEX];

	if (said && !err->code && !hash_file(path, 0, hash, NULL, err) && strcmp(hash, said))
		orch_fail(err, ORCH_EDAMAGED, "%s is not what the campaign was started with", name);
	free(path);
}

static void check_spec(struct verifying *verifying)
{
	static const char *const names[] = {"campaign.json", "spec.json"};
	struct orch_err err = {0};
	json_t *values[2] = {0};

	for (size_t i = 0; i < 2 && !err.code; i++) {
		char *path = inside(verifying, names[i]);

		json_read_file(path, &values[i], &err);
		free(path);
	}
	check_file(verifying, values[0], "spec.json", &err);
	check_file(verifying, values[0], "campaign.yaml", &err);
	note(verifying, "spec", !err.code, false, "%s", err.code ? err.text : "campaign.json and spec.json can be read, and campaign.yaml is as it was given");
	json_decref(values[0]);
	json_decref(values[1]);
}

static int take_row(void *context, const struct ledger_round *row, struct orch_err *err)
{
	struct verifying *verifying = context;
	char key[16];

	(void)err;
	if (!row->manifest_hash[0])
		return 0;
	snprintf(key, sizeof key, "%u", row->round);
	json_object_set_new(verifying->known, key, json_string(row->manifest_hash));
	if (row->round + 1 > verifying->rounds)
		verifying->rounds = row->round + 1;
	return 0;
}

static void check_ledger(struct verifying *verifying)
{
	char *path = inside(verifying, "ledger.db");
	bool rollback = campaign_dir_needs_rollback_journal(verifying->campaign);
	struct ledger *ledger = NULL;
	struct orch_err err = {0};

	if (ledger_verify(path, rollback, &err))
		note(verifying, "ledger", false, true, "%s", err.text);
	else
		note(verifying, "ledger", true, true, "pages and the checksums of all rows hold");
	orch_err_clear(&err);
	if (!ledger_open(path, LEDGER_READ, rollback, &ledger, &err))
		ledger_each_round(ledger, take_row, verifying, &err);
	if (ledger)
		ledger_close(&ledger, NULL);
	free(path);
}

/* Rounds are numbered without gaps: the highest number found tells how many there should be. */
static void count_rounds(struct verifying *verifying)
{
	char *folder = inside(verifying, "rounds");
	struct file_list list = {0};

	if (!file_list_folder(folder, &list, NULL))
		for (size_t i = 0; i < list.count; i++) {
			int64_t round;

			if (!strncmp(list.names[i], "round_", 6) && text_to_int64(list.names[i] + 6, &round) && round >= (int64_t)verifying->rounds)
				verifying->rounds = (unsigned)round + 1;
		}
	file_list_release(&list);
	free(folder);
}

static size_t count_files(const char *path)
{
	struct file_list list = {0};
	size_t count = file_list_tree(path, &list, NULL) ? 0 : list.count;

	file_list_release(&list);
	return count;
}

/* What to add to a damaged round's text: where it can come back from. */
static const char *remedy(const struct verifying *verifying, unsigned round, const char *known, bool *restorable)
{
	char *name = text_format("bundles/round_%03u.tar.zst", round), *bundle = inside(verifying, name);

	*restorable = round_bundle_holds(bundle, known ? known : "");
	free(name);
	free(bundle);
	return *restorable ? "; its bundle holds it" : "; no bundle holds it: its fits are in the ledger, its files are made again from them";
}

static bool check_round(struct verifying *verifying, unsigned round, const char *path)
{
	char what[32], key[16], hash[65] = "";
	const char *known, *from;
	bool restorable;
	struct orch_err err = {0};

	snprintf(what, sizeof what, "round_%03u", round);
	snprintf(key, sizeof key, "%u", round);
	known = json_get_text(verifying->known, key, NULL);
	if (!file_exists(path))
		orch_fail(&err, ORCH_EDAMAGED, "its folder is not there");
	else if (!round_dir_verify(path, hash, &err) && known && strcmp(known, hash))
		orch_fail(&err, ORCH_EDAMAGED, "its manifest is not the one that the ledger names");
	if (err.code) {
		from = remedy(verifying, round, known, &restorable);
		note(verifying, what, false, restorable, "%s%s", err.text, from);
	} else if (!known) {
		note(verifying, what, false, true, "its files hold, but the ledger does not know it yet");
	} else {
		note(verifying, what, true, false, "all %zu files hold", count_files(path));
		return true;
	}
	return false;
}

static void check_bundle(struct verifying *verifying, unsigned round, const char *path, bool round_holds)
{
	char what[48], number[TEXT_NUMBER_MAX], *bundle;
	struct orch_err err = {0};

	snprintf(what, sizeof what, "bundles/round_%03u.tar.zst", round);
	bundle = inside(verifying, what);
	if (!file_exists(bundle))
		note(verifying, what, false, true, "it is not there");
	else if (bundle_verify(bundle, round_holds ? path : NULL, &err))
		note(verifying, what, false, true, "%s", err.text);
	else
		note(verifying, what, true, true, "holds what its manifest says, %s", text_bytes((uint64_t)file_size(bundle), number));
	free(bundle);
}

static void check_provenance(struct verifying *verifying, unsigned round, const char *path)
{
	char *repository = inside(verifying, "provenance.git"), what[48];
	struct orch_err err = {0};

	snprintf(what, sizeof what, "provenance.git round_%03u", round);
	if (!file_exists(repository))
		note(verifying, what, false, true, "there is no provenance.git");
	else if (provenance_verify_round(repository, round, path, &err))
		note(verifying, what, false, true, "%s", err.text);
	else
		note(verifying, what, true, true, "its commit has the round's manifest");
	free(repository);
}

static void check_rounds(struct verifying *verifying)
{
	count_rounds(verifying);
	for (unsigned round = 0; round < verifying->rounds; round++) {
		char name[32], *path;
		bool holds;

		snprintf(name, sizeof name, "rounds/round_%03u", round);
		path = inside(verifying, name);
		holds = check_round(verifying, round, path);
		check_bundle(verifying, round, path, holds);
		if (holds)
			check_provenance(verifying, round, path);
		free(path);
	}
}

static int count_event(void *context, const json_t *event, struct orch_err *err)
{
	(void)event;
	(void)err;
	++*(size_t *)context;
	return 0;
}

static void check_progress(struct verifying *verifying)
{
	char *path = inside(verifying, "progress.jsonl"), *text = NULL;
	size_t count = 0, length = 0;
	struct orch_err err = {0};

	if (event_log_each(path, count_event, &count, &err))
		note(verifying, "progress.jsonl", false, true, "%s", err.text);
	else if (!file_read(path, 0, &text, &length, NULL) && length && text[length - 1] != '\n')
		note(verifying, "progress.jsonl", false, true, "%zu whole lines, and a torn one at the end", count);
	else
		note(verifying, "progress.jsonl", true, true, "%zu whole lines", count);
	free(text);
	free(path);
}

static void check_summary(struct verifying *verifying)
{
	char *path = inside(verifying, "summary.json");
	struct orch_err err = {0};
	json_t *summary = NULL;
	char *text = NULL;
	size_t listed, length = 0;

	if (verifying->rounds == 0) {
		free(path);
		return;
	}
	if (json_read_file(path, &summary, &err))
		note(verifying, "summary.json", false, true, "%s", file_exists(path) ? err.text : "it is not there");
	else if ((listed = json_array_size(json_object_get(summary, "rounds"))) != verifying->rounds)
		note(verifying, "summary.json", false, true, "lists %zu rounds, there are %u", listed, verifying->rounds);
	else if (file_read(path, 0, &text, &length, &err) || seal_check(text, length) == SEAL_BROKEN)
		note(verifying, "summary.json", false, true, "%s", err.code ? err.text : "it is not what was written: its seal is broken");
	else
		note(verifying, "summary.json", true, true, "lists all %u rounds", verifying->rounds);
	json_decref(summary);
	free(text);
	free(path);
}

/* ---- the data, which lies in the cache ---- */

static int frame_holds(const char *path, const char *hash, struct orch_err *err)
{
	struct frame *frame = NULL;
	char found[65] = "";
	int code = frame_open(path, true, &frame, err);

	frame_close(frame);
	if (!code)
		code = dataset_frame_hash(path, found, err);
	return code || !strcmp(found, hash) ? code : orch_fail(err, ORCH_EDAMAGED, "%s is whole, but not what the campaign was started with", path);
}

static int folds_hold(const char *path, const char *hash, struct orch_err *err)
{
	char found[HASH_HEX] = "";
	int code = hash_file(path, 0, found, NULL, err);

	return code || !strcmp(found, hash) ? code : orch_fail(err, ORCH_EDAMAGED, "%s is not what the campaign was started with", path);
}

static void check_cached(struct verifying *verifying, const char *what, const char *path, const char *hash, int (*holds)(const char *, const char *, struct orch_err *))
{
	struct orch_err err = {0};

	if (!file_exists(path))
		note(verifying, what, true, true, "not in the cache any more: made again from the source when it is needed");
	else if (holds(path, hash, &err))
		note(verifying, what, false, true, "%s (it lies in the cache: removing it costs time only)", err.text);
	else
		note(verifying, what, true, true, "in the cache, and what the campaign was started with");
}

static void check_data(struct verifying *verifying)
{
	char *path = inside(verifying, "campaign.json");
	json_t *info = NULL, *data;

	if (!json_read_file(path, &info, NULL)) {
		data = json_object_get(info, "data");
		check_cached(verifying, "data", json_get_text(data, "frame", ""), json_get_text(data, "frame_hash", ""), frame_holds);
		check_cached(verifying, "folds", json_get_text(data, "folds", ""), json_get_text(data, "folds_hash", ""), folds_hold);
	}
	json_decref(info);
	free(path);
}

int verify_campaign(const char *campaign, json_t **checks, struct orch_err *err)
{
	struct verifying verifying = {.campaign = campaign};
	struct campaign_dir *dir = NULL;
	int code = campaign_dir_open(campaign, false, &dir, err);

	if (code)
		return code;
	verifying.checks = json_array();
	verifying.known = json_object();
	check_spec(&verifying);
	check_ledger(&verifying);
	check_rounds(&verifying);
	check_progress(&verifying);
	check_summary(&verifying);
	check_data(&verifying);
	json_decref(verifying.known);
	campaign_dir_close(dir);
	*checks = verifying.checks;
	return 0;
}

/* ---- making again what is derived ---- */

/* Lines that are whole and JSON stay; event_log_each tells whether any does not. The log is open, so it is put back in place afterwards. */
static int mend_progress(struct campaign *campaign, struct text_buf *said, struct orch_err *err)
{
	char *path = campaign_dir_path(campaign->dir, "progress.jsonl"), *text = NULL;
	size_t count = 0, length = 0, dropped = 0;
	struct text_buf kept = {0};
	int code = 0;

	if (!event_log_each(path, count_event, &count, NULL))
		goto out;
	code = file_read(path, 0, &text, &length, err);
	for (char *line = text, *end; !code && line && (end = memchr(line, '\n', length - (size_t)(line - text))); line = end + 1) {
		json_t *value = NULL;

		if (json_parse(line, (size_t)(end - line), "progress.jsonl", &value, NULL))
			dropped++;
		else
			text_add_bytes(&kept, line, (size_t)(end - line) + 1);
		json_decref(value);
	}
	event_log_close(campaign->progress);
	campaign->progress = NULL;
	if (!code)
		code = file_replace(path, kept.data ? kept.data : "", kept.length, err);
	if (!code)
		code = event_log_open(path, &campaign->progress, err);
	text_addf(said, "progress.jsonl: %zu damaged line%s taken out\n", dropped, dropped == 1 ? "" : "s");
out:
	text_buf_release(&kept);
	free(text);
	free(path);
	return code;
}

static int seal(struct campaign *campaign, unsigned round, struct text_buf *said, struct orch_err *err)
{
	char *path = campaign_round_path(campaign, round), *aside = NULL, known[65], hash[65];
	struct orch_err why = {0};
	int code = round_known_manifest(campaign, round, known, err);
	bool holds = !code && file_exists(path) && !round_dir_verify(path, hash, &why) && (!known[0] || !strcmp(hash, known));

	if (!code && !holds) {
		orch_err_clear(&why);
		code = round_restore(campaign, round, known, &aside, &why);
		holds = !code;
		if (code == ORCH_EMISSING) {
			text_addf(said, "round %u: left as it is, it is damaged and no bundle holds it: orch resume --redo-damaged does it again\n", round);
			code = 0;
		} else if (code) {
			orch_fail(err, code, "%s", why.text);
		} else {
			text_addf(said, "round %u: restored from its bundle%s%s\n", round, aside ? "; what was there is in " : "", aside ? aside : "");
		}
	}
	if (!code && holds)
		code = campaign_seal_round(campaign, round, err);
	free(aside);
	free(path);
	return code;
}

static int mend_summary(struct campaign *campaign, unsigned rounds, struct text_buf *said, struct orch_err *err)
{
	json_t *next = NULL;
	int code;

	if (!rounds)
		return 0;
	if (!campaign->study) {
		text_add(said, "summary.json: left as it is: the data is neither in the cache nor at its source\n");
		return 0;
	}
	code = campaign_next_features(campaign, rounds - 1, &next, err);
	if (!code)
		code = campaign_write_summary(campaign, rounds, next == NULL, err);
	json_decref(next);
	return code;
}

int verify_rebuild(struct campaign *campaign, struct text_buf *said, struct orch_err *err)
{
	unsigned rounds = 0;
	int code = mend_progress(campaign, said, err);

	for (;; rounds++) {
		char *path = campaign_round_path(campaign, rounds), known[65] = "";
		bool there = file_exists(path);

		free(path);
		if (!code)
			code = round_known_manifest(campaign, rounds, known, err);
		if (code || (!there && !known[0]))
			break;
		code = seal(campaign, rounds, said, err);
	}
	if (!code)
		code = mend_summary(campaign, rounds, said, err);
	if (!code && rounds)
		code = campaign_report_renew(campaign->dir->path, err);
	if (campaign->kept.length)
		text_add(said, campaign->kept.data);
	return code;
}
