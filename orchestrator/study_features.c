/* What is found among the features before any model: constants, copies, what is correlated, groups.
 * A pure function of the prepared columns, the holdout and the spec, so every process that opens the study finds the same. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/features/screen.h"
#include "engines/features/spearman.h"
#include "orchestrator/adaptive_folds.h"
#include "orchestrator/study.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/dataset.h"

#define SAMPLE_ROWS 100000      /* rank correlations are made from about so many rows, fewer ... */
#define SAMPLE_CELLS 50000000u /* ... where there are so many features that 200 MB would not hold the ranks */
#define FEATURES_MAX 5000      /* all pairs of more are not kept in memory */
#define CACHE_VERSION "spearman 2"
#define NAMES_SHOWN 5

bool study_correlates(const struct study *study)
{
	return study->spec->lofo.auto_groups > 0 || study->spec->data.prune.correlated > 0;
}

bool study_prunes(const struct study *study)
{
	const struct spec_prune *prune = &study->spec->data.prune;

	return prune->constants || prune->duplicates || prune->correlated > 0;
}

static uint32_t *rows_outside_holdout(const struct study *study, size_t *count)
{
	uint32_t *rows = mem_array(study->frame->rows + 1, sizeof *rows);

	*count = 0;
	for (size_t i = 0; rows && i < study->frame->rows; i++)
		if (study->split->fold[i] != SPLIT_HOLDOUT)
			rows[(*count)++] = (uint32_t)i;
	return rows;
}

/* ---- rank correlations, kept in the cache: a hash of what follows, then all x all doubles ---- */

static char *cache_path(const struct study *study)
{
	struct hash hash;
	char key[HASH_HEX];

	hash_begin(&hash);
	hash_add_text(&hash, CACHE_VERSION);
	hash_add_text(&hash, study->frame_hash);
	hash_add_text(&hash, study->folds_hash);
	hash_add(&hash, &study->spec->seed, sizeof study->spec->seed); /* of the sample */
	hash_end_hex(&hash, key);
	return dataset_cache_path("spearman", key, ".spearman");
}

static void digest_of(const double *rho, size_t bytes, char out[HASH_HEX])
{
	struct hash hash;

	hash_begin(&hash);
	hash_add(&hash, rho, bytes);
	hash_end_hex(&hash, out);
}

static double *read_cache(const char *path, size_t bytes)
{
	char *content = NULL, digest[HASH_HEX];
	double *rho = NULL;
	size_t length = 0;

	if (file_exists(path) && !file_read(path, 0, &content, &length, NULL) && length == HASH_HEX - 1 + bytes && (rho = mem_array(bytes + 1, 1))) {
		memcpy(rho, content + HASH_HEX - 1, bytes);
		digest_of(rho, bytes, digest);
		if (memcmp(digest, content, HASH_HEX - 1)) {
			free(rho);
			rho = NULL;
		}
	}
	free(content);
	return rho;
}

static int write_cache(const char *path, const double *rho, size_t bytes, struct orch_err *err)
{
	char *content = mem_array(HASH_HEX + bytes, 1);
	int code = 0;

	if (!content)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the rank correlations");
	digest_of(rho, bytes, content);
	memcpy(content + HASH_HEX - 1, rho, bytes);
	if (file_exists(path))
		code = file_remove_tree(path, err); /* damaged: it costs time only */
	if (!code)
		code = dataset_cache_store(path, content, HASH_HEX - 1 + bytes, err);
	free(content);
	return code;
}

static int compute_correlations(const struct study *study, double *rho, struct orch_err *err)
{
	size_t count = study->all_feature_count, row_count, most = SAMPLE_CELLS / count < SAMPLE_ROWS ? SAMPLE_CELLS / count : SAMPLE_ROWS;
	uint32_t *rows = rows_outside_holdout(study, &row_count);
	int code;

	if (!rows)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the list of rows");
	row_count = spearman_sample(rows, row_count, most, study->spec->seed);
	code = spearman(study->all_features, count, rows, row_count, rho, err);
	free(rows);
	return code;
}

int study_correlations(const struct study *study, double **out, struct orch_err *err)
{
	size_t count = study->all_feature_count, bytes = count * count * sizeof(double);
	char *path;
	double *rho;
	int code = 0;

	if (count > FEATURES_MAX)
		return orch_fail(err, ORCH_EINPUT, "%s compares all pairs of features, and %zu are too many for that (%d are the most): exclude some, or do without it",
		        study->spec->lofo.auto_groups > 0 ? "lofo.groups: auto" : "data.prune.correlated", count, FEATURES_MAX);
	path = cache_path(study);
	rho = read_cache(path, bytes);
	if (!rho) {
		rho = mem_array(count * count + 1, sizeof *rho);
		code = rho ? compute_correlations(study, rho, err) : orch_fail(err, ORCH_ENOMEM, "no memory for the rank correlations of %zu features", count);
		if (!code)
			code = write_cache(path, rho, bytes, err);
	}
	free(path);
	if (code)
		free(rho);
	else
		*out = rho;
	return code;
}

/* ---- groups ---- */

static bool name_is_taken(const struct study *study, const char *name)
{
	const struct spec_lofo *lofo = &study->spec->lofo;

	for (size_t i = 0; i < study->all_feature_count; i++)
		if (!strcmp(study->all_features[i]->name, name))
			return true;
	for (size_t g = 0; g < lofo->group_count; g++)
		if (!strcmp(lofo->groups[g].name, name))
			return true;
	return false;
}

/* "auto:carat", after the first feature of the group. */
static const char *group_name(struct study *study, size_t first)
{
	char *name = text_format("auto:%s", study->all_features[first]->name), *longer;
	const char *kept;

	while (name_is_taken(study, name)) {
		longer = text_format("auto:%s", name);
		free(name);
		name = longer;
	}
	kept = arena_text(&study->arena, name);
	free(name);
	if (!kept)
		orch_bug("out of memory");
	return kept;
}

static void take_declared(struct study *study)
{
	const struct spec_lofo *lofo = &study->spec->lofo;

	for (size_t f = 0; f < study->all_feature_count; f++)
		for (size_t g = 0; g < lofo->group_count; g++)
			for (size_t i = 0; i < lofo->groups[g].count; i++)
				if (!strcmp(lofo->groups[g].items[i], study->all_features[f]->name))
					study->group_names[f] = lofo->groups[g].name;
}

/* Declared groups come first: their features are in no found one. */
static void find_groups(struct study *study, const double *rho)
{
	size_t count = study->all_feature_count, *component = mem_must(count + 1, sizeof *component), *members = mem_must(count + 1, sizeof *members);
	bool *is_free = mem_must(count + 1, sizeof *is_free);

	for (size_t f = 0; f < count; f++)
		is_free[f] = !study->group_names[f] && study->pruned[f].reason == SCREEN_KEPT;
	screen_components(rho, count, study->spec->lofo.auto_groups, is_free, component);
	for (size_t f = 0; f < count; f++)
		members[component[f]]++;
	for (size_t f = 0; f < count; f++) {
		if (component[f] == f && members[f] > 1) {
			study->group_names[f] = group_name(study, f);
			study->found_groups++;
		} else if (component[f] != f) {
			study->group_names[f] = study->group_names[component[f]];
		}
	}
	free(component);
	free(members);
	free(is_free);
}

/* ---- all of it ---- */

static void screen(struct study *study, const double *rho, const uint32_t *rows, size_t row_count)
{
	const struct spec_prune *prune = &study->spec->data.prune;
	size_t count = study->all_feature_count;

	if (prune->constants)
		screen_constants(study->all_features, count, rows, row_count, study->pruned);
	if (prune->duplicates)
		screen_duplicates(study->all_features, count, study->pruned);
	if (prune->correlated > 0)
		screen_correlated(rho, count, prune->correlated, study->pruned);
	for (size_t f = 0; f < count; f++)
		study->start_feature_count += study->pruned[f].reason == SCREEN_KEPT;
	memcpy(study->offered, study->pruned, count * sizeof *study->offered);
	screen_constants(study->all_features, count, rows, row_count, study->offered);
	screen_duplicates(study->all_features, count, study->offered);
	for (size_t f = 0; f < count; f++)
		if (study->pruned[f].reason != SCREEN_KEPT)
			study->offered[f] = (struct screen_mark){SCREEN_KEPT, SIZE_MAX, NAN};
}

int study_find_features(struct study *study, struct orch_err *err)
{
	size_t count = study->all_feature_count, row_count;
	uint32_t *rows = rows_outside_holdout(study, &row_count);
	double *rho = NULL;
	int code = 0;

	study->pruned = mem_must(count + 1, sizeof *study->pruned);
	study->offered = mem_must(count + 1, sizeof *study->offered);
	study->group_names = mem_must(count + 1, sizeof *study->group_names);
	for (size_t f = 0; f < count; f++)
		study->pruned[f] = (struct screen_mark){SCREEN_KEPT, SIZE_MAX, NAN};
	if (!rows)
		code = orch_fail(err, ORCH_ENOMEM, "no memory for the list of rows");
	else if (study_correlates(study) && count)
		code = study_correlations(study, &rho, err);
	if (!code) {
		screen(study, rho, rows, row_count);
		take_declared(study);
		if (study->spec->lofo.auto_groups > 0)
			find_groups(study, rho);
		if (count && !study->start_feature_count)
			code = orch_fail(err, ORCH_EINPUT, "data.prune leaves no feature: each of them has one value in all rows outside the holdout");
	}
	free(rows);
	free(rho);
	return code;
}

bool study_unit_is_group(const struct study *study, const struct study_unit *unit)
{
	for (size_t f = 0; f < study->all_feature_count; f++)
		if (!strcmp(study->all_features[f]->name, unit->features[0]))
			return study->group_names[f] != NULL;
	return false;
}

bool study_group_is_found(const struct study *study, const char *name)
{
	const struct spec_lofo *lofo = &study->spec->lofo;

	for (size_t g = 0; g < lofo->group_count; g++)
		if (!strcmp(lofo->groups[g].name, name))
			return false;
	return true;
}

/* ---- for people ---- */

static size_t count_of(const struct study *study, const struct screen_mark *marks, enum screen_reason reason)
{
	size_t count = 0;

	for (size_t f = 0; f < study->all_feature_count; f++)
		count += marks[f].reason == reason;
	return count;
}

/* "b (as a), c and 3 more" */
static void add_names(struct text_buf *out, const struct study *study, const struct screen_mark *marks, enum screen_reason reason)
{
	size_t count = count_of(study, marks, reason), shown = 0;

	for (size_t f = 0; f < study->all_feature_count && shown < NAMES_SHOWN; f++) {
		if (marks[f].reason != reason)
			continue;
		text_addf(out, "%s%s", shown++ ? ", " : "", study->all_features[f]->name);
		if (marks[f].partner != SIZE_MAX)
			text_addf(out, " (as %s)", study->all_features[marks[f].partner]->name);
	}
	if (count > shown)
		text_addf(out, " and %zu more", count - shown);
}

static void note_marks(const struct study *study, const struct screen_mark *marks, enum screen_reason reason, const char *format, json_t *notes)
{
	size_t count = count_of(study, marks, reason);
	struct text_buf line = {0};

	if (!count)
		return;
	text_addf(&line, format, count, count == 1 ? " is" : "s are");
	text_add(&line, ": ");
	add_names(&line, study, marks, reason);
	if (marks == study->offered)
		text_addf(&line, "; data.prune: {%s: true} leaves %s out", reason == SCREEN_CONSTANT ? "constants" : "duplicates", count == 1 ? "it" : "them");
	json_array_append_new(notes, json_string_nocheck(line.data));
	text_buf_release(&line);
}

json_t *study_feature_notes(const struct study *study)
{
	json_t *notes = json_array();
	size_t grouped = 0;
	char *line;

	note_marks(study, study->pruned, SCREEN_CONSTANT, "left out: %zu feature%s constant", notes);
	note_marks(study, study->pruned, SCREEN_DUPLICATE, "left out: %zu feature%s equal to an earlier one in every row", notes);
	note_marks(study, study->pruned, SCREEN_CORRELATED, "left out: %zu feature%s correlated in rank with an earlier one", notes);
	note_marks(study, study->offered, SCREEN_CONSTANT, "%zu feature%s constant", notes);
	note_marks(study, study->offered, SCREEN_DUPLICATE, "%zu feature%s equal to an earlier one in every row", notes);
	if (study->spec->lofo.auto_groups > 0) {
		for (size_t f = 0; f < study->all_feature_count; f++)
			grouped += study->group_names[f] && study_group_is_found(study, study->group_names[f]);
		line = study->found_groups ? text_format("groups found: %zu of %zu features whose |rank correlation| is %g or more", study->found_groups, grouped,
		        study->spec->lofo.auto_groups) : text_format("no groups found: no |rank correlation| is %g or more", study->spec->lofo.auto_groups);
		json_array_append_new(notes, json_string_nocheck(line));
		free(line);
	}
	if (study->spec->model_count == 1 && adaptive_folds_useless(study)) { /* of several models, which one it will be is not known yet */
		line = text_format("lofo.adaptive saves nothing here: %s", adaptive_folds_useless(study));
		json_array_append_new(notes, json_string_nocheck(line));
		free(line);
	}
	return notes;
}
