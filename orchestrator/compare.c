#include "orchestrator/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/lofo/lofo_stats.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/campaign_dir.h"

struct entry {
	char *campaign, *folder, *label; /* folder: of the round */
	long round;
	json_t *spec, *info, *summary, *metrics, *best, *features, *split;
	const json_t *cv;    /* of the metric */
	double *scores;
	size_t folds;
};
struct comparing {
	struct entry entries[COMPARE_MOST];
	size_t count;
	const struct metric *metric;
};

/* ---- what is meant ---- */

/* "X/rounds/round_003" -> X and 3. */
static bool is_round_path(const char *text, char **campaign, long *round)
{
	char *path = file_absolute(text);
	const char *at = strstr(path, "/rounds/round_");
	int64_t number;
	size_t length = strlen(path);

	while (length && path[length - 1] == '/')
		path[--length] = '\0';
	while (at && strstr(at + 1, "/rounds/round_"))
		at = strstr(at + 1, "/rounds/round_");
	if (!at || !text_to_int64(at + strlen("/rounds/round_"), &number) || number < 0) {
		free(path);
		return false;
	}
	*campaign = text_format("%.*s", (int)(at - path), path);
	*round = (long)number;
	free(path);
	return true;
}

static int find(struct entry *entry, const char *text, struct orch_err *err)
{
	const char *colon = strrchr(text, ':');
	char *folder = NULL;
	int64_t number = -1;
	int code;

	entry->round = -1;
	if (is_round_path(text, &folder, &entry->round)) {
		code = campaign_dir_find(folder, &entry->campaign, err);
	} else if (colon && colon > text && !file_exists(text)) {
		folder = text_format("%.*s", (int)(colon - text), text);
		if (!text_to_int64(colon + 1, &number) || number < 0 || number > 100000)
			code = orch_fail(err, ORCH_EINPUT, "\"%s\": after the colon stands the number of a round", text);
		else
			code = campaign_dir_find(folder, &entry->campaign, err);
		entry->round = (long)number;
	} else {
		code = campaign_dir_find(text, &entry->campaign, err);
	}
	free(folder);
	return code;
}

/* ---- reading ---- */

static int read_in(const char *folder, const char *name, json_t **out, struct orch_err *err)
{
	char *path = file_join(folder, name);
	int code = json_read_file(path, out, err);

	free(path);
	return code;
}

static int find_round(struct entry *entry, struct orch_err *err)
{
	char *name;

	if (read_in(entry->campaign, "summary.json", &entry->summary, NULL) || !json_array_size(json_object_get(entry->summary, "rounds")))
		return orch_fail(err, ORCH_EMISSING, "no round of %s is finished yet: there is nothing to compare", entry->campaign);
	if (entry->round < 0)
		entry->round = (long)json_get_int(json_object_get(entry->summary, "chosen"), "round", (json_int_t)json_array_size(json_object_get(entry->summary, "rounds")) - 1);
	name = text_format("rounds/round_%03ld", entry->round);
	entry->folder = file_join(entry->campaign, name);
	free(name);
	if (!file_is_folder(entry->folder))
		return orch_fail(err, ORCH_EINPUT, "%s has no finished round %ld; the last is round %zu", entry->campaign, entry->round,
		        json_array_size(json_object_get(entry->summary, "rounds")) - 1);
	return 0;
}

static int read_entry(struct entry *entry, const char *text, struct orch_err *err)
{
	int code = find(entry, text, err);

	if (!code)
		code = find_round(entry, err);
	if (!code)
		code = read_in(entry->campaign, "spec.json", &entry->spec, err);
	if (!code)
		code = read_in(entry->campaign, "campaign.json", &entry->info, err);
	if (!code)
		code = read_in(entry->folder, "03_baseline/metrics.json", &entry->metrics, err);
	if (!code)
		code = read_in(entry->folder, "01_hpo/best.json", &entry->best, err);
	if (!code)
		code = read_in(entry->folder, "00_dataset/features.json", &entry->features, err);
	if (!code)
		code = read_in(entry->folder, "00_dataset/split.json", &entry->split, err);
	return code;
}

static int take_scores(struct entry *entry, const char *metric, struct orch_err *err)
{
	const json_t *folds;

	entry->cv = json_object_get(json_object_get(entry->metrics, "cv"), metric);
	folds = json_object_get(entry->cv, "folds");
	entry->folds = json_array_size(folds);
	if (!entry->folds)
		return orch_fail(err, ORCH_EINPUT, "%s round %ld has no scores in %s; its metric is %s", entry->campaign, entry->round, metric, json_get_text(entry->metrics, "metric", "?"));
	entry->scores = mem_must(entry->folds, sizeof *entry->scores);
	for (size_t j = 0; j < entry->folds; j++)
		entry->scores[j] = json_is_number(json_array_get(folds, j)) ? json_number_value(json_array_get(folds, j)) : NAN;
	return 0;
}

static void release_entry(struct entry *entry)
{
	json_decref(entry->spec);
	json_decref(entry->info);
	json_decref(entry->summary);
	json_decref(entry->metrics);
	json_decref(entry->best);
	json_decref(entry->features);
	json_decref(entry->split);
	free(entry->campaign);
	free(entry->folder);
	free(entry->label);
	free(entry->scores);
}

static void label_entries(struct comparing *comparing)
{
	for (size_t i = 0; i < comparing->count; i++) {
		struct entry *entry = &comparing->entries[i];

		entry->label = text_format("%c", (int)('A' + i));
	}
}

/* ---- scores ---- */

/* n_te / n_tr, mean over the folds. */
static double test_train(const struct entry *entry)
{
	const json_t *folds = json_object_get(entry->split, "folds"), *fold;
	double sum = 0;
	size_t i;

	json_array_foreach(folds, i, fold)
		sum += json_get_real(fold, "test", (double)json_get_int(fold, "test", 0)) / json_get_real(fold, "train", (double)json_get_int(fold, "train", 1));
	return i ? sum / (double)i : 1;
}

/* The interval of a score by itself: its difference to a score of 0 on every fold. */
static int interval(const struct comparing *comparing, const struct entry *entry, double *low, double *high, struct orch_err *err)
{
	double *zeros = mem_must(entry->folds, sizeof *zeros);
	struct lofo_request request = {.metric = comparing->metric, .folds = entry->folds, .with = entry->scores, .units = 1, .without = zeros, .test_train = test_train(entry)};
	struct lofo_stat stat;
	int code = lofo_stats(&request, &stat, NULL, err);

	free(zeros);
	if (!code) {
		*low = comparing->metric->maximise ? stat.ci_low : -stat.ci_high;
		*high = comparing->metric->maximise ? stat.ci_high : -stat.ci_low;
	}
	return code;
}

static int entry_json(const struct comparing *comparing, const struct entry *entry, json_t **out, struct orch_err *err)
{
	const char *metric = comparing->metric->name;
	double low = NAN, high = NAN, sd = json_get_real(entry->cv, "sd", NAN);
	json_t *holdout = json_object_get(json_object_get(entry->metrics, "holdout"), metric);
	int code = interval(comparing, entry, &low, &high, err);

	if (!code)
		*out = json_pack("{s:s, s:O?, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:O?, s:I}", "label", entry->label, "name", json_object_get(entry->summary, "name"), "campaign", entry->campaign,
		        "round", (json_int_t)entry->round, "features", (json_int_t)json_array_size(entry->features), "score", json_number_or_null(json_get_real(entry->cv, "mean", NAN)), "se",
		        json_number_or_null(sd / sqrt((double)entry->folds)), "ci_low", json_number_or_null(low), "ci_high", json_number_or_null(high), "holdout", holdout, "trials",
		        (json_int_t)json_get_int(entry->best, "trials", 0));
	return code;
}

static const char *hash_of(const struct entry *entry, const char *name)
{
	return json_get_text(json_object_get(entry->info, "data"), name, "");
}

static const json_t *target_of(const struct entry *entry)
{
	return json_object_get(json_object_get(entry->spec, "data"), "target");
}

static json_t *unpaired(const char *why)
{
	return json_pack("{s:b, s:s}", "paired", 0, "why", why);
}

static json_t *test_json(const struct comparing *comparing, const struct entry *entry, double *p, struct orch_err *err)
{
	const struct entry *first = &comparing->entries[0];
	struct lofo_request request = {.metric = comparing->metric, .folds = entry->folds, .with = entry->scores, .units = 1, .without = first->scores, .test_train = test_train(entry)};
	struct lofo_stat stat;

	*p = NAN;
	if (!json_equal(target_of(entry), target_of(first)))
		return unpaired("another target: the scores cannot be compared");
	if (strcmp(hash_of(entry, "frame_hash"), hash_of(first, "frame_hash")) && strcmp(hash_of(entry, "source_hash"), hash_of(first, "source_hash")))
		return unpaired("other data: only the intervals can be compared");
	if (strcmp(hash_of(entry, "folds_hash"), hash_of(first, "folds_hash")) || entry->folds != first->folds)
		return unpaired("other folds: only the intervals can be compared");
	if (lofo_stats(&request, &stat, NULL, err))
		return NULL;
	*p = stat.p;
	return json_pack("{s:b, s:I, s:o, s:o, s:o, s:o}", "paired", 1, "folds", (json_int_t)stat.pairs, "mean", json_number_or_null(stat.delta_mean), "ci_low",
	        json_number_or_null(stat.ci_low), "ci_high", json_number_or_null(stat.ci_high), "p", json_number_or_null(stat.p));
}

static int add_tests(const struct comparing *comparing, json_t *tests, struct orch_err *err)
{
	double p[COMPARE_MOST], adjusted[COMPARE_MOST];
	int code = 0;

	json_array_append_new(tests, json_null());
	for (size_t i = 1; i < comparing->count; i++) {
		json_t *test = test_json(comparing, &comparing->entries[i], &p[i - 1], err);

		if (!test)
			return ORCH_EINPUT;
		json_array_append_new(tests, test);
	}
	code = lofo_adjust_holm(p, comparing->count - 1, adjusted, err);
	for (size_t i = 1; i < comparing->count && !code; i++)
		if (json_get_bool(json_array_get(tests, i), "paired", 0))
			json_object_set_new(json_array_get(tests, i), "p_holm", json_number_or_null(adjusted[i - 1]));
	return code;
}

/* ---- differences ---- */

/* key -> value in flat, objects opened; what is empty stays as it is. */
static void flatten(const json_t *value, const char *prefix, json_t *flat)
{
	const char *name;
	json_t *inner;

	if (!json_object_size(value)) {
		json_object_set(flat, prefix, (json_t *)(uintptr_t)value);
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)value, name, inner) {
		char *key = *prefix ? text_format("%s.%s", prefix, name) : mem_text(name);

		flatten(inner, key, flat);
		free(key);
	}
}

/* [{key, values}] of the keys whose values are not the same in all flats; absent: null. */
static json_t *differences(json_t *const *flats, size_t count)
{
	json_t *list = json_array(), *keys = json_object(), *unused;
	const char *key;

	for (size_t i = 0; i < count; i++)
		json_object_update_missing(keys, flats[i]);
	json_object_foreach(keys, key, unused) {
		json_t *values = json_array();
		bool same = true;

		(void)unused;
		for (size_t i = 0; i < count; i++) {
			json_t *value = json_object_get(flats[i], key);

			json_array_append_new(values, value ? json_incref(value) : json_null());
			same = same && json_equal(json_array_get(values, i), json_array_get(values, 0));
		}
		if (!same)
			json_array_append_new(list, json_pack("{s:s, s:O}", "key", key, "values", values));
		json_decref(values);
	}
	json_decref(keys);
	return list;
}

static json_t *flat_spec(const struct entry *entry)
{
	json_t *flat = json_object();

	flatten(entry->spec, "", flat);
	json_object_del(flat, "name");
	return flat;
}

static json_t *flat_data(const struct entry *entry)
{
	json_t *orch = json_object_get(entry->info, "orch"), *data = json_object_get(entry->info, "data"), *split = entry->split;

	return json_pack("{s:O?, s:O?, s:O?, s:O?, s:O?, s:O?}", "source, SHA-256", json_object_get(data, "source_hash"), "prepared, SHA-256", json_object_get(data, "frame_hash"),
	        "folds, SHA-256", json_object_get(data, "folds_hash"), "rows held out", json_object_get(split, "holdout"), "orch", json_object_get(orch, "build"), "processor",
	        json_object_get(orch, "cpu"));
}

static json_t *flat_params(const struct entry *entry)
{
	json_t *flat = json_object();

	flatten(json_object_get(entry->best, "params"), "", flat);
	return flat;
}

static json_t *flat_features(const struct entry *entry)
{
	json_t *flat = json_object(), *name;
	size_t i;

	json_array_foreach(entry->features, i, name)
		json_object_set_new(flat, json_string_value(name), json_true());
	return flat;
}

static json_t *differ(const struct comparing *comparing, json_t *(*flat)(const struct entry *entry))
{
	json_t *flats[COMPARE_MOST], *list;

	for (size_t i = 0; i < comparing->count; i++)
		flats[i] = flat(&comparing->entries[i]);
	list = differences(flats, comparing->count);
	for (size_t i = 0; i < comparing->count; i++)
		json_decref(flats[i]);
	return list;
}

/* ---- all of it ---- */

static int result(const struct comparing *comparing, json_t **out, struct orch_err *err)
{
	json_t *entries = json_array(), *tests = json_array();
	int code = 0;

	for (size_t i = 0; i < comparing->count && !code; i++) {
		json_t *entry = NULL;

		code = entry_json(comparing, &comparing->entries[i], &entry, err);
		if (!code)
			json_array_append_new(entries, entry);
	}
	if (!code)
		code = add_tests(comparing, tests, err);
	if (!code)
		*out = json_pack("{s:i, s:s, s:b, s:f, s:O, s:O, s:{s:o, s:o, s:o, s:o}}", "version", COMPARE_VERSION, "metric", comparing->metric->name, "maximise", comparing->metric->maximise,
		        "level", 0.95, "entries", entries, "tests", tests, "differences", "spec", differ(comparing, flat_spec), "data", differ(comparing, flat_data), "params",
		        differ(comparing, flat_params), "features", differ(comparing, flat_features));
	json_decref(entries);
	json_decref(tests);
	return code;
}

int compare_read(const char *const *what, size_t count, const char *metric, json_t **out, struct orch_err *err)
{
	struct comparing comparing = {0};
	int code = 0;

	if (count < 2 || count > COMPARE_MOST)
		return orch_fail(err, ORCH_EINPUT, "needs 2 to %d campaigns or rounds: orch compare A B, or A:0 A:3 for rounds of one", COMPARE_MOST);
	for (size_t i = 0; i < count && !code; i++) {
		comparing.count = i + 1;
		code = read_entry(&comparing.entries[i], what[i], err);
	}
	if (!code && !metric)
		metric = json_get_text(comparing.entries[0].metrics, "metric", "");
	for (size_t i = 0; i < count && !code; i++)
		code = take_scores(&comparing.entries[i], metric, err);
	if (!code && !(comparing.metric = metric_find(metric)))
		code = orch_fail(err, ORCH_EINPUT, "there is no metric \"%s\"", metric);
	if (!code) {
		label_entries(&comparing);
		code = result(&comparing, out, err);
	}
	for (size_t i = 0; i < comparing.count; i++)
		release_entry(&comparing.entries[i]);
	return code;
}
