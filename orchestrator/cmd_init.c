#include "orchestrator/command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/demo.h"
#include "orchestrator/spec.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/text.h"

#define COLUMNS_MAX 1024
#define HEADER_BYTES (1u << 20)

/* ---- what the source's first line says ---- */

struct header {
	char *names[COLUMNS_MAX];
	size_t count;
};

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), wanted = strlen(end);

	return length >= wanted && !strcmp(text + length - wanted, end);
}

static char separator_of(const char *line, size_t length)
{
	static const char candidates[] = ",;\t|";
	char best = ',';
	size_t most = 0;

	for (const char *at = candidates; *at; at++) {
		size_t count = 0;

		for (size_t i = 0; i < length; i++)
			count += line[i] == *at;
		if (count > most) {
			most = count;
			best = *at;
		}
	}
	return best;
}

static void take_names(const char *line, size_t length, struct header *out)
{
	char separator = separator_of(line, length);
	struct text_buf name = {0};
	bool quoted = false;

	for (size_t i = 0; i <= length && out->count < COLUMNS_MAX; i++) {
		if (i == length || (line[i] == separator && !quoted)) {
			out->names[out->count++] = text_take(&name);
		} else if (line[i] == '"' && quoted && i + 1 < length && line[i + 1] == '"') {
			text_add_bytes(&name, &line[i++], 1);
		} else if (line[i] == '"') {
			quoted = !quoted;
		} else {
			text_add_bytes(&name, &line[i], 1);
		}
	}
	text_buf_release(&name);
}

/* Plain text tables only; of anything else the names are not known here. */
static void read_header(const char *path, struct header *out)
{
	char *text = NULL;
	size_t length = 0, start, end;

	if (!ends_with(path, ".csv") && !ends_with(path, ".tsv"))
		return;
	if (file_read(path, 0, &text, &length, NULL))
		return;
	start = length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
	end = start + strcspn(text + start, "\r\n");
	if (end > start && end < HEADER_BYTES && text_is_utf8(text + start, end - start))
		take_names(text + start, end - start, out);
	free(text);
}

static void release_header(struct header *header)
{
	for (size_t i = 0; i < header->count; i++)
		free(header->names[i]);
}

static char *list_names(const struct header *header)
{
	struct text_buf out = {0};

	for (size_t i = 0; i < header->count && i < 40; i++) {
		char *shown = text_printable(header->names[i]);

		text_addf(&out, "%s%s", i ? ", " : "", shown);
		free(shown);
	}
	if (header->count > 40)
		text_addf(&out, " and %zu more", header->count - 40);
	return text_take(&out);
}

static int check_target(const char *source, const char *target, struct orch_err *err)
{
	struct header header = {0};
	const char *near;
	char *names;
	bool found = false;
	int code = 0;

	read_header(source, &header);
	names = list_names(&header);
	for (size_t i = 0; i < header.count && target; i++)
		found = found || !strcmp(header.names[i], target);
	near = target ? text_nearest(target, (const char *const *)header.names, header.count) : NULL;
	if (!target && header.count)
		code = orch_fail(err, ORCH_EINPUT, "which column is predicted? Add --target COL; %s has: %s", source, names);
	else if (!target)
		code = orch_fail(err, ORCH_EINPUT, "which column is predicted? Add --target COL");
	else if (header.count && !found && near)
		code = orch_fail(err, ORCH_EINPUT, "%s has no column \"%s\"; did you mean \"%s\"?", source, target, near);
	else if (header.count && !found)
		code = orch_fail(err, ORCH_EINPUT, "%s has no column \"%s\"; it has: %s", source, target, names);
	free(names);
	release_header(&header);
	return code;
}

/* ---- the file ---- */

/* As the campaign file will name it: below the folder relative, else absolute. */
static char *source_from(const char *folder, const char *source)
{
	char *absolute = file_absolute(source), *from = file_absolute(folder), *out;
	size_t length = strlen(from);

	if (!strncmp(absolute, from, length) && absolute[length] == '/')
		out = mem_text(absolute + length + 1);
	else
		out = mem_text(absolute);
	free(absolute);
	free(from);
	return out;
}

/* The source's name without endings, as a name of a campaign. */
static char *name_from(const char *source)
{
	const char *name = source ? file_name(source) : "my-campaign";
	struct text_buf out = {0};

	for (size_t i = 0; name[i] && name[i] != '.'; i++) {
		char c = isalnum((unsigned char)name[i]) || name[i] == '-' || name[i] == '_' ? name[i] : '-';

		if (c != '-' || out.length)
			text_add_bytes(&out, &c, 1);
	}
	if (!out.length)
		text_add(&out, "my-campaign");
	return text_take(&out);
}

struct files { /* what is to be written */
	const char *names[3];
	char *texts[3];
	size_t count;
};

static void add_file(struct files *files, const char *name, char *take_text)
{
	files->names[files->count] = name;
	files->texts[files->count++] = take_text;
}

static void make_files(const struct arguments *arguments, const char *folder, struct files *files)
{
	const char *source = arguments_value(arguments, "--source");
	char *from = source ? source_from(folder, source) : NULL, *name = name_from(source);
	json_t *schema = spec_schema();
	struct text_buf data = {0}, campaign = {0};

	if (arguments_flag(arguments, "--demo")) {
		demo_data(&data);
		demo_campaign(&campaign);
		add_file(files, DEMO_SOURCE, text_take(&data));
		add_file(files, "campaign.yaml", text_take(&campaign));
	} else {
		add_file(files, "campaign.yaml", spec_template(name, from, arguments_value(arguments, "--target")));
	}
	add_file(files, "campaign.schema.json", json_text(schema, JSON_STYLE_PRETTY));
	json_decref(schema);
	free(name);
	free(from);
}

/* The schema is orch's own, the same for every campaign of this version: one that is there already is left. */
static int write_files(const char *folder, const struct files *files, struct orch_err *err)
{
	int code = file_make_folders(folder, err);

	for (size_t i = 0; i < files->count && !code; i++) {
		char *path = file_join(folder, files->names[i]);

		if (file_exists(path) && strcmp(files->names[i], "campaign.schema.json"))
			code = orch_fail(err, ORCH_EINPUT, "%s is there already; nothing was written. Another folder: orch init DIR", path);
		free(path);
	}
	for (size_t i = 0; i < files->count && !code; i++) {
		char *path = file_join(folder, files->names[i]);

		if (!file_exists(path))
			code = file_write_new(path, files->texts[i], strlen(files->texts[i]), err);
		free(path);
	}
	return code;
}

static int check(const struct arguments *arguments, struct orch_err *err)
{
	const char *source = arguments_value(arguments, "--source"), *target = arguments_value(arguments, "--target");

	if (arguments_flag(arguments, "--demo") && (source || target))
		return orch_fail(err, ORCH_EINPUT, "--demo brings its own data: leave out --source and --target");
	if (!source)
		return 0;
	if (!strpbrk(source, "*?[") && !file_exists(source))
		return orch_fail(err, ORCH_EINPUT, "%s: there is no such file", source);
	return check_target(source, target, err);
}

static void say(const struct arguments *arguments, const char *folder, const struct files *files)
{
	char *path = file_join(folder, "campaign.yaml"), *quoted = command_quote(path);

	for (size_t i = 0; i < files->count; i++)
		command_say(arguments, "%s/%-22s %s", folder, files->names[i],
		        !strcmp(files->names[i], DEMO_SOURCE) ? "600 flats, made up" :
		        !strcmp(files->names[i], "campaign.yaml") ? "the campaign: read it, change it" : "for editors: completion and checks");
	command_next(arguments, "%s %s %s", command_program(), arguments_flag(arguments, "--demo") || arguments_flag(arguments, "--source") ? "start" : "plan", quoted);
	free(path);
	free(quoted);
}

int cmd_init(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	struct files files = {0};
	const char *folder;
	int code;

	if (!command_begin("init", argc, argv, &arguments, &code))
		return code;
	folder = arguments.rest_count ? arguments.rest[0] : ".";
	code = check(&arguments, &err);
	if (!code) {
		make_files(&arguments, folder, &files);
		code = write_files(folder, &files, &err);
	}
	if (!code)
		say(&arguments, folder, &files);
	for (size_t i = 0; i < files.count; i++)
		free(files.texts[i]);
	return code ? command_failed("init", code, &err) : 0;
}
