#include "orchestrator/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "orchestrator/doctor.h"
#include "orchestrator/probe.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/process.h"
#include "storage/base/text.h"
#include "storage/dataset.h"
#include "storage/file_system.h"
#include "storage/provenance.h"
#include "version.h"

#define CHECK_SECONDS 30
#define OUTPUT_MAX 2000

/* ---- what may be pasted ---- */

static bool is_secret(const char *name)
{
	static const char *const words[] = {"TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL", "AUTH", "COOKIE"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}

/* The home folder becomes "~"; what stands between "://" and "@" goes. */
static char *masked(const char *text)
{
	const char *home = getenv("HOME");
	size_t length = home ? strlen(home) : 0;
	struct text_buf out = {0};
	char *printable, *result;

	while (*text) {
		size_t user = !strncmp(text, "://", 3) ? strcspn(text + 3, "/@ \t") : 0;

		if (length > 1 && !strncmp(text, home, length) && (text[length] == '/' || !text[length])) {
			text_add(&out, "~");
			text += length;
		} else if (user && text[3 + user] == '@') {
			text_add(&out, "://***");
			text += 3 + user;
		} else {
			text_add_bytes(&out, text++, 1);
		}
	}
	printable = text_take(&out);
	result = text_printable(printable);
	free(printable);
	return result;
}

static json_t *masked_json(const char *text)
{
	char *safe = masked(text);
	json_t *value = json_string(safe);

	free(safe);
	return value;
}

static json_t *environment(void)
{
	static const char *const prefixes[] = {"ORCH_", "OMP_", "OPENBLAS_", "MKL_", "SLURM_", "XDG_CACHE_HOME=", "TMPDIR=", "LANG=", "LC_ALL=", "NO_COLOR=", "TERM=", "CI="};
	extern char **environ;
	json_t *out = json_object();

	for (char **entry = environ; *entry; entry++)
		for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
			char *name;

			if (strncmp(*entry, prefixes[i], strlen(prefixes[i])))
				continue;
			name = text_format("%.*s", (int)strcspn(*entry, "="), *entry);
			json_object_set_new(out, name, is_secret(name) ? json_string("***") : masked_json(*entry + strlen(name) + ((*entry)[strlen(name)] == '=')));
			free(name);
		}
	return out;
}

/* ---- folders ---- */

static double try_sync(const char *folder, struct orch_err *err)
{
	char *path = text_format("%s/.orch-doctor.%d", folder, (int)getpid());
	double began = process_clock();
	int code = file_write_new(path, "x", 1, err);

	if (!code)
		code = file_sync_folder(folder, err);
	began = process_clock() - began;
	unlink(path);
	free(path);
	return began;
}

static json_t *folder_json(const char *folder)
{
	struct file_system fs;
	struct statvfs room = {0};
	struct orch_err err = {0};
	json_t *out;
	double seconds;

	file_make_folders(folder, &err);
	seconds = try_sync(folder, &err);
	file_system_look(folder, &fs);
	statvfs(folder, &room);
	out = json_pack("{s:o, s:s, s:I, s:b, s:f}", "path", masked_json(folder), "file_system", fs.name && *fs.name ? fs.name : "unknown", "free",
	        (json_int_t)((uint64_t)room.f_bavail * room.f_frsize), "fsync", err.code == 0, "fsync_seconds", seconds);
	json_object_set_new(out, "error", err.code ? masked_json(err.text) : json_null());
	json_object_set_new(out, "warning", fs.warning ? masked_json(fs.warning) : json_null());
	file_system_release(&fs);
	return out;
}

static json_t *folders(void)
{
	char *here = file_absolute("."), *cache = dataset_cache_folder();
	json_t *out = json_pack("{s:o, s:o}", "here", folder_json(here), "cache", folder_json(cache));

	free(here);
	free(cache);
	return out;
}

/* ---- self checks, each in a process of its own ---- */

static _Noreturn void become_check(const char *name, int out)
{
	char *arguments[] = {"orch", "doctor", "--check", (char *)name, NULL};

	setpgid(0, 0);
	dup2(out, 1);
	dup2(out, 2);
	execv(probe_program(), arguments);
	_exit(126);
}

/* Everything it prints, until it ends or its time is up. */
static bool listen_to(pid_t pid, int from, struct text_buf *text)
{
	double end = process_clock() + CHECK_SECONDS;
	char chunk[512];

	for (;;) {
		struct pollfd polled = {.fd = from, .events = POLLIN};
		double left = end - process_clock();
		ssize_t n;

		if (left <= 0 || (poll(&polled, 1, (int)(left * 1000)) < 0 && errno != EINTR)) {
			kill(-pid, SIGKILL);
			return false;
		}
		if (!polled.revents)
			continue;
		n = read(from, chunk, sizeof chunk);
		if (n == 0)
			return true;
		if (n > 0 && text->length < OUTPUT_MAX)
			text_add_bytes(text, chunk, (size_t)n);
	}
}

static json_t *verdict_of(int status, bool in_time, struct text_buf *text, double seconds)
{
	bool ok = in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	json_t *out = json_pack("{s:b, s:f}", "ok", ok, "seconds", seconds);

	if (!ok && !in_time)
		text_addf(text, "no end after %d s", CHECK_SECONDS);
	else if (!ok && WIFSIGNALED(status))
		text_addf(text, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	while (text->length && text->data[text->length - 1] == '\n')
		text->data[--text->length] = '\0';
	json_object_set_new(out, "text", ok ? json_null() : masked_json(text->length ? text->data : "it failed without a word"));
	return out;
}

static json_t *run_check(const struct doctor_check *check)
{
	struct text_buf text = {0};
	int pipes[2], status = 0;
	double began = process_clock();
	bool in_time;
	json_t *out;
	pid_t pid;

	fflush(NULL);
	if (pipe2(pipes, O_CLOEXEC))
		return json_pack("{s:b, s:f, s:s}", "ok", 0, "seconds", 0.0, "text", strerror(errno));
	pid = fork();
	if (pid == 0)
		become_check(check->name, pipes[1]);
	close(pipes[1]);
	in_time = pid > 0 && listen_to(pid, pipes[0], &text);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	close(pipes[0]);
	out = verdict_of(status, in_time, &text, process_clock() - began);
	text_buf_release(&text);
	return out;
}

static json_t *run_checks(void)
{
	json_t *out = json_object();

	for (const struct doctor_check *check = doctor_checks; check->name; check++) {
		json_t *result = run_check(check);

		json_object_set_new(result, "library", json_string(check->library));
		json_object_set_new(out, check->name, result);
	}
	return out;
}

/* In the process of the check. */
static int check_here(const char *name)
{
	char folder[] = "/tmp/orch-doctor.XXXXXX";
	struct orch_err err = {0};
	const struct doctor_check *check = doctor_checks;
	int code;

	while (check->name && strcmp(check->name, name))
		check++;
	if (!check->name)
		return command_failed("doctor", orch_fail(&err, ORCH_EINPUT, "there is no check \"%s\"", name), &err);
	if (!mkdtemp(folder))
		return command_failed("doctor", orch_fail_sys(&err, ORCH_EIO, errno, "cannot make a folder in /tmp"), &err);
	code = check->run(folder, &err);
	file_remove_tree(folder, NULL);
	return code ? command_failed("doctor", code, &err) : 0;
}

/* ---- all together ---- */

/* The first folder of PATH that has it. */
static bool in_path(const char *program)
{
	char *path = mem_text(getenv("PATH") ? getenv("PATH") : ""), *save = NULL;
	bool found = false;

	for (char *folder = strtok_r(path, ":", &save); folder && !found; folder = strtok_r(NULL, ":", &save)) {
		char *file = file_join(folder, program);

		found = access(file, X_OK) == 0;
		free(file);
	}
	free(path);
	return found;
}

static json_t *tools(void)
{
	static const char *const names[] = {"gnuplot", "sbatch", "notify-send"};
	json_t *out = json_object();

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		json_object_set_new(out, names[i], json_boolean(in_path(names[i])));
	return out;
}

static int examine(json_t **out, struct orch_err *err)
{
	json_t *described = NULL, *host;
	char *diff = NULL, *here = file_absolute("campaign.yaml");
	int code = provenance_describe(here, &described, &diff, err);

	free(diff);
	free(here);
	if (code)
		return code;
	host = json_object_get(described, "host");
	json_object_del(host, "name"); /* nobody's business in a report */
	json_object_set_new(host, "usable_cores", json_integer(process_cores()));
	json_object_set_new(host, "usable_memory", json_integer((json_int_t)process_memory_available()));
	json_object_set_new(host, "cgroup_memory", json_integer((json_int_t)process_cgroup_memory("")));
	json_object_set_new(host, "cgroup_processors", json_real(process_cgroup_cpus("")));
	*out = json_pack("{s:i, s:{s:s, s:s}, s:O, s:O, s:o, s:o, s:o, s:o}", "version", 1, "orch", "version", ORCH_VERSION, "build", ORCH_BUILD, "libraries",
	        json_object_get(described, "libraries"), "host", host, "folders", folders(), "tools", tools(), "environment", environment(), "checks", run_checks());
	json_decref(described);
	return 0;
}

static void print_object(const char *title, const json_t *object)
{
	const char *key;
	json_t *value;

	printf("\n%s\n", title);
	json_object_foreach((json_t *)object, key, value) {
		char *text = json_is_string(value) ? text_printable(json_string_value(value)) : json_text(value, JSON_STYLE_CANONICAL);

		printf("  %-20s %s\n", key, text);
		free(text);
	}
}

static void print_machine(const json_t *host)
{
	double processors = json_get_real(host, "cgroup_processors", 0);
	uint64_t limit = (uint64_t)json_get_int(host, "cgroup_memory", 0);
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];

	printf("\nmachine\n  %-20s %s %s, %s\n", "system", json_get_text(host, "system", "?"), json_get_text(host, "release", "?"), json_get_text(host, "machine", "?"));
	printf("  %-20s %s\n", "processor", json_get_text(host, "cpu", "?"));
	printf("  %-20s %lld", "usable cores", (long long)json_get_int(host, "usable_cores", 0));
	if (processors > 0)
		printf(" (control group: %g)", processors);
	printf("\n  %-20s %s", "usable memory", text_bytes((uint64_t)json_get_int(host, "usable_memory", 0), a));
	if (limit)
		printf(" (control group: %s)", text_bytes(limit, b));
	printf("\n");
}

static void print_folders(const json_t *all)
{
	const char *key;
	json_t *folder;
	char a[TEXT_NUMBER_MAX];

	printf("\nfolders\n");
	json_object_foreach((json_t *)all, key, folder) {
		printf("  %-20s %s: %s, %s free, ", key, json_get_text(folder, "path", "?"), json_get_text(folder, "file_system", "?"),
		        text_bytes((uint64_t)json_get_int(folder, "free", 0), a));
		if (json_get_bool(folder, "fsync", 0))
			printf("fsync works (%.1f ms)\n", 1000 * json_get_real(folder, "fsync_seconds", 0));
		else
			printf("CANNOT BE WRITTEN: %s\n", json_get_text(folder, "error", "?"));
		if (json_get_text(folder, "warning", NULL))
			printf("  %-20s warning: %s\n", "", json_get_text(folder, "warning", ""));
	}
}

static size_t print_checks(const json_t *checks)
{
	const char *key;
	json_t *check;
	size_t failed = 0;

	printf("\nself checks\n");
	json_object_foreach((json_t *)checks, key, check) {
		bool ok = json_get_bool(check, "ok", 0);

		failed += !ok;
		printf("  %-20s %s (%s, %.2f s)%s%s\n", key, ok ? "ok" : "FAILED", json_get_text(check, "library", ""), json_get_real(check, "seconds", 0), ok ? "" : ": ",
		        ok ? "" : json_get_text(check, "text", ""));
	}
	return failed;
}

static size_t print_report(const json_t *report)
{
	const json_t *orch = json_object_get(report, "orch");

	printf("orch %s (build %s)\n", json_get_text(orch, "version", "?"), json_get_text(orch, "build", "?"));
	print_object("libraries", json_object_get(report, "libraries"));
	print_machine(json_object_get(report, "host"));
	print_folders(json_object_get(report, "folders"));
	print_object("tools found", json_object_get(report, "tools"));
	print_object("environment", json_object_get(report, "environment"));
	return print_checks(json_object_get(report, "checks"));
}

static size_t count_failed(const json_t *checks)
{
	const char *key;
	json_t *check;
	size_t failed = 0;

	json_object_foreach((json_t *)checks, key, check)
		failed += !json_get_bool(check, "ok", 0);
	return failed;
}

int cmd_doctor(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	json_t *report = NULL;
	size_t failed;
	int code;

	if (!command_begin("doctor", argc, argv, &arguments, &code))
		return code;
	if (arguments_flag(&arguments, "--check"))
		return check_here(arguments_value(&arguments, "--check"));
	code = examine(&report, &err);
	if (code)
		return command_failed("doctor", code, &err);
	if (arguments_flag(&arguments, "--json")) {
		command_print_json(report);
		failed = count_failed(json_object_get(report, "checks"));
	} else {
		failed = print_report(report);
	}
	json_decref(report);
	if (failed)
		command_say(&arguments, "\n%zu self check%s failed: what stands there belongs into a report", failed, failed == 1 ? "" : "s");
	else
		command_next(&arguments, "%s init --demo", command_program());
	return failed ? 1 : 0;
}
