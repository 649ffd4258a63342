#include "storage/base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/base/mem.h"

void hash_begin(struct hash *hash)
{
	sha256_init(&hash->context);
}

void hash_add(struct hash *hash, const void *bytes, size_t length)
{
	sha256_update(&hash->context, length, bytes);
}

void hash_add_text(struct hash *hash, const char *text)
{
	size_t length = strlen(text);
	uint8_t prefix[8];
	for (size_t i = 0; i < sizeof prefix; i++)
		prefix[i] = (uint8_t)((uint64_t)length >> (8 * i));
	hash_add(hash, prefix, sizeof prefix);
	hash_add(hash, text, length);
}

void hash_end(struct hash *hash, uint8_t out[HASH_BYTES])
{
	sha256_digest(&hash->context, HASH_BYTES, out);
}

void hash_end_hex(struct hash *hash, char out[HASH_HEX])
{
	uint8_t bytes[HASH_BYTES];
	hash_end(hash, bytes);
	hash_hex(bytes, HASH_BYTES, out);
}

void hash_hex(const uint8_t *bytes, size_t count, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < count; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * count] = '\0';
}

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

char *hash_base64(const uint8_t bytes[HASH_BYTES])
{
	char *out = mem_must(BASE64_ENCODE_RAW_LENGTH(HASH_BYTES) + 1, 1);

	base64_encode_raw(out, HASH_BYTES, bytes);
	return out;
}

int hash_from_hex(const char *hex, uint8_t *out, size_t count)
{
	if (strlen(hex) != 2 * count)
		return -1;
	for (size_t i = 0; i < 2 * count; i++)
		if (digit_value(hex[i]) < 0)
			return -1;
	for (size_t i = 0; i < count; i++)
		out[i] = (uint8_t)(digit_value(hex[2 * i]) << 4 | digit_value(hex[2 * i + 1]));
	return 0;
}

static int hash_open(const char *path, int follow, int *out, struct orch_err *err)
{
	/* O_NONBLOCK: a named pipe put in a file's place must not hang us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
	if (fd < 0 && errno == ELOOP)
		return orch_fail(err, ORCH_EDAMAGED, "%s is a link where a file belongs", path);
	if (fd < 0)
		return orch_fail_sys(err, errno == ENOENT || errno == ENOTDIR ? ORCH_EMISSING : ORCH_EIO, errno,
			"cannot open %s", path);
	struct stat info;
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		close(fd);
		return orch_fail(err, ORCH_EDAMAGED, "%s is not a regular file", path);
	}
	/* Only clean pages leave the cache, so what waits to be written goes first; then the disk is what is read.
	 * Where a file system or a mode forbids either, the cache is read: not a failure of the content. */
	if (fdatasync(fd) != 0 && errno == EIO) {
		close(fd);
		return orch_fail_sys(err, ORCH_EIO, EIO, "cannot write back %s", path);
	}
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	*out = fd;
	return 0;
}

static int hash_content(int fd, struct hash *hash, uint64_t *total, const char *path, struct orch_err *err)
{
	size_t capacity = (size_t)256 * 1024;
	char *buffer = mem_must(capacity, 1);
	ssize_t got;
	*total = 0;
	while ((got = read(fd, buffer, capacity)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		hash_add(hash, buffer, (size_t)got);
		*total += (uint64_t)got;
	}
	int sys = errno;
	free(buffer);
	return got < 0 ? orch_fail_sys(err, ORCH_EIO, sys, "cannot read %s", path) : 0;
}

int hash_file(const char *path, int follow, char out[HASH_HEX], uint64_t *size, struct orch_err *err)
{
	int fd = -1;
	int code = hash_open(path, follow, &fd, err);
	if (code)
		return code;
	struct hash hash;
	uint64_t total;
	hash_begin(&hash);
	code = hash_content(fd, &hash, &total, path, err);
	close(fd);
	if (code)
		return code;
	hash_end_hex(&hash, out);
	if (size)
		*size = total;
	return 0;
}
