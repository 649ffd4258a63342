#include "storage/bundle_read.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/manifest.h"

#define UNPACKED_MAX ((uint64_t)4 << 30)
#define RATIO_MAX 200
#define CHUNK ((size_t)1 << 18)

struct reading {
	const char *path;
	struct archive *archive;
	uint64_t allowed; /* bytes of members still allowed */
	char *top;        /* the folder all members lie in */
	char *last;       /* name of the last file */
	char *chunk;
};

static int refuse(const struct reading *reading, const char *name, const char *why, struct orch_err *err)
{
	char *safe = text_printable(name);
	int code = orch_fail(err, ORCH_EDAMAGED, "bundle %s is damaged or no bundle of orch: member %s: %s",
	        reading->path, safe, why);
	free(safe);
	return code;
}

static int archive_failed(const struct reading *reading, struct orch_err *err)
{
	int sys = archive_errno(reading->archive);
	const char *text = archive_error_string(reading->archive);
	if (sys == ENOMEM)
		return orch_fail(err, ORCH_ENOMEM, "bundle %s: out of memory", reading->path);
	if (sys == EIO)
		return orch_fail_sys(err, ORCH_EIO, sys, "cannot read %s", reading->path);
	char *safe = text_printable(text ? text : "unreadable");
	int code = orch_fail(err, ORCH_EDAMAGED, "bundle %s is damaged or no bundle: %s", reading->path, safe);
	free(safe);
	return code;
}

/* The name below the top folder; "" for that folder itself; NULL and *why when it is not to be trusted. */
static const char *inner_name(struct reading *reading, const char *name, const char **why)
{
	size_t top = strcspn(name, "/");
	if (!manifest_name_safe(name)) {
		*why = "its name is absolute, empty or leads out of the folder";
		return NULL;
	}
	if (!reading->top) {
		reading->top = mem_text(name);
		reading->top[top] = '\0';
	}
	if (strlen(reading->top) != top || strncmp(reading->top, name, top) != 0) {
		*why = "it lies outside the bundle's folder";
		return NULL;
	}
	return name[top] ? name + top + 1 : name + top;
}

static const char *wrong_kind(struct archive_entry *entry)
{
	mode_t type = archive_entry_filetype(entry);
	if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) || type == AE_IFLNK)
		return "it is a link";
	if (type != AE_IFREG && type != AE_IFDIR)
		return "it is neither a file nor a folder";
	if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0)
		return "it has no size";
	return archive_entry_size(entry) > 0 && type == AE_IFDIR ? "it is a folder with content" : NULL;
}

static int read_content(struct reading *reading, const char *name, uint64_t size, const struct bundle_visitor *visitor,
        void *context, struct orch_err *err)
{
	uint64_t total = 0;
	la_ssize_t got;
	while ((got = archive_read_data(reading->archive, reading->chunk, CHUNK)) > 0) {
		total += (uint64_t)got;
		if (total > size)
			return refuse(reading, name, "it is longer than it says", err);
		int code = visitor->data(context, reading->chunk, (size_t)got, err);
		if (code)
			return code;
	}
	if (got < 0)
		return archive_failed(reading, err);
	if (total != size)
		return refuse(reading, name, "it is cut off", err);
	return visitor->end ? visitor->end(context, err) : 0;
}

static int read_member(struct reading *reading, struct archive_entry *entry, const struct bundle_visitor *visitor,
        void *context, struct orch_err *err)
{
	const char *raw = archive_entry_pathname(entry), *why = NULL;
	if (!raw)
		return refuse(reading, "?", "its name cannot be read", err);
	char *name = mem_text(raw);
	bool folder = archive_entry_filetype(entry) == AE_IFDIR;
	size_t length = strlen(name);
	if (folder && length && name[length - 1] == '/')
		name[length - 1] = '\0';
	const char *inner = inner_name(reading, name, &why);
	if (!why)
		why = wrong_kind(entry);
	uint64_t size = why ? 0 : (uint64_t)archive_entry_size(entry);
	if (!why && !folder && !*inner)
		why = "a file stands where the folder belongs";
	if (!why && !folder && reading->last && strcmp(reading->last, inner) >= 0)
		why = "it comes twice or out of order";
	if (!why && size > reading->allowed)
		why = "it is larger than a bundle of this size can be";
	int code = why ? refuse(reading, raw, why, err) : 0;
	if (!code && !folder) {
		reading->allowed -= size;
		free(reading->last);
		reading->last = mem_text(inner);
		code = visitor->begin(context, inner, size, err);
		if (!code && visitor->data)
			code = read_content(reading, raw, size, visitor, context, err);
	}
	free(name);
	return code;
}

static int open_file(const char *path, uint64_t *size, int *out, struct orch_err *err)
{
	struct stat info;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return orch_fail_sys(err,
		        errno == ENOENT || errno == ENOTDIR ? ORCH_EMISSING
		        : errno == ELOOP                    ? ORCH_EDAMAGED
		                                            : ORCH_EIO,
		        errno, "cannot open the bundle %s", path);
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		close(fd);
		return orch_fail(err, ORCH_EDAMAGED, "%s is not a file", path);
	}
	/* What the disk holds, not what the page cache remembers. */
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	*size = (uint64_t)info.st_size;
	*out = fd;
	return 0;
}

static int read_members(
        struct reading *reading, int fd, const struct bundle_visitor *visitor, void *context, struct orch_err *err)
{
	struct archive_entry *entry;
	int code = 0, result = ARCHIVE_OK;
	if (archive_read_support_filter_zstd(reading->archive) != ARCHIVE_OK ||
	        archive_read_support_format_tar(reading->archive) != ARCHIVE_OK ||
	        archive_read_open_fd(reading->archive, fd, CHUNK) != ARCHIVE_OK)
		return archive_failed(reading, err);
	while (!code && (result = archive_read_next_header(reading->archive, &entry)) == ARCHIVE_OK)
		code = read_member(reading, entry, visitor, context, err);
	if (!code && result != ARCHIVE_EOF)
		code = archive_failed(reading, err);
	/* A plain tar is none of ours: it would lack the bound by its compressed size. */
	if (!code && (archive_filter_count(reading->archive) < 2 ||
	                     archive_filter_code(reading->archive, 0) != ARCHIVE_FILTER_ZSTD))
		code = orch_fail(err, ORCH_EDAMAGED, "%s is not compressed with zstd, so it is no bundle of orch",
		        reading->path);
	return code;
}

int bundle_read(const char *path, const struct bundle_visitor *visitor, void *context, struct orch_err *err)
{
	struct reading reading = {.path = path};
	uint64_t size = 0;
	int fd = -1, code = open_file(path, &size, &fd, err);
	if (code)
		return code;
	reading.allowed = size > UNPACKED_MAX / RATIO_MAX ? size * RATIO_MAX : UNPACKED_MAX;
	reading.archive = archive_read_new();
	reading.chunk = mem_must(CHUNK, 1);
	code = reading.archive ? read_members(&reading, fd, visitor, context, err)
	                       : orch_fail(err, ORCH_ENOMEM, "bundle %s: out of memory", path);
	archive_read_free(reading.archive);
	close(fd);
	free(reading.top);
	free(reading.last);
	free(reading.chunk);
	return code;
}
