/* Readings of memory out of files made up here, and what becomes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/pressure.h"
#include "storage/base/file.h"
#include "storage/base/text.h"

#define GIB (UINT64_C(1) << 30)

static char root[64];

static int make_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/orch-pressure-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	(void)state;
	return file_remove_tree(root, NULL);
}

static void put(const char *name, const char *content)
{
	char *path = text_format("%s/%s", root, name), *folder = file_folder(path);

	assert_int_equal(file_make_folders(folder, NULL), 0);
	assert_int_equal(file_write_new(path, content, strlen(content), NULL), 0);
	free(path);
	free(folder);
}

static void reading__of_the_machine(void **state)
{
	struct memory_reading reading;

	(void)state;
	put("proc/meminfo", "MemTotal:       16777216 kB\nMemFree:          100 kB\nMemAvailable:    4194304 kB\n");
	memory_reading_take(root, &reading);
	assert_int_equal(reading.total, 16 * GIB);
	assert_int_equal(reading.available, 4 * GIB);
	assert_true(reading.stalled == -1);
}

static void reading__the_tightest_group_counts(void **state)
{
	struct memory_reading reading;

	(void)state;
	put("proc/meminfo", "MemTotal:       16777216 kB\nMemAvailable:    4194304 kB\n");
	put("proc/pressure/memory", "some avg10=12.50 avg60=3.00 avg300=0.00 total=1\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=1\n");
	put("proc/self/cgroup", "0::/night/run\n");
	put("sys/fs/cgroup/night/run/memory.max", "max\n");
	put("sys/fs/cgroup/night/memory.max", "4294967296\n");
	put("sys/fs/cgroup/night/memory.current", "3221225472\n");
	put("sys/fs/cgroup/night/memory.stat", "anon 1\ninactive_file 1073741824\nactive_file 5\n");
	memory_reading_take(root, &reading);
	assert_int_equal(reading.total, 4 * GIB);
	assert_int_equal(reading.available, 2 * GIB); /* of 3 in use one is cache that gives way */
	assert_true(reading.stalled == 12.5);
}

static void reading__version_1(void **state)
{
	struct memory_reading reading;

	(void)state;
	put("proc/meminfo", "MemTotal:       16777216 kB\nMemAvailable:   14194304 kB\n");
	put("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/a\n");
	put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "2147483648\n");
	put("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "2040109465\n");
	put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	memory_reading_take(root, &reading);
	assert_int_equal(reading.total, 2 * GIB);
	assert_int_equal(reading.available, 2 * GIB - 2040109465u);
}

static void reading__nothing_there(void **state)
{
	struct memory_reading reading;

	(void)state;
	memory_reading_take(root, &reading);
	assert_int_equal(reading.total, 0);
	memory_reading_take("", &reading); /* this machine */
	assert_true(reading.total > 0 && reading.available <= reading.total);
}

static struct memory_reading left(double share, double stalled)
{
	return (struct memory_reading){.total = 100 * GIB, .available = (uint64_t)(share * 100 * (double)GIB), .stalled = stalled};
}

static unsigned after(struct pressure *pressure, double share, double stalled, double now)
{
	struct memory_reading reading = left(share, stalled);

	pressure_note(pressure, &reading, now);
	return pressure->allowed;
}

static void pressure__plenty_changes_nothing(void **state)
{
	struct pressure pressure;
	struct memory_reading unknown = {.stalled = -1};

	(void)state;
	pressure_init(&pressure, 8);
	for (double now = 1; now < 60; now++)
		assert_int_equal(after(&pressure, 0.5, 0, now), 8);
	pressure_note(&pressure, &unknown, 61);
	assert_int_equal(pressure.allowed, 8);
}

static void pressure__one_by_one_when_short(void **state)
{
	struct pressure pressure;

	(void)state;
	pressure_init(&pressure, 3);
	assert_int_equal(after(&pressure, 0.04, 0, 10), 2);
	assert_int_equal(after(&pressure, 0.04, 0, 11), 2); /* it takes a moment until it shows */
	assert_int_equal(after(&pressure, 0.04, 0, 12.5), 1);
	assert_int_equal(after(&pressure, 0.04, 0, 20), 1); /* one may always run */
	assert_false(pressure.nearly_gone);
}

static void pressure__by_half_when_nearly_gone(void **state)
{
	struct pressure pressure;

	(void)state;
	pressure_init(&pressure, 8);
	assert_int_equal(after(&pressure, 0.01, 0, 10), 4);
	assert_true(pressure.nearly_gone);
	assert_int_equal(after(&pressure, 0.01, 0, 13), 2);
	assert_int_equal(after(&pressure, 0.01, 0, 16), 1);
	pressure_init(&pressure, 2);
	assert_int_equal(after(&pressure, 0.01, 0, 10), 1);
}

static void pressure__waiting_counts_when_little_is_left(void **state)
{
	struct pressure pressure;

	(void)state;
	pressure_init(&pressure, 4);
	assert_int_equal(after(&pressure, 0.7, 60, 10), 4);
	assert_int_equal(after(&pressure, 0.3, 60, 20), 3);
}

static void pressure__comes_back_one_by_one_after_a_calm(void **state)
{
	struct pressure pressure;

	(void)state;
	pressure_init(&pressure, 4);
	after(&pressure, 0.01, 0, 10);
	assert_int_equal(pressure.allowed, 2);
	assert_int_equal(after(&pressure, 0.5, 0, 11), 2);
	assert_int_equal(after(&pressure, 0.08, 0, 15), 2); /* not plenty: the calm begins anew */
	assert_int_equal(after(&pressure, 0.5, 0, 16), 2);
	assert_int_equal(after(&pressure, 0.5, 0, 20), 2);
	assert_int_equal(after(&pressure, 0.5, 0, 21.5), 3);
	assert_int_equal(after(&pressure, 0.5, 0, 22), 3);
	assert_int_equal(after(&pressure, 0.5, 0, 27), 4);
	assert_int_equal(after(&pressure, 0.5, 0, 99), 4);
}

#define WITH_ROOT(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)
int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_ROOT(reading__of_the_machine),
	        WITH_ROOT(reading__the_tightest_group_counts),
	        WITH_ROOT(reading__version_1),
	        WITH_ROOT(reading__nothing_there),
	        cmocka_unit_test(pressure__plenty_changes_nothing),
	        cmocka_unit_test(pressure__one_by_one_when_short),
	        cmocka_unit_test(pressure__by_half_when_nearly_gone),
	        cmocka_unit_test(pressure__waiting_counts_when_little_is_left),
	        cmocka_unit_test(pressure__comes_back_one_by_one_after_a_calm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
