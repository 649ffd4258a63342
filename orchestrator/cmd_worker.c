#include "orchestrator/command.h"

#include "orchestrator/worker.h"

int cmd_worker(int argc, char **argv)
{
	struct arguments arguments;
	int status;

	return command_begin("worker", argc, argv, &arguments, &status) ? worker_run() : status;
}
