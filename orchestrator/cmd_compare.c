/* compare: campaigns or rounds side by side, only what is different. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/command.h"
#include "orchestrator/compare.h"
#include "reports/compare_page.h"
#include "storage/base/file.h"
#include "storage/base/json.h"

static int write_page(const struct arguments *arguments, const json_t *comparison, const char *path, struct orch_err *err)
{
	struct text_buf page = {0};
	int code = 0;

	if (file_exists(path))
		code = orch_fail(err, ORCH_EINPUT, "cannot create %s: it exists; give --html another name", path);
	if (!code) {
		compare_page_write(comparison, &page);
		code = file_write_new(path, page.data, page.length, err);
	}
	if (!code)
		command_say(arguments, "page: %s", path);
	text_buf_release(&page);
	return code;
}

static void print(const struct arguments *arguments, const json_t *comparison)
{
	struct text_buf text = {0};

	if (arguments_flag(arguments, "--json")) {
		command_print_json(comparison);
		return;
	}
	compare_text(comparison, &text);
	fputs(text.data, stdout);
	text_buf_release(&text);
}

int cmd_compare(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	const char *page;
	json_t *comparison = NULL;
	int code;

	if (!command_begin("compare", argc, argv, &arguments, &code))
		return code;
	page = arguments_value(&arguments, "--html");
	code = compare_read(arguments.rest, (size_t)arguments.rest_count, arguments_value(&arguments, "--metric"), &comparison, &err);
	if (!code)
		print(&arguments, comparison);
	if (!code && page)
		code = write_page(&arguments, comparison, page, &err);
	json_decref(comparison);
	return code ? command_failed("compare", code, &err) : 0;
}
