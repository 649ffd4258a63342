/* export: a campaign's tables for other programs, or as one workbook for people. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/command.h"
#include "orchestrator/export.h"
#include "orchestrator/outcome.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

static const char *const format_names[] = {"csv", "json", "parquet", "xlsx"};

static int parse_format(const char *text, enum export_format *format, struct orch_err *err)
{
	const char *near;

	if (!text)
		return orch_fail(err, ORCH_EINPUT, "needs a format: --format csv, json, parquet or xlsx");
	for (unsigned i = 0; i < 4; i++)
		if (!strcmp(text, format_names[i])) {
			*format = (enum export_format)i;
			return 0;
		}
	near = command_nearest(text, format_names, 4);
	return orch_fail(err, ORCH_EINPUT, near ? "--format takes csv, json, parquet or xlsx, not \"%s\"; did you mean %s?" : "--format takes csv, json, parquet or xlsx, not \"%s\"", text, near);
}

static int parse_what(const char *text, enum export_format format, unsigned *tables, struct orch_err *err)
{
	const char *near;

	/* a workbook is for people: a row of each prediction is not */
	*tables = format == EXPORT_XLSX ? ((1u << EXPORT_TABLES) - 1) & ~(1u << EXPORT_PREDICTIONS) : (1u << EXPORT_TABLES) - 1;
	if (!text || !strcmp(text, "all"))
		return 0;
	for (unsigned i = 0; i < EXPORT_TABLES; i++)
		if (!strcmp(text, export_table_names[i])) {
			*tables = 1u << i;
			return 0;
		}
	near = command_nearest(text, export_table_names, EXPORT_TABLES);
	return orch_fail(err, ORCH_EINPUT, near ? "--what takes rounds, trials, lofo, path, predictions, failures or all, not \"%s\"; did you mean %s?" :
	        "--what takes rounds, trials, lofo, path, predictions, failures or all, not \"%s\"", text, near);
}

static int parse_round(const char *text, long *round, struct orch_err *err)
{
	int64_t value = -1;

	if (text && (!text_to_int64(text, &value) || value < 0 || value > 100000))
		return orch_fail(err, ORCH_EINPUT, "--round takes the number of a round, not \"%s\"", text);
	*round = (long)value;
	return 0;
}

static bool is_one(unsigned tables)
{
	return !(tables & (tables - 1));
}

/* "NAME.xlsx", "NAME-trials.parquet", the folder "NAME-export". */
static char *default_output(const struct export_request *request)
{
	const char *name = file_name(request->campaign);

	if (request->format == EXPORT_XLSX || request->format == EXPORT_JSON)
		return text_format("%s.%s", name, format_names[request->format]);
	for (unsigned i = 0; i < EXPORT_TABLES && is_one(request->tables); i++)
		if (request->tables == 1u << i)
			return text_format("%s-%s.%s", name, export_table_names[i], format_names[request->format]);
	return text_format("%s-export", name);
}

struct printing {
	struct export_request *request;
	int64_t *rows;
};

static int write_table(void *context, const char *path, struct orch_err *err)
{
	struct printing *printing = context;
	int code;

	printing->request->output = path;
	code = export_run(printing->request, printing->rows, err);
	printing->request->output = NULL;
	return code;
}

static void say(const struct arguments *arguments, const struct export_request *request, const int64_t *rows, const char *notebook)
{
	struct text_buf text = {0};
	char count[TEXT_NUMBER_MAX], *path = request->output ? file_absolute(request->output) : NULL;

	for (unsigned i = 0; i < EXPORT_TABLES; i++)
		if (request->tables & (1u << i))
			text_addf(&text, "%s%s %s row%s", text.length ? ", " : "", export_table_names[i], text_count(rows[i], count), rows[i] == 1 ? "" : "s");
	command_say(arguments, "%s", text.data);
	if (path)
		printf("%s\n", path);
	if (path)
		command_say(arguments, "notebook: %s", notebook);
	text_buf_release(&text);
	free(path);
}

static int parse(const struct arguments *arguments, struct export_request *request, struct orch_err *err)
{
	int code = parse_format(arguments_value(arguments, "--format"), &request->format, err);

	if (!code)
		code = parse_what(arguments_value(arguments, "--what"), request->format, &request->tables, err);
	if (!code)
		code = parse_round(arguments_value(arguments, "--round"), &request->round, err);
	if (!code && request->round >= 0 && !(request->tables & (1u << EXPORT_PREDICTIONS)))
		code = orch_fail(err, ORCH_EINPUT, "--round is for the predictions; the other tables have all rounds");
	return code;
}

int cmd_export(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	struct export_request request = {0};
	int64_t rows[EXPORT_TABLES] = {0};
	char *campaign = NULL, *output = NULL;
	json_t *outcome = NULL;
	int code;

	if (!command_begin("export", argc, argv, &arguments, &code))
		return code;
	code = parse(&arguments, &request, &err);
	if (!code)
		code = command_campaign(&arguments, &campaign, &err);
	if (!code)
		code = outcome_read(campaign, false, &outcome, &err);
	request.campaign = campaign;
	request.outcome = outcome;
	if (!code && !is_one(request.tables))
		request.tables = export_tables_there(&request);
	request.output = arguments_value(&arguments, "--output");
	if (!code && !request.output && is_one(request.tables) && (request.format == EXPORT_CSV || request.format == EXPORT_JSON)) {
		code = command_print_file(write_table, &(struct printing){&request, rows}, &err);
	} else if (!code) {
		if (!request.output)
			request.output = output = default_output(&request);
		code = export_run(&request, rows, &err);
	}
	if (!code)
		say(&arguments, &request, rows, json_get_text(json_object_get(outcome, "files"), "notebook", ""));
	json_decref(outcome);
	free(campaign);
	free(output);
	return code ? command_failed("export", code, &err) : 0;
}
