/* Rows to predict: read as the campaign's data was, but for what only a campaign needs (targets, weights, folds), and with its categories. */
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/dataset.h"
#include "storage/dataset_parts.h"

/* ---- the request ---- */

/* Levels that a reader could take for something else: "007", "1.0", "true". Such columns are read as texts. */
static bool reads_back(const char *level)
{
	int64_t whole;
	char *text;
	bool same = false;

	if (text_to_int64(level, &whole)) {
		text = text_format("%lld", (long long)whole);
		same = !strcmp(text, level);
		free(text);
	}
	return same;
}

static bool is_category(const json_t *feature)
{
	return json_is_array(json_object_get(feature, "levels"));
}

static bool wants_text(const json_t *feature)
{
	json_t *level;
	size_t i;

	json_array_foreach(json_object_get(feature, "levels"), i, level)
		if (!reads_back(json_string_value(level)))
			return true;
	return false;
}

static json_t *make_request(const json_t *wanted, const char *path)
{
	json_t *request = json_object(), *texts = json_array(), *feature, *derived = json_object_get(wanted, "derived");
	size_t i;

	json_array_foreach(json_object_get(wanted, "features"), i, feature)
		if (is_category(feature) && wants_text(feature) && !json_object_get(derived, json_get_text(feature, "name", "")))
			json_array_append(texts, json_object_get(feature, "name"));
	json_object_set_new(request, "source_path", json_string_nocheck(path));
	json_object_set_new(request, "text_columns", texts);
	if (derived)
		json_object_set(request, "features", derived);
	return request;
}

/* ---- columns ---- */

static const char *kind_name(enum value_kind kind)
{
	static const char *const names[] = {[VALUE_INT] = "a number", [VALUE_DOUBLE] = "a number", [VALUE_BOOL] = "true or false", [VALUE_TEXT] = "text",
	        [VALUE_DATE] = "a date", [VALUE_TIME] = "a time", [VALUE_NONE] = "a list or structure"};

	return names[kind];
}

static int count_filled(struct preparation *preparation, struct source_column *column, struct orch_err *err)
{
	char *sql = text_format("SELECT count(%s) FROM %s", column->own, column->table);
	int code = dataset_row(preparation->duck, sql, err, "i", &column->filled);

	free(sql);
	return code;
}

static int check_kind(struct preparation *preparation, const json_t *feature, struct source_column *column, struct orch_err *err)
{
	const char *kind = json_get_text(feature, "kind", "number");
	bool fits = column->kind == VALUE_INT || column->kind == VALUE_DOUBLE || column->kind == VALUE_DATE || column->kind == VALUE_TIME;
	int64_t infinite = 0;
	char *sql;
	int code = count_filled(preparation, column, err);

	if (code)
		return code;
	if (!strcmp(kind, "boolean"))
		fits = column->kind == VALUE_BOOL || column->kind == VALUE_INT;
	if (column->filled && !fits)
		preparation_problem(preparation, "column \"%s\" holds %s (%s) where the campaign has %s", column->name, kind_name(column->kind), column->type_name,
		        !strcmp(kind, "boolean") ? "true or false" : "numbers");
	if (column->filled && (column->kind == VALUE_DATE || column->kind == VALUE_TIME))
		preparation_note(preparation, "column \"%s\" (%s) is read as %s since 1970: it must be written as in the campaign's data", column->name, column->type_name,
		        column->kind == VALUE_DATE ? "days" : "seconds");
	if (!column->infinite || !fits)
		return 0;
	sql = text_format("SELECT CAST(count_if(%s) AS BIGINT) FROM %s", column->infinite, column->table);
	code = dataset_row(preparation->duck, sql, err, "i", &infinite);
	if (!code && infinite)
		preparation_problem(preparation, "column \"%s\" is infinite in %lld rows", column->name, (long long)infinite);
	free(sql);
	return code;
}

static int note_unknown(struct preparation *preparation, const json_t *levels, struct source_column *column, struct orch_err *err)
{
	struct text_buf sql = {0};
	json_t *level;
	char *example = NULL;
	int64_t unknown = 0;
	size_t i;
	int code;

	text_addf(&sql, "SELECT count(*), min(t) FROM (SELECT %s AS t FROM %s) WHERE t IS NOT NULL AND t NOT IN (", column->text, column->table);
	json_array_foreach(levels, i, level) {
		text_add(&sql, i ? ", " : "");
		duck_add_text(&sql, json_string_value(level));
	}
	text_add(&sql, ")");
	code = dataset_row(preparation->duck, sql.data, err, "it", &unknown, &example);
	if (!code && unknown)
		preparation_note(preparation, "column \"%s\": %lld row%s a level that the campaign does not know (\"%s\"): taken as missing", column->name,
		        (long long)unknown, unknown == 1 ? " has" : "s have", example);
	text_buf_release(&sql);
	free(example);
	return code;
}

static int take_feature(struct preparation *preparation, const json_t *feature, struct orch_err *err)
{
	const char *name = json_get_text(feature, "name", "");
	struct source_column *column = preparation_column(preparation, name);
	char *suggestion;

	if (!column) {
		suggestion = dataset_nearest_column(preparation, name);
		preparation_problem(preparation, "there is no column \"%s\", which the model needs%s", name, suggestion);
		free(suggestion);
		return 0;
	}
	column->roles = COLUMN_FEATURE;
	if (!is_category(feature))
		return check_kind(preparation, feature, column, err);
	column->levels = json_object_get(feature, "levels");
	return note_unknown(preparation, column->levels, column, err);
}

static int take_columns(struct preparation *preparation, const json_t *wanted, struct orch_err *err)
{
	const char *id = json_get_text(wanted, "id", NULL);
	struct source_column *column;
	json_t *feature;
	size_t i;
	int code = 0;

	for (i = 0; i < preparation->column_count; i++)
		preparation->columns[i].roles = 0;
	json_array_foreach(json_object_get(wanted, "features"), i, feature)
		if (!code)
			code = take_feature(preparation, feature, err);
	column = id ? preparation_column(preparation, id) : NULL;
	if (column)
		column->roles = COLUMN_ID;
	else if (id)
		preparation_note(preparation, "there is no column \"%s\" (data.id): rows are told by their number alone", id);
	return code;
}

/* ---- all of it ---- */

/* What speaks of data.source speaks of the input here. */
static int in_these_words(int code, const char *path, struct orch_err *err)
{
	char *text;

	if (!code || !err || strncmp(err->text, "data.source", 11))
		return code;
	text = err->text[11] == ':' ? mem_text(err->text + 13) : text_format("%s%s", path, err->text + 11);
	orch_err_clear(err);
	orch_fail(err, code, "%s", text);
	free(text);
	return code;
}

static int read_input(struct preparation *preparation, const json_t *wanted, const char *folder, const char *frame, struct orch_err *err)
{
	char *database = file_join(folder, "duckdb"), *temporary = file_join(folder, "spilled");
	struct duck_options options = {.database = database, .temporary = temporary};
	int code = duck_open(&options, &preparation->duck, err);

	if (!code)
		code = dataset_load_source(preparation, folder, err);
	if (!code)
		code = dataset_tell_problems(preparation, err);
	if (!code)
		code = dataset_find_columns(preparation, err);
	if (!code)
		code = take_columns(preparation, wanted, err);
	if (!code)
		code = dataset_tell_problems(preparation, err);
	if (!code)
		code = dataset_write_frame(preparation, frame, err);
	free(database);
	free(temporary);
	return code;
}

int dataset_input(const json_t *wanted, const char *path, struct frame **out, json_t **notes, struct orch_err *err)
{
	json_t *request = make_request(wanted, path);
	struct preparation preparation = {.request = request, .notes = json_array()};
	struct dataset_work work = {0};
	char *frame = NULL;
	int code = dataset_work_begin("frames", &work, err);

	if (!code) {
		frame = file_join(work.folder, "frame");
		code = in_these_words(read_input(&preparation, wanted, work.folder, frame, err), path, err);
	}
	if (!code)
		code = frame_open(frame, false, out, err); /* stays mapped when its folder goes */
	if (!code)
		*notes = json_incref(preparation.notes);
	dataset_preparation_release(&preparation);
	dataset_work_end(&work);
	json_decref(request);
	free(frame);
	return code;
}
