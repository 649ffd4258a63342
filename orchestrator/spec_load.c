/* From the file to the struct: read, check, resolve. */
#include <stdlib.h>
#include <string.h>

#include "orchestrator/spec.h"
#include "orchestrator/spec_check.h"
#include "storage/base/file.h"

/* Without a name the campaign is called like its file, or like its folder when the file is campaign.yaml. */
static void name_it(struct spec_check *check, json_t *resolved)
{
	char *absolute, *folder, *stem;

	if (json_is_string(json_object_get(resolved, "name")))
		return;
	absolute = file_absolute(check->document->path);
	folder = file_folder(absolute);
	stem = mem_text(file_name(absolute));
	if (strrchr(stem, '.') && strrchr(stem, '.') != stem)
		*strrchr(stem, '.') = '\0';
	if (!strcmp(stem, "campaign")) {
		free(stem);
		stem = text_format("%s-campaign", *file_name(folder) ? file_name(folder) : "orch");
	}
	if (spec_name_problem(stem))
		spec_error(check, NULL, "the campaign needs a name: \"%s\" cannot be one (%s)", stem, spec_name_problem(stem));
	else
		json_object_set_new_nocheck(resolved, "name", json_string_nocheck(stem));
	free(stem);
	free(folder);
	free(absolute);
}

/* As many whole lines as err holds; all of them go to *report. */
static int give_report(struct spec_check *check, char **report, struct orch_err *err)
{
	char *text = spec_report(check);
	size_t length = strlen(text), room = sizeof err->text - 1;

	if (length > room)
		for (length = room; length > 1 && text[length - 1] != '\n'; length--)
			;
	orch_fail(err, ORCH_EINPUT, "%.*s", (int)(text[length - 1] == '\n' ? length - 1 : length), text);
	if (report)
		*report = text;
	else
		free(text);
	return ORCH_EINPUT;
}

static int from_document(struct spec_check *check, struct spec **out, char **report, struct orch_err *err)
{
	const char *path = check->document->path;
	json_t *resolved = spec_check_all(check);
	char *base;
	int code;

	if (resolved)
		name_it(check, resolved);
	if (check->errors) {
		json_decref(resolved);
		return give_report(check, report, err);
	}
	base = file_folder(path);
	code = spec_from_resolved(resolved, path, base, out, err);
	if (code == ORCH_EDAMAGED)
		orch_bug("%s was resolved to what cannot be read back: %s", path, err ? err->text : "");
	free(base);
	json_decref(resolved);
	return code;
}

int spec_load(const char *path, bool color, struct spec **out, char **report, struct orch_err *err)
{
	struct yaml_document document;
	struct spec_check check = {.document = &document, .color = color};
	struct orch_err why = {0};
	unsigned line, column;
	int code = spec_yaml_read(path, &document, &line, &column, &why);

	if (report)
		*report = NULL;
	if (code == ORCH_EINPUT) {
		struct yaml_node place = {.line = line, .column = column};

		spec_error(&check, line ? &place : NULL, "%s", why.text);
		check.unread = !file_exists(path);
		give_report(&check, report, err);
	} else if (code) {
		orch_fail(err, code, "%s", why.text);
	} else {
		code = from_document(&check, out, report, err);
	}
	spec_check_release(&check);
	spec_yaml_release(&document);
	return code;
}
