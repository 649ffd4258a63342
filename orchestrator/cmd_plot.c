/* plot: pictures of a finished round, or of the whole campaign, as files for talks and papers. Reads only. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/command.h"
#include "reports/plot.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define PLOT_NAMES_MAX 64

struct plotting {
	struct arguments arguments;
	char *campaign, *round_folder;
	long round; /* -1: there is none */
	const char *output;
	bool png;
	size_t drawn, empty;
};

static bool is_plot(const char *name)
{
	return plot_find(name) != NULL;
}

/* The first argument is the campaign unless it names a plot and no such folder. */
static int take_names(struct plotting *plotting, struct orch_err *err)
{
	struct arguments *arguments = &plotting->arguments;
	const char *names[PLOT_NAMES_MAX];
	struct arguments campaign = *arguments;
	int from = arguments->rest_count && (!is_plot(arguments->rest[0]) || file_is_folder(arguments->rest[0])) ? 1 : 0;
	size_t count = 0;

	for (const struct plot *plot = plot_table; plot->name && count < PLOT_NAMES_MAX; plot++)
		names[count++] = plot->name;
	if (from && !file_exists(arguments->rest[0]) && !strchr(arguments->rest[0], '/') && command_nearest(arguments->rest[0], names, count))
		from = 0; /* a plot's name in all likelihood */
	for (int i = from; i < arguments->rest_count; i++)
		if (!is_plot(arguments->rest[i])) {
			const char *near = command_nearest(arguments->rest[i], names, count);

			return orch_fail(err, ORCH_EINPUT, near ? "there is no plot \"%s\"; did you mean %s?" : "there is no plot \"%s\"; orch plot --list names them", arguments->rest[i], near);
		}
	campaign.rest_count = from;
	memmove(arguments->rest, arguments->rest + from, (size_t)(arguments->rest_count - from) * sizeof *arguments->rest);
	arguments->rest_count -= from;
	return command_campaign(&campaign, &plotting->campaign, err);
}

static char *folder_of_round(const struct plotting *plotting, long round)
{
	char name[48];

	snprintf(name, sizeof name, "rounds/round_%03ld", round);
	return file_join(plotting->campaign, name);
}

static bool has_round(const struct plotting *plotting, long round)
{
	char *path = folder_of_round(plotting, round);
	bool there = round >= 0 && file_is_folder(path);

	free(path);
	return there;
}

static int choose_round(struct plotting *plotting, struct orch_err *err)
{
	const char *asked = arguments_value(&plotting->arguments, "--round");
	char *path = file_join(plotting->campaign, "summary.json");
	json_t *summary = NULL;
	int64_t round = -1;
	int code = 0;

	if (asked && (!text_to_int64(asked, &round) || !has_round(plotting, (long)round)))
		code = orch_fail(err, ORCH_EINPUT, "there is no finished round \"%s\" in %s; orch show lists the rounds", asked, plotting->campaign);
	if (!asked && !json_read_file(path, &summary, NULL))
		round = json_get_int(json_object_get(summary, "chosen"), "round", -1);
	if (!asked && !has_round(plotting, (long)round))
		for (round = -1; has_round(plotting, (long)round + 1);)
			round++;
	plotting->round = (long)round;
	plotting->round_folder = folder_of_round(plotting, (long)round);
	json_decref(summary);
	free(path);
	return code;
}

static int draw(struct plotting *plotting, const struct plot *plot, struct orch_err *err)
{
	struct plot_source source = {.folder = plot->scope == PLOT_CAMPAIGN ? plotting->campaign : plotting->round_folder, .round = (unsigned)plotting->round};
	char *bytes = NULL, *name = text_format("%s.%s", plot->name, plotting->png ? "png" : "svg"), *path = file_join(plotting->output, name);
	size_t length = 0;
	int code = plot->scope == PLOT_ROUND && plotting->round < 0 ? 0 : plot_draw(plot, &source, plotting->png ? GNUPLOT_PNG : GNUPLOT_SVG, &bytes, &length, err);

	if (!code && bytes) {
		code = file_replace_fast(path, bytes, length, err);
		plotting->drawn += !code;
		if (!code)
			printf("%s\n", path);
	} else if (!code) {
		plotting->empty++;
		if (plotting->arguments.rest_count)
			command_say(&plotting->arguments, "%s: nothing to show (%s)", plot->name, plotting->round < 0 && plot->scope == PLOT_ROUND ? "no round is finished" : plot->caption);
	}
	free(bytes);
	free(name);
	free(path);
	return code;
}

static int draw_all(struct plotting *plotting, struct orch_err *err)
{
	int code = 0;

	for (const struct plot *plot = plot_table; plot->name && !code; plot++) {
		bool wanted = plotting->arguments.rest_count == 0;

		for (int i = 0; i < plotting->arguments.rest_count; i++)
			wanted = wanted || !strcmp(plotting->arguments.rest[i], plot->name);
		if (wanted)
			code = draw(plotting, plot, err);
	}
	return code;
}

static int list(void)
{
	for (const struct plot *plot = plot_table; plot->name; plot++)
		printf("%-22s %s: %s\n", plot->name, plot->title, plot->caption);
	return 0;
}

int cmd_plot(int argc, char **argv)
{
	struct plotting plotting = {.round = -1};
	struct orch_err err = {0};
	int code;

	if (!command_begin("plot", argc, argv, &plotting.arguments, &code))
		return code;
	if (arguments_flag(&plotting.arguments, "--list"))
		return list();
	plotting.png = arguments_flag(&plotting.arguments, "--png");
	plotting.output = arguments_value(&plotting.arguments, "--output");
	code = take_names(&plotting, &err);
	if (!code)
		code = choose_round(&plotting, &err);
	if (!code && plotting.output)
		code = file_make_folders(plotting.output, &err);
	if (!plotting.output)
		plotting.output = ".";
	if (!code)
		code = draw_all(&plotting, &err);
	if (!code && !plotting.drawn)
		command_say(&plotting.arguments, "nothing to draw yet");
	if (!code)
		command_next(&plotting.arguments, "%s show %s", command_program(), plotting.campaign);
	free(plotting.campaign);
	free(plotting.round_folder);
	return code ? command_failed("plot", code, &err) : 0;
}
