/* The parts of the command engine's driver, shared by command_*.c only; the spec checks a template with command_arguments. */
#ifndef ORCHESTRATOR_COMMAND_PARTS_H
#define ORCHESTRATOR_COMMAND_PARTS_H

#include "orchestrator/worker.h"
#include "storage/base/text.h"

/* command_template.c: the command line. Split on blanks, '..' and ".." and backslash keep blanks; each placeholder {name} becomes what value(name) appends, and
 * never splits an argument. argv is NULL-terminated; free with command_arguments_release. ORCH_EFIT for a placeholder without a value. */
int command_arguments(const char *run, bool (*value)(const void *context, const char *name, struct text_buf *out), const void *context, char ***argv, struct orch_err *err);
void command_arguments_release(char **argv);
void command_add_shell(struct text_buf *out, char *const *argv); /* as a person would type it */

/* command_data.c: {data} and {features_file}. shared: the program is told by {features_file} what it may use, so that one file with all features of the
 * round, in the fit's scratch, serves all fits of the same rows; else the file holds the fit's own features, and where these are not all, it lies
 * in folder and goes with it. Paths are malloc'd and absolute when scratch is. */
int command_data_file(const struct worker *worker, const struct command_fit *fit, bool shared, const char *folder, char **path, struct orch_err *err);
int command_features_file(const struct command_fit *fit, const char *folder, char **path, struct orch_err *err);

/* command_process.c: runs argv in folder until it ends; nothing it started survives it. For a process that has no other children. 0 when it ran, whatever its
 * status; ORCH_EFIT when it met a limit (cause says which): it and all its descendants got TERM, and KILL after the grace; ORCH_EIO when it could not be
 * started or watched. Release both buffers in either case. What it says on stderr goes to ours as well, so that a worker that is killed with it has told. */
struct command_limits {
	double seconds;  /* 0: none */
	const char *input; /* file that is its stdin; NULL: it has none */
	uint64_t output; /* bytes it may add to folder, with what it prints; 0: none */
	/* The template form's stdout as it comes; true: what it reports ends the fit: TERM, and KILL after the grace. NULL: nobody looks. */
	bool (*watch)(void *context, const char *bytes, size_t length);
	void *context;
};
struct command_output {
	struct text_buf out, err; /* at least the last COMMAND_OUT_TAIL and COMMAND_TAIL bytes */
	int status;               /* exit status, or 128 + signal */
	int signal;
	const char *cause;        /* "timeout" or "output"; NULL: it met no limit */
};
#define COMMAND_TAIL (64u << 10)
#define COMMAND_OUT_TAIL (1u << 20) /* the last line, which is the answer, has to fit */
#define COMMAND_GRACE_MILLISECONDS 2000u
/* Pieces that both forms of a program share. become: the child's side after fork; in -1: nothing to read. take_piece: one piece of what is there (bytes
 * read; closes at the end), aloud: to our stderr as well. */
_Noreturn void command_become(char *const *argv, const char *folder, const struct command_limits *limits, int in, int out, int err);
size_t command_take_piece(int *fd, struct text_buf *buf, bool aloud);
void command_keep_tail(struct text_buf *buf, const char *bytes, size_t length, size_t least); /* at least so many of the last bytes stay */
int command_take_status(pid_t pid, struct command_output *output, struct orch_err *err);
uint64_t command_folder_bytes(const char *folder);
int command_tell_limit(const struct command_limits *limits, const struct command_output *output, struct orch_err *err);
int command_process(char *const *argv, const char *folder, const struct command_limits *limits, struct command_output *output, struct orch_err *err);

/* command_server.c: one fit of a program that stays alive (its protocol stands there). home: the folder it is started in; folder: the fit's own, in request.
 * answer: its line, malloc'd. ORCH_EFIT: it met a limit, ended or spoke wrongly; it is gone then, and the next fit starts another. */
int command_server_fit(struct worker *worker, char *const *argv, const char *home, const char *folder, json_t *request, const struct command_limits *limits,
        struct command_output *output, char **answer, struct orch_err *err);
/* {"step":..,"value":..} of a program: kept with the fit, the first COMMAND_PROGRESS_MAX of them. True: the fit is to be stopped. */
#define COMMAND_PROGRESS_MAX 1000
bool command_note_progress(struct worker *worker, const json_t *object);

/* command_result.c: what the program answered. prediction: malloc'd test_count x outputs or classes, or NULL with *score. used: the features that the model
 * uses, where the answer says so (new reference), else NULL. */
int command_result(const struct worker *worker, const struct command_fit *fit, const char *folder, const char *line, double **prediction, double *score, json_t **used, struct orch_err *err);

#endif
