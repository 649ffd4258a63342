#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "orchestrator/command.h"
#include "orchestrator/demo.h"
#include "storage/base/file.h"
#include "storage/base/text.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

static const struct command_option options[] = {
	{"--dir", "DIR", "where"}, {"--json", NULL, "for programs"}, {"--quiet,-q", NULL, "less"}, {"--list", "N", "a number"}, {NULL, NULL, NULL}};
static const struct command sample = {"sample", "FILE [DIR]", "a command", "", options, NULL, false};

static struct arguments parsed(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};

	if (arguments_parse(&sample, argc, argv, &arguments, &err))
		fail_msg("%s", err.text);
	return arguments;
}
static void refused(const char *pattern, int argc, char **argv)
{
	struct arguments arguments = {.rest_count = -7};
	struct orch_err err = {0};

	assert_int_equal(arguments_parse(&sample, argc, argv, &arguments, &err), ORCH_EINPUT);
	assert_int_equal(arguments.rest_count, -7); /* untouched */
	if (!strstr(err.text, pattern))
		fail_msg("\"%s\" is not in \"%s\"", pattern, err.text);
}
#define PARSED(...) parsed(COUNT(((char *[]){"sample", __VA_ARGS__})), (char *[]){"sample", __VA_ARGS__})
#define REFUSED(pattern, ...) refused(pattern, COUNT(((char *[]){"sample", __VA_ARGS__})), (char *[]){"sample", __VA_ARGS__})

static void command__takes_options_anywhere(void **state)
{
	struct arguments arguments = PARSED("--json", "a.yaml", "--dir", "x y", "b");

	(void)state;
	assert_true(arguments_flag(&arguments, "--json"));
	assert_false(arguments_flag(&arguments, "--quiet"));
	assert_string_equal(arguments_value(&arguments, "--dir"), "x y");
	assert_int_equal(arguments.rest_count, 2);
	assert_string_equal(arguments.rest[0], "a.yaml");
	assert_string_equal(arguments.rest[1], "b");
}

static void command__takes_values_with_an_equals_sign(void **state)
{
	struct arguments arguments = PARSED("--dir=a=b", "f", "--list=0");

	(void)state;
	assert_string_equal(arguments_value(&arguments, "--dir"), "a=b");
	assert_string_equal(arguments_value(&arguments, "--list"), "0");
}

static void command__takes_short_forms(void **state)
{
	struct arguments arguments = PARSED("-q", "f");

	(void)state;
	assert_true(arguments_flag(&arguments, "--quiet"));
}

static void command__takes_everything_after_two_dashes_as_it_is(void **state)
{
	struct arguments arguments = PARSED("--", "--json", "-q");

	(void)state;
	assert_false(arguments_flag(&arguments, "--json"));
	assert_string_equal(arguments.rest[0], "--json");
	assert_string_equal(arguments.rest[1], "-q");
	arguments = PARSED("-");
	assert_string_equal(arguments.rest[0], "-");
}

static void command__an_option_it_does_not_have_is_absent(void **state)
{
	struct arguments arguments = PARSED("f");

	(void)state;
	assert_null(arguments_value(&arguments, "--watch"));
	assert_false(arguments_flag(&arguments, "--watch"));
}

static void command__help_needs_no_argument(void **state)
{
	struct arguments arguments = PARSED("--help");

	(void)state;
	assert_true(arguments.help);
	arguments = PARSED("-h");
	assert_true(arguments.help);
}

static void command__says_what_is_wrong(void **state)
{
	(void)state;
	REFUSED("unknown option --jsno; did you mean --json?", "f", "--jsno");
	REFUSED("unknown option --qui; did you mean --quiet?", "f", "--qui");
	REFUSED("unknown option --dri; did you mean --dir?", "f", "--dri=x");
	REFUSED("unknown option --hepl; did you mean --help?", "--hepl");
	REFUSED("unknown option -x; orch sample --help lists them", "f", "-x");
	REFUSED("unknown option --wholly-other; orch sample --help", "f", "--wholly-other");
	REFUSED("unknown option --a\\x1B[2J", "f", "--a\033[2J");
	REFUSED("--dir needs a value: --dir DIR", "f", "--dir");
	REFUSED("--dir needs a value", "f", "--dir", "--json");
	REFUSED("--json takes no value", "f", "--json=yes");
	REFUSED("--dir is given twice", "f", "--dir", "a", "--dir", "b");
	REFUSED("FILE [DIR] is missing: orch sample FILE [DIR]", "--json");
	REFUSED("\"c\" is one argument too many", "a", "b", "c");
}

static void command__refuses_more_than_it_has_room_for(void **state)
{
	char *many[80];

	(void)state;
	for (int i = 0; i < 80; i++)
		many[i] = "x";
	refused("too many arguments", 80, many);
}

static void command__guesses_what_was_meant(void **state)
{
	static const char *const names[] = {"start", "status", "stop", "show", "verify"};

	(void)state;
	assert_string_equal(command_nearest("strat", names, 5), "start");
	assert_string_equal(command_nearest("stat", names, 5), "status");
	assert_string_equal(command_nearest("veri", names, 5), "verify");
	assert_string_equal(command_nearest("sotp", names, 5), "stop");
	assert_null(command_nearest("frobnicate", names, 5));
}

static void command__quotes_what_a_shell_would_split(void **state)
{
	static const char *const cases[][2] = {{"/a/b-c_d.1", "/a/b-c_d.1"}, {"a b", "'a b'"}, {"it's", "'it'\\''s'"}, {"$(x)", "'$(x)'"}, {"", "''"}, {"~x", "'~x'"}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *quoted = command_quote(cases[i][0]);

		assert_string_equal(quoted, cases[i][1]);
		free(quoted);
	}
}

static void command__is_named_as_it_was_called(void **state)
{
	(void)state;
	command_called_as("build/orch");
	assert_string_equal(command_program(), "build/orch");
	command_called_as("orch");
	assert_string_equal(command_program(), "orch");
	command_called_as(NULL);
	assert_string_equal(command_program(), "orch");
}

static void command__a_file_is_no_campaign_folder(void **state)
{
	char path[] = "/tmp/orch-test-command-XXXXXX";
	struct arguments arguments = {.command = &sample, .rest = {path}, .rest_count = 1};
	struct orch_err err = {0};
	char *found = NULL;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(command_campaign(&arguments, &found, &err), ORCH_EINPUT);
	assert_null(found);
	assert_non_null(strstr(err.text, "is a file: name the campaign's folder"));
	unlink(path);
	orch_err_clear(&err);
	assert_int_equal(command_campaign(&arguments, &found, &err), ORCH_EMISSING);
	assert_non_null(strstr(err.text, "there is no folder /tmp/orch-test-command-"));
}

/* What the completions and the help rely on. */
static void command_table__is_in_order(void **state)
{
	(void)state;
	for (const struct command *command = command_table; command->name; command++) {
		int count = 0;

		assert_ptr_equal(command_find(command->name), command);
		assert_non_null(command->run);
		assert_non_null(command->arguments);
		assert_true(command->summary && command->summary[0]);
		assert_true(command->summary[strlen(command->summary) - 1] != '.');
		for (const struct command_option *option = command->options; option && option->name; option++, count++) {
			size_t length = strcspn(option->name, ",");

			assert_true(!strncmp(option->name, "--", 2) && length > 2 && length < 24);
			assert_true(option->help && option->help[0]);
			if (option->name[length])
				assert_true(option->name[length + 1] == '-' && strlen(option->name + length + 1) == 2);
			for (const struct command_option *other = command->options; other != option; other++)
				assert_string_not_equal(other->name, option->name);
		}
		assert_true(count <= COUNT(((struct arguments *)0)->values));
	}
	assert_null(command_find("no such command"));
}

static void command_table__has_the_commands_that_messages_name(void **state)
{
	static const char *const names[] = {"init", "plan", "start", "resume", "status", "stop", "show", "verify", "bundle", "doctor", "schema", "worker"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_non_null(command_find(names[i]));
	assert_true(command_find("worker")->hidden);
}

static void demo__is_the_same_everywhere(void **state)
{
	static const char first[] = "id,area,rooms,floor,built,district,condition,distance,balcony,energy,door_number,listed_at_hour,rent\n"
	                            "1,116.9,5,6,1965,Ostend,good,1.79,yes,108,31,22,1504\n";
	struct text_buf data = {0};
	size_t lines = 0;

	(void)state;
	demo_data(&data);
	assert_memory_equal(data.data, first, sizeof first - 1);
	for (size_t i = 0; i < data.length; i++)
		lines += data.data[i] == '\n';
	assert_int_equal(lines, 601);
	text_buf_release(&data);
}

static void demo__campaign_is_accepted(void **state)
{
	char folder[] = "/tmp/orch-test-command-XXXXXX", *path, *report = NULL;
	struct text_buf text = {0};
	struct spec *spec = NULL;
	struct orch_err err = {0};

	(void)state;
	assert_non_null(mkdtemp(folder));
	path = file_join(folder, "campaign.yaml");
	demo_campaign(&text);
	assert_int_equal(file_write_new(path, text.data, text.length, &err), 0);
	if (spec_load(path, false, &spec, &report, &err))
		fail_msg("%s", report);
	assert_string_equal(spec->name, "flats");
	spec_release(spec);
	text_buf_release(&text);
	free(path);
	file_remove_tree(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(command__takes_options_anywhere),
	        cmocka_unit_test(command__takes_values_with_an_equals_sign),
	        cmocka_unit_test(command__takes_short_forms),
	        cmocka_unit_test(command__takes_everything_after_two_dashes_as_it_is),
	        cmocka_unit_test(command__an_option_it_does_not_have_is_absent),
	        cmocka_unit_test(command__help_needs_no_argument),
	        cmocka_unit_test(command__says_what_is_wrong),
	        cmocka_unit_test(command__refuses_more_than_it_has_room_for),
	        cmocka_unit_test(command__guesses_what_was_meant),
	        cmocka_unit_test(command__quotes_what_a_shell_would_split),
	        cmocka_unit_test(command__is_named_as_it_was_called),
	        cmocka_unit_test(command__a_file_is_no_campaign_folder),
	        cmocka_unit_test(command_table__is_in_order),
	        cmocka_unit_test(command_table__has_the_commands_that_messages_name),
	        cmocka_unit_test(demo__is_the_same_everywhere),
	        cmocka_unit_test(demo__campaign_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
