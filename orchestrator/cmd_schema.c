#include "orchestrator/command.h"

#include <stdio.h>
#include <stdlib.h>

#include "orchestrator/spec.h"

int cmd_schema(int argc, char **argv)
{
	struct arguments arguments;
	int status;

	if (!command_begin("schema", argc, argv, &arguments, &status))
		return status;
	if (arguments_flag(&arguments, "--keys")) {
		char *keys = spec_keys_help();

		fputs(keys, stdout);
		free(keys);
		command_next(&arguments, "%s init", command_program());
	} else {
		json_t *schema = spec_schema();

		command_print_json(schema);
		json_decref(schema);
	}
	return 0;
}
