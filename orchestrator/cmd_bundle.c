#include "orchestrator/command.h"

#include <stdio.h>
#include <stdlib.h>

#include "orchestrator/campaign.h"
#include "storage/base/file.h"
#include "storage/base/text.h"
#include "storage/bundle.h"
#include "storage/round_dir.h"

/* A bundle file as given, or the number of a round of the campaign. The round's folder too, where it is known. */
struct chosen_bundle {
	char *bundle, *round; /* malloc'd */
};

static int find_bundle(const struct arguments *arguments, const char *given, struct chosen_bundle *out, struct orch_err *err)
{
	int64_t round;
	char *campaign = NULL;
	int code;

	if (file_exists(given)) {
		out->bundle = file_absolute(given);
		return 0;
	}
	if (!text_to_int64(given, &round) || round < 0 || round > 999999)
		return orch_fail(err, ORCH_EINPUT, "%s: no such file, and no number of a round", given);
	code = command_campaign(arguments, &campaign, err);
	if (code)
		return code;
	out->bundle = text_format("%s/bundles/round_%03lld.tar.zst", campaign, (long long)round);
	out->round = text_format("%s/rounds/round_%03lld", campaign, (long long)round);
	if (!file_exists(out->bundle))
		code = orch_fail(err, ORCH_EMISSING, "round %lld has no bundle (%s): orch bundle --write %s writes what is missing", (long long)round, out->bundle, campaign);
	free(campaign);
	return code;
}

static int print_member(void *context, const char *name, uint64_t size)
{
	char *shown = text_printable(name);

	(void)context;
	printf("%12llu  %s\n", (unsigned long long)size, shown);
	free(shown);
	return 0;
}

static int list(const struct arguments *arguments, const char *given, struct orch_err *err)
{
	struct chosen_bundle chosen = {0};
	int code = find_bundle(arguments, given, &chosen, err);

	if (!code)
		code = bundle_list(chosen.bundle, print_member, NULL, err);
	if (!code) {
		char *path = command_quote(chosen.bundle);

		command_next(arguments, "%s bundle --verify %s", command_program(), path);
		free(path);
	}
	free(chosen.bundle);
	free(chosen.round);
	return code;
}

static int verify(const struct arguments *arguments, const char *given, struct orch_err *err)
{
	struct chosen_bundle chosen = {0};
	int code = find_bundle(arguments, given, &chosen, err);

	if (!code)
		code = bundle_verify(chosen.bundle, chosen.round && file_exists(chosen.round) ? chosen.round : NULL, err);
	if (!code) {
		char *path = command_quote(chosen.bundle);

		printf("%s holds what its manifest says\n", chosen.bundle);
		command_next(arguments, "%s bundle --unpack %s FOLDER", command_program(), path);
		free(path);
	}
	free(chosen.bundle);
	free(chosen.round);
	return code;
}

/* The last argument is where to; one before it is the campaign. */
static int unpack(struct arguments *arguments, const char *given, struct orch_err *err)
{
	struct chosen_bundle chosen = {0};
	const char *folder;
	int code;

	if (arguments->rest_count < 1)
		return orch_fail(err, ORCH_EINPUT, "where to? orch bundle --unpack %s FOLDER", given);
	folder = arguments->rest[--arguments->rest_count];
	code = find_bundle(arguments, given, &chosen, err);
	if (!code)
		code = bundle_verify(chosen.bundle, NULL, err);
	if (!code)
		code = bundle_unpack(chosen.bundle, folder, err);
	if (!code) {
		char *path = command_quote(folder);

		printf("unpacked into %s\n", folder);
		command_next(arguments, "(cd %s && sha256sum -c MANIFEST.sha256)", path);
		free(path);
	}
	free(chosen.bundle);
	free(chosen.round);
	return code;
}

/* One round: 1 written, 0 there and right. */
static int write_one(const struct campaign_dir *dir, unsigned round, struct orch_err *err)
{
	char name[48], *path, *bundle;
	int code = 0;

	snprintf(name, sizeof name, "rounds/round_%03u", round);
	path = campaign_dir_path(dir, name);
	snprintf(name, sizeof name, "bundles/round_%03u.tar.zst", round);
	bundle = campaign_dir_path(dir, name);
	if (!file_exists(bundle) || bundle_verify(bundle, path, NULL)) {
		code = round_dir_verify(path, NULL, err);
		if (!code)
			code = file_remove(bundle, err);
		if (!code)
			code = bundle_write(path, bundle, err);
		if (!code) {
			printf("%s written\n", bundle);
			code = 1;
		}
	}
	free(path);
	free(bundle);
	return code;
}

static int write_missing(const struct arguments *arguments, struct orch_err *err)
{
	char *campaign = NULL, *path;
	struct campaign_dir *dir = NULL;
	unsigned round = 0, written = 0;
	int code = command_campaign(arguments, &campaign, err);

	if (!code)
		code = campaign_dir_open(campaign, true, &dir, err);
	for (; !code; round++) {
		char name[32], *folder;
		bool there;

		snprintf(name, sizeof name, "rounds/round_%03u", round);
		folder = campaign_dir_path(dir, name);
		there = file_exists(folder);
		free(folder);
		if (!there)
			break;
		code = write_one(dir, round, err);
		written += code == 1;
		code = code == 1 ? 0 : code;
	}
	if (!code) {
		if (!written)
			command_say(arguments, "all %u bundles are there and hold", round);
		path = command_quote(campaign);
		command_next(arguments, "%s verify %s", command_program(), path);
		free(path);
	}
	campaign_dir_close(dir);
	free(campaign);
	return code;
}

/* Without --unpack there is one argument at most. */
static int check_arguments(const struct arguments *arguments, struct orch_err *err)
{
	static const char *const actions[] = {"--list", "--verify", "--unpack", "--write"};
	int given = 0;

	for (size_t i = 0; i < 4; i++)
		given += arguments_flag(arguments, actions[i]);
	if (given != 1)
		return orch_fail(err, ORCH_EINPUT, "say one of --list N, --verify FILE, --unpack FILE FOLDER, --write");
	if (arguments->rest_count > 1 && !arguments_flag(arguments, "--unpack"))
		return orch_fail(err, ORCH_EINPUT, "\"%s\" is one argument too many", arguments->rest[1]);
	return 0;
}

int cmd_bundle(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	int code;

	if (!command_begin("bundle", argc, argv, &arguments, &code))
		return code;
	code = check_arguments(&arguments, &err);
	if (!code && arguments_flag(&arguments, "--list"))
		code = list(&arguments, arguments_value(&arguments, "--list"), &err);
	else if (!code && arguments_flag(&arguments, "--verify"))
		code = verify(&arguments, arguments_value(&arguments, "--verify"), &err);
	else if (!code && arguments_flag(&arguments, "--unpack"))
		code = unpack(&arguments, arguments_value(&arguments, "--unpack"), &err);
	else if (!code)
		code = write_missing(&arguments, &err);
	return code ? command_failed("bundle", code, &err) : 0;
}
