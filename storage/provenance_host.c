#include "storage/provenance_host.h"

#include <archive.h>
#include <cblas.h>
#include <dlfcn.h>
#include <git2.h>
#include <libfyaml.h>
#include <nettle/version.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "storage/base/file.h"
#include "storage/base/library.h"
#include "storage/base/process.h"
#include "storage/base/text.h"
#include "storage/duckdb_adapter.h"

/* --- libraries --- */

static void set(json_t *object, const char *key, const char *value)
{
	char *safe = text_printable(value ? value : "unknown");
	json_object_set_new(object, key, json_string(safe));
	free(safe);
}

static void set_numbers(json_t *object, const char *key, int major, int minor, int patch)
{
	char *text = text_format(patch < 0 ? "%d.%d" : "%d.%d.%d", major, minor, patch);
	set(object, key, text);
	free(text);
}

/* In a child process: this one has no use for the library. The name is that of engines/model/xgboost_adapter.c. */
static void ask_xgboost(char out[LIBRARY_ANSWER])
{
	void (*version)(int *major, int *minor, int *patch);
	int major = 0, minor = 0, patch = 0;
	void *handle = dlopen("libxgboost.so.0", RTLD_NOW | RTLD_LOCAL), *function = handle ? dlsym(handle, "XGBoostVersion") : NULL;

	if (!function)
		return;
	memcpy(&version, &function, sizeof version);
	version(&major, &minor, &patch);
	snprintf(out, LIBRARY_ANSWER, "%d.%d.%d", major, minor, patch);
}

json_t *provenance_libraries(void)
{
	char xgboost[LIBRARY_ANSWER];
	json_t *libraries = json_object();
	int major = 0, minor = 0, patch = 0;
	set(libraries, "sqlite", sqlite3_libversion());
	set(libraries, "jansson", jansson_version_str());
	set(libraries, "libfyaml", fy_library_version());
	set(libraries, "duckdb", duck_version());
	set(libraries, "openblas", openblas_get_config());
	library_ask(ask_xgboost, xgboost);
	set(libraries, "xgboost", xgboost);
	git_libgit2_version(&major, &minor, &patch);
	set_numbers(libraries, "libgit2", major, minor, patch);
	set(libraries, "libarchive", archive_version_string()); /* archive_version_details leaks */
	set(libraries, "zstd", archive_libzstd_version());
	set_numbers(libraries, "nettle", nettle_version_major(), nettle_version_minor(), -1);
	return libraries;
}

/* --- machine --- */

/* The first "model name" of /proc/cpuinfo; other processors name themselves elsewhere or not at all. */
static char *cpu_model(void)
{
	char *text = NULL, *model = NULL;
	size_t length;
	if (file_read("/proc/cpuinfo", 0, &text, &length, NULL) == 0) {
		const char *line = strstr(text, "model name");
		const char *colon = line ? strchr(line, ':') : NULL;
		if (colon)
			model = text_format("%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
	}
	free(text);
	return model;
}

json_t *provenance_machine(void)
{
	json_t *machine = json_object();
	struct utsname names;
	char *cpu = cpu_model();
	if (uname(&names) == 0) {
		set(machine, "name", names.nodename);
		set(machine, "system", names.sysname);
		set(machine, "release", names.release);
		set(machine, "machine", names.machine);
	}
	set(machine, "cpu", cpu);
	json_object_set_new(machine, "cores", json_integer((json_int_t)process_cores()));
	json_object_set_new(machine, "memory", json_integer((json_int_t)process_memory_available()));
	free(cpu);
	return machine;
}
