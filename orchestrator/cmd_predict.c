#include "orchestrator/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/predict.h"
#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/campaign_dir.h"

/* orch predict [CAMPAIGN] INPUT */
static int find_arguments(const struct arguments *arguments, char **campaign, const char **input, long *round, struct orch_err *err)
{
	const char *number = arguments_value(arguments, "--round");
	int64_t value = -1;

	if (arguments->rest_count < 1 || arguments->rest_count > 2)
		return orch_fail(err, ORCH_EINPUT, "needs the file with the rows to predict: orch predict CAMPAIGN INPUT");
	if (number && (!text_to_int64(number, &value) || value < 0 || value > 100000))
		return orch_fail(err, ORCH_EINPUT, "--round takes the number of a round, not \"%s\"", number);
	*round = (long)value;
	*input = arguments->rest[arguments->rest_count - 1];
	return campaign_dir_find(arguments->rest_count == 2 ? arguments->rest[0] : ".", campaign, err);
}

static bool has_ending(const char *path, const char *ending)
{
	size_t length = strlen(path), wanted = strlen(ending);

	return length > wanted && !strcasecmp(path + length - wanted, ending);
}

struct printing {
	const struct predictor *predictor;
	const char *input;
	struct predicted *out;
};

static int write_table(void *context, const char *path, struct orch_err *err)
{
	struct printing *printing = context;

	return predictor_rows(printing->predictor, printing->input, path, printing->out, err);
}

static int predict(const struct predictor *predictor, const char *input, const char *output, struct predicted *out, struct orch_err *err)
{
	return output ? predictor_rows(predictor, input, output, out, err) : command_print_file(write_table, &(struct printing){predictor, input, out}, err);
}

static void say(const struct arguments *arguments, const struct predictor *predictor, const struct predicted *predicted, const char *output)
{
	char rows[TEXT_NUMBER_MAX];
	json_t *note;
	size_t i;

	json_array_foreach(predicted->notes, i, note)
		command_say(arguments, "note: %s", json_string_value(note));
	if (predicted->without)
		command_say(arguments, "note: %zu rows have missing values and no prediction (data.missing: drop)", predicted->without);
	command_say(arguments, "%s rows predicted with the model of round %u%s%s", text_count((int64_t)predicted->rows, rows), predictor_round(predictor), output ? ": " : "",
	        output ? output : "");
}

int cmd_predict(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	struct predictor *predictor = NULL;
	struct predicted predicted = {0};
	const char *input = NULL, *output;
	char *campaign = NULL;
	long round = -1;
	int code;

	if (!command_begin("predict", argc, argv, &arguments, &code))
		return code;
	output = arguments_value(&arguments, "--output");
	code = find_arguments(&arguments, &campaign, &input, &round, &err);
	if (!code && output && !has_ending(output, ".csv") && !has_ending(output, ".parquet"))
		code = orch_fail(&err, ORCH_EINPUT, "--output takes a name that ends in .csv or .parquet, not %s", output);
	if (!code)
		code = predictor_open(campaign, round, &predictor, &err);
	if (!code)
		code = predict(predictor, input, output, &predicted, &err);
	if (!code)
		say(&arguments, predictor, &predicted, output);
	predictor_close(predictor);
	json_decref(predicted.notes);
	free(campaign);
	return code ? command_failed("predict", code, &err) : 0;
}
