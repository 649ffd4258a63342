#include "storage/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/mem.h"

#define NAME_MAX_BYTES 4095
#define COMPONENT_MAX_BYTES 255
#define DIFFERENCES_SHOWN 12

bool manifest_name_safe(const char *name)
{
	if (!*name || strlen(name) > NAME_MAX_BYTES)
		return false;
	for (const char *part = name;; part++) {
		size_t length = strcspn(part, "/");
		if (length == 0 || length > COMPONENT_MAX_BYTES || (length == 1 && part[0] == '.') ||
		        (length == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		part += length;
		if (!*part)
			return true;
	}
}

static bool listed(const char *name, const char *const *names)
{
	for (; names && *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

void manifest_release(struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->count; i++)
		free(manifest->entries[i].name);
	free(manifest->entries);
	*manifest = (struct manifest){0};
}

static int compare_name(const void *name, const void *entry)
{
	return strcmp(name, ((const struct manifest_entry *)entry)->name);
}

const char *manifest_find(const struct manifest *manifest, const char *name)
{
	const struct manifest_entry *entry = manifest->count ? bsearch(name, manifest->entries, manifest->count,
	                                                               sizeof *manifest->entries, compare_name)
	                                                     : NULL;
	return entry ? entry->hash : NULL;
}

/* --- making --- */

/* Unlike hash_file it does not drop cached pages: the hash is of what was written, so that a disk that kept something
 * else is found when manifest_verify reads past the cache. */
static int hash_as_written(const char *path, char out[HASH_HEX], uint64_t *size, struct orch_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot open %s", path);
	struct hash hash;
	size_t capacity = (size_t)256 * 1024;
	char *buffer = mem_must(capacity, 1);
	ssize_t got;
	uint64_t total = 0;
	hash_begin(&hash);
	while ((got = read(fd, buffer, capacity)) > 0 || (got < 0 && errno == EINTR))
		if (got > 0) {
			hash_add(&hash, buffer, (size_t)got);
			total += (uint64_t)got;
		}
	int sys = errno;
	free(buffer);
	close(fd);
	if (got < 0)
		return orch_fail_sys(err, ORCH_EIO, sys, "cannot read %s", path);
	hash_end_hex(&hash, out);
	*size = total;
	return 0;
}

int manifest_make(const char *folder, const char *const *skip, struct manifest *out, struct orch_err *err)
{
	struct file_list files = {0};
	int code = file_list_tree(folder, &files, err);
	if (code)
		return code;
	struct manifest made = {.entries = mem_must(files.count, sizeof *made.entries)};
	for (size_t i = 0; i < files.count && !code; i++) {
		if (listed(files.names[i], skip))
			continue;
		struct manifest_entry *entry = &made.entries[made.count++];
		char *path = file_join(folder, files.names[i]);
		entry->name = mem_text(files.names[i]);
		code = hash_as_written(path, entry->hash, &entry->size, err);
		free(path);
	}
	file_list_release(&files);
	if (code)
		manifest_release(&made);
	else
		*out = made;
	return code;
}

/* --- text, as sha256sum of coreutils 9 writes it: a backslash leads the line when the name is escaped --- */

static const struct {
	char byte, letter;
} escapes[] = {{'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'}};

static char escape_letter(char byte)
{
	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
		if (escapes[i].byte == byte)
			return escapes[i].letter;
	return 0;
}

static char escaped_byte(char letter)
{
	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
		if (escapes[i].letter == letter)
			return escapes[i].byte;
	return 0;
}

void manifest_text(const struct manifest *manifest, struct text_buf *out)
{
	for (size_t i = 0; i < manifest->count; i++) {
		const struct manifest_entry *entry = &manifest->entries[i];
		if (strpbrk(entry->name, "\\\n\r"))
			text_add(out, "\\");
		text_addf(out, "%s  ", entry->hash);
		for (const char *at = entry->name; *at; at++) {
			char letter = escape_letter(*at);
			text_add_bytes(out, letter ? (char[]){'\\', letter} : at, letter ? 2 : 1);
		}
		text_add(out, "\n");
	}
}

/* --- reading: the text may come from anywhere --- */

/* In place; false for an escape that sha256sum does not write. */
static bool unescape(char *name)
{
	char *to = name;
	for (const char *at = name; *at; at++) {
		char byte = *at;
		if (byte == '\\' && !(byte = escaped_byte(*++at)))
			return false;
		*to++ = byte;
	}
	*to = '\0';
	return true;
}

/* NULL, or what is wrong with the line. */
static const char *parse_line(const char *line, size_t length, struct manifest_entry *entry)
{
	uint8_t bytes[HASH_BYTES];
	bool escaped = length && line[0] == '\\';
	line += escaped;
	length -= escaped;
	if (memchr(line, '\0', length))
		return "a NUL byte";
	if (length < HASH_HEX + 2 || line[HASH_HEX - 1] != ' ' || line[HASH_HEX] != ' ')
		return "not \"HASH  NAME\"";
	memcpy(entry->hash, line, HASH_HEX - 1);
	entry->hash[HASH_HEX - 1] = '\0';
	if (hash_from_hex(entry->hash, bytes, HASH_BYTES) != 0 || strpbrk(entry->hash, "ABCDEF"))
		return "not a SHA-256 in lower-case hex";
	struct text_buf name = {0};
	text_add_bytes(&name, line + HASH_HEX + 1, length - HASH_HEX - 1);
	entry->name = text_take(&name);
	if (escaped && !unescape(entry->name))
		return "an unknown escape";
	return manifest_name_safe(entry->name) ? NULL : "a name that is absolute, empty or leads out of the folder";
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct manifest_entry *)a)->name, ((const struct manifest_entry *)b)->name);
}

static size_t count_lines(const char *text, size_t length)
{
	size_t lines = 0;
	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	return lines;
}

static int sort_entries(struct manifest *manifest, const char *where, struct orch_err *err)
{
	if (manifest->count)
		qsort(manifest->entries, manifest->count, sizeof *manifest->entries, compare_entries);
	for (size_t i = 1; i < manifest->count; i++)
		if (compare_entries(&manifest->entries[i - 1], &manifest->entries[i]) == 0)
			return orch_fail(err, ORCH_EDAMAGED, "%s names %s twice", where, manifest->entries[i].name);
	return 0;
}

int manifest_parse(const char *text, size_t length, const char *where, struct manifest *out, struct orch_err *err)
{
	if (length && text[length - 1] != '\n')
		return orch_fail(err, ORCH_EDAMAGED, "%s is cut off: its last line has no end", where);
	struct manifest read = {.entries = mem_must(count_lines(text, length), sizeof *read.entries)};
	int code = 0;
	for (const char *line = text; line < text + length && !code;) {
		size_t line_length = (size_t)((const char *)memchr(line, '\n', (size_t)(text + length - line)) - line);
		const char *wrong = parse_line(line, line_length, &read.entries[read.count++]);
		if (wrong)
			code = orch_fail(err, ORCH_EDAMAGED, "%s:%zu: %s", where, read.count, wrong);
		line += line_length + 1;
	}
	if (!code)
		code = sort_entries(&read, where, err);
	if (code)
		manifest_release(&read);
	else
		*out = read;
	return code;
}

/* --- comparing --- */

struct differences {
	struct text_buf text;
	size_t count;
	int code; /* ORCH_EDAMAGED, unless reading itself failed */
};

static void differ(struct differences *found, int code, const char *name, const char *what)
{
	if (found->code == 0 || code != ORCH_EDAMAGED)
		found->code = code;
	if (found->count++ < DIFFERENCES_SHOWN) {
		char *safe = text_printable(name);
		text_addf(&found->text, "\n  %s: %s", safe, what);
		free(safe);
	}
}

static void compare_entry(const struct manifest_entry *entry, const char *folder, struct differences *found)
{
	struct orch_err why = {0};
	char *path = file_join(folder, entry->name), hash[HASH_HEX];
	int code = hash_file(path, 0, hash, NULL, &why);
	if (code == ORCH_EMISSING)
		differ(found, ORCH_EDAMAGED, entry->name, "missing");
	else if (code)
		differ(found, code, entry->name, why.text);
	else if (strcmp(hash, entry->hash) != 0)
		differ(found, ORCH_EDAMAGED, entry->name, "content changed");
	free(path);
}

/* Both lists are sorted. */
static void find_strangers(const struct manifest *manifest, const struct file_list *files, const char *const *allowed,
        struct differences *found)
{
	for (size_t i = 0, entry = 0; i < files->count; i++) {
		while (entry < manifest->count && strcmp(manifest->entries[entry].name, files->names[i]) < 0)
			entry++;
		bool known = entry < manifest->count && strcmp(manifest->entries[entry].name, files->names[i]) == 0;
		if (!known && !listed(files->names[i], allowed))
			differ(found, ORCH_EDAMAGED, files->names[i], "not in the manifest");
	}
}

int manifest_verify(
        const struct manifest *manifest, const char *folder, const char *const *allowed, struct orch_err *err)
{
	struct differences found = {0};
	struct file_list files = {0};
	struct orch_err why = {0};
	int code = file_list_tree(folder, &files, &why);
	if (code && code != ORCH_EDAMAGED)
		return orch_fail_sys(err, code, why.sys, "cannot read the folder %s", folder);
	if (code)
		differ(&found, code, ".", why.text);
	for (size_t i = 0; i < manifest->count; i++)
		compare_entry(&manifest->entries[i], folder, &found);
	if (!code)
		find_strangers(manifest, &files, allowed, &found);
	file_list_release(&files);
	if (found.count > DIFFERENCES_SHOWN)
		text_addf(&found.text, "\n  and %zu more", found.count - DIFFERENCES_SHOWN);
	if (found.count)
		orch_fail(err, found.code, "%s is not what its manifest says:%s", folder, found.text.data);
	text_buf_release(&found.text);
	return found.code;
}
