/* hostile: a C library that makes things hard, to be loaded before the real one (LD_PRELOAD): what file systems, signals and clocks may do to a
 * program and to the libraries it uses (SQLite, DuckDB, libarchive, libgit2), which fault_point cannot reach.
 *   HOSTILE=short             every second write takes half of what it is given
 *           eintr             every second read and write is interrupted first
 *           clock             the clock of the day jumps a day ahead, and two days back, every hundred looks
 *           no-locks          flock: ENOLCK, as on a network file system without a lock manager
 *           no-renameat2      renameat2: EINVAL, as on file systems without its flags
 *           CALL@N:ERRNO      the N-th write, fsync, rename or open of a file below HOSTILE_ROOT in a process fails
 * Counted per process. Test code: an unknown word aborts. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum how { UNREAD, QUIET, SHORT, INTERRUPT, CLOCK, NO_LOCKS, NO_RENAMEAT2, FAIL };
static enum how how;
static char call[16];
static unsigned long fail_at;
static int fail_with;
static atomic_ulong seen, looks;

static enum how mode(void)
{
	static const struct { const char *word; enum how how; } words[] = {{"short", SHORT}, {"eintr", INTERRUPT}, {"clock", CLOCK},
	        {"no-locks", NO_LOCKS}, {"no-renameat2", NO_RENAMEAT2}};
	const char *text = getenv("HOSTILE");
	char name[16] = "";

	if (how != UNREAD)
		return how;
	if (!text || !*text)
		return how = QUIET;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(text, words[i].word))
			return how = words[i].how;
	if (sscanf(text, "%15[a-z]@%lu:%15s", call, &fail_at, name) != 3)
		abort();
	fail_with = !strcmp(name, "EIO") ? EIO : !strcmp(name, "ENOSPC") ? ENOSPC : !strcmp(name, "EDQUOT") ? EDQUOT : !strcmp(name, "EROFS") ? EROFS :
	        !strcmp(name, "EMFILE") ? EMFILE : 0;
	if (!fail_with)
		abort();
	return how = FAIL;
}

static bool below_root(const char *path)
{
	const char *root = getenv("HOSTILE_ROOT");

	return root && !strncmp(path, root, strlen(root));
}

static bool file_below_root(int fd)
{
	char link[64], path[4096];
	struct stat info;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof path - 1);
	if (length <= 0)
		return false;
	path[length] = 0;
	return below_root(path) && !fstat(fd, &info) && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode));
}

/* Is this the call that must fail? */
static bool fails(const char *name, int fd, const char *path)
{
	if (mode() != FAIL || strcmp(name, call) || !(path ? below_root(path) : file_below_root(fd)) || ++seen != fail_at)
		return false;
	errno = fail_with;
	return true;
}

static bool interrupted(void)
{
	if (mode() != INTERRUPT || ++seen % 2)
		return false;
	errno = EINTR;
	return true;
}

static size_t shortened(int fd, size_t count)
{
	return mode() == SHORT && count > 1 && ++seen % 2 && file_below_root(fd) ? count / 2 : count;
}

#define REAL(result, name, ...)                        \
	static result (*real)(__VA_ARGS__);            \
	if (!real)                                     \
		real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *bytes, size_t count)
{
	REAL(ssize_t, "write", int, const void *, size_t);
	return fails("write", fd, NULL) || interrupted() ? -1 : real(fd, bytes, shortened(fd, count));
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
	REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
	return fails("write", fd, NULL) || interrupted() ? -1 : real(fd, bytes, shortened(fd, count), at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at)
{
	REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
	return fails("write", fd, NULL) || interrupted() ? -1 : real(fd, bytes, shortened(fd, count), at);
}

ssize_t read(int fd, void *bytes, size_t count)
{
	REAL(ssize_t, "read", int, void *, size_t);
	return interrupted() ? -1 : real(fd, bytes, count);
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t at)
{
	REAL(ssize_t, "pread64", int, void *, size_t, off64_t);
	return interrupted() ? -1 : real(fd, bytes, count, at);
}

int open(const char *path, int flags, ...)
{
	REAL(int, "open", const char *, int, ...);
	va_list rest;
	va_start(rest, flags);
	mode_t bits = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return fails("open", -1, path) ? -1 : real(path, flags, bits);
}

int open64(const char *path, int flags, ...)
{
	REAL(int, "open64", const char *, int, ...);
	va_list rest;
	va_start(rest, flags);
	mode_t bits = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return fails("open", -1, path) ? -1 : real(path, flags, bits);
}

int fsync(int fd)
{
	REAL(int, "fsync", int);
	return fails("fsync", fd, NULL) ? -1 : real(fd);
}

int fdatasync(int fd)
{
	REAL(int, "fdatasync", int);
	return fails("fsync", fd, NULL) ? -1 : real(fd);
}

int rename(const char *from, const char *to)
{
	REAL(int, "rename", const char *, const char *);
	return fails("rename", -1, to) ? -1 : real(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
	if (mode() == NO_RENAMEAT2 && flags) {
		errno = EINVAL;
		return -1;
	}
	return fails("rename", -1, to) ? -1 : real(from_folder, from, to_folder, to, flags);
}

int flock(int fd, int operation)
{
	REAL(int, "flock", int, int);
	if (mode() == NO_LOCKS) {
		errno = ENOLCK;
		return -1;
	}
	return real(fd, operation);
}

static time_t jump(void)
{
	unsigned long phase = mode() == CLOCK ? ++looks / 100 % 3 : 0;

	return phase == 1 ? 86400 : phase == 2 ? -86400 : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
	REAL(int, "clock_gettime", clockid_t, struct timespec *);
	int result = real(clock, out);
	if (!result && clock == CLOCK_REALTIME)
		out->tv_sec += jump();
	return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	REAL(int, "gettimeofday", struct timeval *restrict, void *restrict);
	int result = real(out, zone);
	if (!result)
		out->tv_sec += jump();
	return result;
}

time_t time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}
