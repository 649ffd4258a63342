#include "orchestrator/warm_start.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/base/text.h"
#include "storage/campaign_dir.h"

#define META "warm_start"

static const char *first_metric(const json_t *resolved)
{
	json_t *metric = json_object_get(resolved, "metric");
	const char *name = json_string_value(json_is_array(metric) ? json_array_get(metric, 0) : metric);

	return name ? name : "";
}

/* Scores of another metric or target would mislead the sampler without a word. */
static int check_other(const struct spec *spec, const char *folder, struct orch_err *err)
{
	char *path = file_join(folder, "spec.json");
	json_t *other = NULL;
	int code = json_read_file(path, &other, NULL);

	if (code)
		code = orch_fail(err, ORCH_EINPUT, "hpo.warm_start: %s is no campaign folder", folder);
	else if (strcmp(first_metric(other), first_metric(spec->resolved)))
		code = orch_fail(err, ORCH_EINPUT, "hpo.warm_start: %s optimised %s, this campaign %s: name the same metric", folder,
		        *first_metric(other) ? first_metric(other) : "the metric of its task", *first_metric(spec->resolved) ? first_metric(spec->resolved) : "the metric of its task");
	else if (!json_equal(json_object_get(json_object_get(other, "data"), "target"), json_object_get(json_object_get(spec->resolved, "data"), "target")))
		code = orch_fail(err, ORCH_EINPUT, "hpo.warm_start: %s has another target than this campaign, so its scores do not compare", folder);
	json_decref(other);
	free(path);
	return code;
}

static int take_trial(void *context, const struct ledger_trial *trial, struct orch_err *err)
{
	json_t *list = context, *params = NULL;
	int code;

	if (!trial->params || trial->state == LEDGER_PRUNED)
		return 0;
	code = json_parse(trial->params, strlen(trial->params), "ledger", &params, err);
	if (!code)
		json_array_append_new(list, json_pack("{s:o, s:o}", "params", params, "score", json_number_or_null(trial->state == LEDGER_DONE ? trial->mean : NAN)));
	return code;
}

int warm_start_read(const struct spec *spec, json_t **out, struct orch_err *err)
{
	const char *named = spec->hpo.warm_start;
	char *folder, *path;
	struct ledger *ledger = NULL;
	json_t *list;
	int code;

	*out = NULL;
	if (!named)
		return 0;
	folder = named[0] == '/' ? mem_text(named) : file_join(spec->base, named);
	path = file_join(folder, "ledger.db");
	list = json_array();
	code = check_other(spec, folder, err);
	if (!code)
		code = ledger_open(path, LEDGER_READ, campaign_dir_needs_rollback_journal(folder), &ledger, err);
	if (!code)
		code = ledger_each_trial(ledger, 0, take_trial, list, err);
	if (!code && !json_array_size(list))
		code = orch_fail(err, ORCH_EINPUT, "hpo.warm_start: %s has no trial that has ended", folder);
	if (ledger)
		ledger_close(&ledger, NULL);
	if (code)
		json_decref(list);
	else
		*out = list;
	free(path);
	free(folder);
	return code;
}

char *warm_start_warning(const struct spec *spec, const char *source_hash)
{
	const char *named = spec->hpo.warm_start, *other;
	char *folder, *path, *text = NULL;
	json_t *info = NULL;

	if (!named)
		return NULL;
	folder = named[0] == '/' ? mem_text(named) : file_join(spec->base, named);
	path = file_join(folder, "campaign.json");
	if (!json_read_file(path, &info, NULL)) {
		other = json_get_text(json_object_get(info, "data"), "source_hash", source_hash);
		if (strcmp(other, source_hash))
			text = text_format("hpo.warm_start: %s was of other data than this campaign, so its scores may not compare and may mislead the sampler", named);
	}
	json_decref(info);
	free(path);
	free(folder);
	return text;
}

static void hash_of(const char *text, char out[HASH_HEX])
{
	struct hash hash;

	hash_begin(&hash);
	hash_add_text(&hash, text);
	hash_end_hex(&hash, out);
}

static int keep(struct ledger *ledger, json_t *list, struct orch_err *err)
{
	char *text = json_text(list, JSON_STYLE_CANONICAL), *kept, hex[HASH_HEX];
	int code;

	hash_of(text, hex);
	kept = text_format("{\"sha256\":\"%s\",\"trials\":%s}", hex, text);
	code = ledger_meta_set(ledger, META, kept, err);
	if (!code)
		code = ledger_flush(ledger, err);
	free(kept);
	free(text);
	return code;
}

/* ORCH_EMISSING: nothing was kept; what that means is the caller's to say. */
static int read_kept(struct ledger *ledger, json_t **trials, struct orch_err *err)
{
	char *text = NULL, *list = NULL, hex[HASH_HEX] = "";
	struct orch_err said = {0};
	json_t *object = NULL;
	int code = ledger_meta_get(ledger, META, &text, &said);

	if (code)
		return code == ORCH_EMISSING ? code : orch_fail(err, code, "%s", said.text);
	code = json_parse(text, strlen(text), "ledger", &object, err);
	if (!code) {
		list = json_text(json_object_get(object, "trials"), JSON_STYLE_CANONICAL);
		hash_of(list, hex);
		if (strcmp(hex, json_get_text(object, "sha256", "-")))
			code = orch_fail(err, ORCH_EDAMAGED, "the observations that hpo.warm_start brought are not those that were recorded");
	}
	if (!code)
		*trials = json_incref(json_object_get(object, "trials"));
	json_decref(object);
	free(list);
	free(text);
	return code;
}

int warm_start_record(const struct spec *spec, struct ledger *ledger, size_t *count, struct orch_err *err)
{
	json_t *list = NULL;
	int code;

	*count = 0;
	if (!spec->hpo.warm_start)
		return 0;
	code = read_kept(ledger, &list, err);
	if (code == ORCH_EMISSING) {
		code = warm_start_read(spec, &list, err);
		if (!code)
			code = keep(ledger, list, err);
	}
	*count = code ? 0 : json_array_size(list);
	json_decref(list);
	return code;
}

int warm_start_load(const struct spec *spec, struct ledger *ledger, struct sampler_observation **out, size_t *count, json_t **keep_alive, struct orch_err *err)
{
	struct sampler_observation *observations;
	json_t *trials = NULL, *trial;
	size_t i;
	int code;

	*out = NULL;
	*count = 0;
	*keep_alive = NULL;
	if (!spec->hpo.warm_start || !ledger)
		return 0;
	code = read_kept(ledger, &trials, err);
	if (code == ORCH_EMISSING)
		return orch_fail(err, ORCH_EDAMAGED, "the ledger has lost the observations that hpo.warm_start brought");
	if (code)
		return code;
	observations = mem_must(json_array_size(trials) + 1, sizeof *observations);
	json_array_foreach(trials, i, trial)
		observations[i] = (struct sampler_observation){json_object_get(trial, "params"), json_get_real(trial, "score", NAN)};
	*out = observations;
	*count = json_array_size(trials);
	*keep_alive = trials;
	return 0;
}
