/* The bytes of a bundle depend on the round's files and on the versions of libarchive and zstd, on nothing else: tar in
 * GNU's form (names of any length and bytes, no extended headers, so no locale), sorted, owner 0, time 0, zstd at a
 * fixed level in one thread. */
#include "storage/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"
#include "storage/base/text.h"
#include "storage/bundle_read.h"
#include "storage/manifest.h"
#include "storage/round_dir.h"

#define ZSTD_LEVEL "9"
#define SEAL_MAX ((uint64_t)256 << 20) /* of MANIFEST.sha256 and COMPLETE, which are kept in memory */
#define CHUNK ((size_t)1 << 18)

/* --- writing --- */

struct writing {
	struct archive *archive;
	const char *path;
	int fd;
	int code;
	struct orch_err *err;
	char *chunk;
};

static la_ssize_t write_out(struct archive *archive, void *context, const void *bytes, size_t length)
{
	struct writing *writing = context;
	struct orch_err why = {0};
	if (!writing->code && file_write_all(writing->fd, bytes, length, writing->path, &why) != 0) {
		writing->code = orch_fail(writing->err, why.code, "%s", why.text);
		if (writing->err && writing->err->sys == 0)
			writing->err->sys = why.sys;
	}
	if (!writing->code)
		return (la_ssize_t)length;
	archive_set_error(archive, EIO, "%s", why.text);
	return -1;
}

static int archive_failed(struct writing *writing, struct orch_err *err)
{
	if (!writing->code)
		writing->code = orch_fail(err, archive_errno(writing->archive) == ENOMEM ? ORCH_ENOMEM : ORCH_EIO,
		        "cannot write the bundle %s: %s", writing->path,
		        archive_error_string(writing->archive) ? archive_error_string(writing->archive)
		                                               : "unknown error");
	return writing->code;
}

static int put_header(struct writing *writing, const char *name, mode_t type, uint64_t size, struct orch_err *err)
{
	struct archive_entry *entry = archive_entry_new();
	if (!entry)
		return orch_fail(err, ORCH_ENOMEM, "cannot write the bundle %s: out of memory", writing->path);
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, type);
	archive_entry_set_perm(entry, type == AE_IFDIR ? 0755 : 0644);
	archive_entry_set_size(entry, (la_int64_t)size);
	archive_entry_set_mtime(entry, 0, 0);
	int result = archive_write_header(writing->archive, entry);
	archive_entry_free(entry);
	return result == ARCHIVE_OK ? 0 : archive_failed(writing, err);
}

/* A file that grows or shrinks while it is read does not fit its header: refused. */
static int put_content(struct writing *writing, int fd, const char *path, uint64_t size, struct orch_err *err)
{
	uint64_t total = 0;
	ssize_t got;
	while ((got = read(fd, writing->chunk, CHUNK)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return orch_fail_sys(err, ORCH_EIO, errno, "cannot read %s", path);
		total += (uint64_t)got;
		if (total > size)
			break;
		if (archive_write_data(writing->archive, writing->chunk, (size_t)got) != (la_ssize_t)got)
			return archive_failed(writing, err);
	}
	return total == size ? 0 : orch_fail(err, ORCH_EDAMAGED, "%s changed while it was bundled", path);
}

static int put_file(struct writing *writing, const char *name, const char *path, struct orch_err *err)
{
	int64_t size = file_size(path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || size < 0) {
		int sys = fd < 0 ? errno : ENOENT;
		if (fd >= 0)
			close(fd);
		return orch_fail_sys(err, ORCH_EIO, sys, "cannot open %s", path);
	}
	int code = put_header(writing, name, AE_IFREG, (uint64_t)size, err);
	if (!code)
		code = put_content(writing, fd, path, (uint64_t)size, err);
	close(fd);
	return code;
}

/* The folders of name that the last name did not lie in. */
static int put_folders(struct writing *writing, const char *last, const char *name, struct orch_err *err)
{
	int code = 0;
	for (const char *slash = strchr(name, '/'); slash && !code; slash = strchr(slash + 1, '/')) {
		size_t length = (size_t)(slash - name) + 1;
		if (last && strncmp(last, name, length) == 0)
			continue;
		char *folder = text_format("%.*s", (int)length, name);
		code = put_header(writing, folder, AE_IFDIR, 0, err);
		free(folder);
	}
	return code;
}

static int put_all(struct writing *writing, const char *round_path, struct orch_err *err)
{
	struct file_list files = {0};
	char *last = NULL;
	int code = file_list_tree(round_path, &files, err);
	for (size_t i = 0; i < files.count && !code; i++) {
		char *name = text_format("%s/%s", file_name(round_path), files.names[i]),
		     *path = file_join(round_path, files.names[i]);
		code = put_folders(writing, last, name, err);
		if (!code)
			code = put_file(writing, name, path, err);
		free(path);
		free(last);
		last = name;
	}
	free(last);
	file_list_release(&files);
	return code;
}

static int write_archive(const char *round_path, struct writing *writing, struct orch_err *err)
{
	struct archive *archive = writing->archive = archive_write_new();
	if (!archive)
		return orch_fail(err, ORCH_ENOMEM, "cannot write the bundle %s: out of memory", writing->path);
	writing->chunk = mem_must(CHUNK, 1);
	int code = 0;
	if (archive_write_add_filter_zstd(archive) != ARCHIVE_OK ||
	        archive_write_set_format_gnutar(archive) != ARCHIVE_OK ||
	        archive_write_set_filter_option(archive, "zstd", "compression-level", ZSTD_LEVEL) != ARCHIVE_OK ||
	        archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK ||
	        archive_write_open(archive, writing, NULL, write_out, NULL) != ARCHIVE_OK)
		code = archive_failed(writing, err);
	if (!code)
		code = put_all(writing, round_path, err);
	if (!code && archive_write_close(archive) != ARCHIVE_OK)
		code = archive_failed(writing, err);
	archive_write_free(archive);
	free(writing->chunk);
	return code ? code : writing->code;
}

static int write_temporary(const char *round_path, const char *temporary, struct orch_err *err)
{
	struct writing writing = {.path = temporary, .fd = -1, .err = err};
	int code = file_create(temporary, &writing.fd, err);
	if (code)
		return code;
	code = write_archive(round_path, &writing, err);
	if (!code)
		return file_finish(writing.fd, temporary, err);
	close(writing.fd);
	return code;
}

static int remove_wrong(const char *bundle_path, struct orch_err *err)
{
	return file_exists(bundle_path) ? file_remove_tree(bundle_path, err) : 0;
}

int bundle_write(const char *round_path, const char *bundle_path, struct orch_err *err)
{
	if (file_exists(bundle_path) && bundle_verify(bundle_path, round_path, NULL) == 0)
		return 0;
	char *folder = file_folder(bundle_path), *name = text_format(".%s.new", file_name(bundle_path)),
	     *temporary = file_join(folder, name);
	int code = file_exists(temporary) ? file_remove_tree(temporary, err) : 0; /* of an attempt that died */
	char *round = file_absolute(round_path); /* its last name is the folder in the bundle */
	if (!code)
		code = write_temporary(round, temporary, err);
	if (!code)
		code = bundle_verify(temporary, round, err);
	if (!code)
		code = remove_wrong(bundle_path, err);
	if (!code)
		code = file_publish(temporary, bundle_path, err);
	if (code && code != ORCH_EUNSURE)
		file_remove(temporary, NULL);
	free(round);
	free(folder);
	free(name);
	free(temporary);
	return code;
}

/* --- verifying: one pass; hashes of all members, then the two that seal the round --- */

struct checking {
	const char *path;
	struct manifest found;
	size_t capacity;
	struct hash hash;
	struct text_buf manifest, complete, *kept; /* kept: where the member under way is collected, or NULL */
	bool has_manifest, has_complete;
};

static int check_begin(void *context, const char *name, uint64_t size, struct orch_err *err)
{
	struct checking *checking = context;
	bool manifest = strcmp(name, "MANIFEST.sha256") == 0, complete = strcmp(name, "COMPLETE") == 0;
	checking->kept = manifest ? &checking->manifest : complete ? &checking->complete : NULL;
	checking->has_manifest |= manifest;
	checking->has_complete |= complete;
	if (checking->kept)
		return size > SEAL_MAX
		               ? orch_fail(err, ORCH_EDAMAGED, "bundle %s: %s is too large", checking->path, name)
		               : 0;
	if (checking->found.count == checking->capacity) {
		size_t capacity = checking->capacity ? 2 * checking->capacity : 64;
		struct manifest_entry *grown = mem_array_grow(checking->found.entries, capacity, sizeof *grown);
		if (!grown)
			return orch_fail(err, ORCH_ENOMEM, "bundle %s: out of memory", checking->path);
		checking->found.entries = grown;
		checking->capacity = capacity;
	}
	checking->found.entries[checking->found.count++] =
	        (struct manifest_entry){.name = mem_text(name), .size = size};
	hash_begin(&checking->hash);
	return 0;
}

static int check_data(void *context, const void *bytes, size_t length, struct orch_err *err)
{
	struct checking *checking = context;
	(void)err;
	if (checking->kept)
		text_add_bytes(checking->kept, bytes, length);
	else
		hash_add(&checking->hash, bytes, length);
	return 0;
}

static int check_end(void *context, struct orch_err *err)
{
	struct checking *checking = context;
	(void)err;
	if (!checking->kept)
		hash_end_hex(&checking->hash, checking->found.entries[checking->found.count - 1].hash);
	return 0;
}

static const struct bundle_visitor check_visitor = {check_begin, check_data, check_end};

static int compare_members(const struct checking *checking, const struct manifest *said, struct orch_err *err)
{
	for (size_t i = 0; i < said->count; i++) {
		const char *hash = manifest_find(&checking->found, said->entries[i].name);
		if (!hash || strcmp(hash, said->entries[i].hash) != 0)
			return orch_fail(err, ORCH_EDAMAGED, "bundle %s: %s %s", checking->path, said->entries[i].name,
			        hash ? "is not what its manifest says" : "is missing");
	}
	for (size_t i = 0; i < checking->found.count; i++)
		if (!manifest_find(said, checking->found.entries[i].name))
			return orch_fail(err, ORCH_EDAMAGED, "bundle %s: %s is not in its manifest", checking->path,
			        checking->found.entries[i].name);
	return 0;
}

static int compare_with_round(const struct checking *checking, const char *round_path, struct orch_err *err)
{
	const struct {
		const char *name;
		const struct text_buf *held;
	} seals[] = {{"MANIFEST.sha256", &checking->manifest}, {"COMPLETE", &checking->complete}};
	int code = 0;
	for (size_t i = 0; i < 2 && !code; i++) {
		char *path = file_join(round_path, seals[i].name), *text = NULL;
		size_t length = 0;
		code = file_read(path, 0, &text, &length, err);
		if (!code &&
		        (length != seals[i].held->length || (length && memcmp(text, seals[i].held->data, length) != 0)))
			code = orch_fail(err, ORCH_EDAMAGED, "bundle %s is not of the round %s: their %s differ",
			        checking->path, round_path, seals[i].name);
		free(text);
		free(path);
	}
	return code;
}

static int verify(const char *bundle_path, const char *round_path, char manifest_hash[65], struct orch_err *err)
{
	struct checking checking = {.path = bundle_path};
	struct manifest said = {0};
	int code = bundle_read(bundle_path, &check_visitor, &checking, err);
	if (!code && (!checking.has_manifest || !checking.has_complete))
		code = orch_fail(err, ORCH_EDAMAGED, "bundle %s has no %s", bundle_path,
		        checking.has_manifest ? "COMPLETE" : "MANIFEST.sha256");
	if (!code)
		code = manifest_parse(checking.manifest.data ? checking.manifest.data : "", checking.manifest.length,
		        bundle_path, &said, err);
	if (!code)
		code = compare_members(&checking, &said, err);
	if (!code && round_path)
		code = compare_with_round(&checking, round_path, err);
	if (!code && manifest_hash) {
		struct hash hash;
		hash_begin(&hash);
		hash_add(&hash, checking.manifest.data, checking.manifest.length);
		hash_end_hex(&hash, manifest_hash);
	}
	manifest_release(&said);
	manifest_release(&checking.found);
	text_buf_release(&checking.manifest);
	text_buf_release(&checking.complete);
	return code;
}

int bundle_verify(const char *bundle_path, const char *round_path, struct orch_err *err)
{
	return verify(bundle_path, round_path, NULL, err);
}

int bundle_manifest(const char *bundle_path, char manifest_hash[65], struct orch_err *err)
{
	return verify(bundle_path, NULL, manifest_hash, err);
}

/* --- unpacking: beside, checked, published --- */

struct unpacking {
	const char *folder;
	char *path;
	int fd;
};

static int unpack_begin(void *context, const char *name, uint64_t size, struct orch_err *err)
{
	struct unpacking *unpacking = context;
	(void)size;
	free(unpacking->path);
	unpacking->path = file_join(unpacking->folder, name);
	char *parent = file_folder(unpacking->path);
	int code = file_make_folders(parent, err);
	if (!code)
		code = file_create(unpacking->path, &unpacking->fd, err);
	free(parent);
	return code;
}

static int unpack_data(void *context, const void *bytes, size_t length, struct orch_err *err)
{
	struct unpacking *unpacking = context;
	return file_write_all(unpacking->fd, bytes, length, unpacking->path, err);
}

static int unpack_end(void *context, struct orch_err *err)
{
	struct unpacking *unpacking = context;
	int fd = unpacking->fd;
	unpacking->fd = -1;
	return file_finish(fd, unpacking->path, err);
}

static const struct bundle_visitor unpack_visitor = {unpack_begin, unpack_data, unpack_end};

static int unpack_into(const char *bundle_path, const char *folder, struct orch_err *err)
{
	struct unpacking unpacking = {.folder = folder, .fd = -1};
	int code = file_make_folder(folder, err);
	if (!code)
		code = bundle_read(bundle_path, &unpack_visitor, &unpacking, err);
	if (unpacking.fd >= 0)
		close(unpacking.fd);
	free(unpacking.path);
	if (!code)
		code = file_sync_tree(folder, err);
	if (!code)
		code = round_dir_verify(folder, NULL, err);
	return code;
}

int bundle_unpack(const char *bundle_path, const char *folder, struct orch_err *err)
{
	char *target = file_absolute(folder), *parent = file_folder(target);
	uint64_t attempt;
	process_random(&attempt, sizeof attempt);
	char *name = text_format(".%s.%016llx.new", file_name(target), (unsigned long long)attempt),
	     *temporary = file_join(parent, name);
	int code = file_exists(target)
	                   ? orch_fail(err, ORCH_EINPUT, "%s exists already: name a folder that does not", target)
	                   : 0;
	if (!code)
		code = unpack_into(bundle_path, temporary, err);
	if (!code)
		code = file_publish(temporary, target, err);
	if (code && code != ORCH_EUNSURE)
		file_remove_tree(temporary, NULL);
	free(target);
	free(parent);
	free(name);
	free(temporary);
	return code;
}

/* --- listing --- */

struct listing {
	int (*visit)(void *context, const char *name, uint64_t size);
	void *context;
};

static int list_begin(void *context, const char *name, uint64_t size, struct orch_err *err)
{
	const struct listing *listing = context;
	(void)err;
	return listing->visit(listing->context, name, size);
}

int bundle_list(const char *bundle_path, int (*visit)(void *context, const char *name, uint64_t size), void *context,
        struct orch_err *err)
{
	static const struct bundle_visitor visitor = {.begin = list_begin};
	struct listing listing = {visit, context};
	return bundle_read(bundle_path, &visitor, &listing, err);
}
