/* Only async-signal-safe calls here: open, read, close, kill, getdents64. */
#include "storage/base/process_kill.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FAMILY_MAX 32768 /* the kernel's usual limit of pids; what is beyond is found when these are gone */

struct relation {
	pid_t pid, parent;
	bool inside;
};
struct entry { /* linux_dirent64, getdents64(2) */
	uint64_t inode;
	int64_t next;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* Static: a handler has no room for it on its stack, and a handler that interrupts a caller ends the process. */
static struct relation family[FAMILY_MAX];

static pid_t number_of(const char *text)
{
	long number = 0;

	for (; *text >= '0' && *text <= '9' && number < 100000000; text++)
		number = number * 10 + (*text - '0');
	return *text == '\0' ? (pid_t)number : 0;
}

/* The fourth field of /proc/PID/stat; the second is a name in parentheses that may hold anything. */
static pid_t parent_of(const char *pid)
{
	char path[32] = "/proc/", text[512], *at;
	size_t length = strlen(pid);
	ssize_t n;
	pid_t parent = 0;
	int fd;

	if (length > 10)
		return 0;
	memcpy(path + 6, pid, length);
	memcpy(path + 6 + length, "/stat", 6);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	at = strrchr(text, ')');
	if (!at || strlen(at) < 5)
		return 0;
	for (at += 4; *at >= '0' && *at <= '9'; at++)
		parent = parent * 10 + (*at - '0');
	return parent;
}

static size_t read_family(void)
{
	union { /* entries are aligned */
		struct entry entry;
		char bytes[8192];
	} buffer;
	int folder = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t count = 0;
	long n;

	if (folder < 0)
		return 0;
	while ((n = syscall(SYS_getdents64, folder, &buffer, sizeof buffer)) > 0)
		for (long at = 0; at < n;) {
			const struct entry *entry = (const void *)(buffer.bytes + at);
			pid_t pid = number_of(entry->name), parent = pid ? parent_of(entry->name) : 0;

			if (parent && count < FAMILY_MAX)
				family[count++] = (struct relation){.pid = pid, .parent = parent};
			at += entry->length;
		}
	close(folder);
	return count;
}

size_t process_children(pid_t parent, pid_t *out, size_t capacity)
{
	size_t count = read_family(), found = 0;

	for (size_t i = 0; i < count; i++)
		if (family[i].parent == parent) {
			if (found < capacity)
				out[found] = family[i].pid;
			found++;
		}
	return found;
}

size_t process_signal_descendants(pid_t ancestor, int number)
{
	size_t count = read_family(), found = 0;
	bool grown = true;

	while (grown) { /* pids wrap around, so a child may stand before its parent */
		grown = false;
		for (size_t i = 0; i < count; i++) {
			bool below = family[i].parent == ancestor;

			if (family[i].inside)
				continue;
			for (size_t j = 0; j < count && !below; j++)
				below = family[j].inside && family[j].pid == family[i].parent;
			if (below)
				family[i].inside = grown = true;
		}
	}
	for (size_t i = 0; i < count; i++)
		if (family[i].inside) {
			kill(family[i].pid, number);
			found++;
		}
	return found;
}
