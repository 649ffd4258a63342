#include "storage/file_system.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

enum character { LOCAL, VOLATILE_MEMORY, NETWORK, EXT4, OVERLAY, FUSE };

/* Magic numbers: statfs(2) and linux/magic.h. */
static const struct {
	uint32_t magic;
	const char *name;
	enum character character;
} known[] = {
        {0xEF53, "ext4", EXT4},
        {0x58465342, "XFS", LOCAL},
        {0x9123683E, "btrfs", LOCAL},
        {0x2FC12FC1, "ZFS", LOCAL},
        {0xF2F52010, "F2FS", LOCAL},
        {0x794C7630, "overlay", OVERLAY},
        {0x65735546, "FUSE", FUSE},
        {0x01021994, "tmpfs", VOLATILE_MEMORY},
        {0x858458F6, "ramfs", VOLATILE_MEMORY},
        {0x6969, "NFS", NETWORK},
        {0xFF534D42, "CIFS", NETWORK},
        {0xFE534D42, "SMB", NETWORK},
        {0x517B, "SMB", NETWORK},
        {0x01021997, "9p", NETWORK},
        {0x0BD00BD0, "Lustre", NETWORK},
        {0x47504653, "GPFS", NETWORK},
        {0x19830326, "BeeGFS", NETWORK},
        {0x00C36400, "Ceph", NETWORK},
        {0x5346414F, "AFS", NETWORK},
        {0x6B414653, "AFS", NETWORK},
        {0x7461636F, "OCFS2", NETWORK},
        {0x01161970, "GFS2", NETWORK},
};

/* --- mountinfo --- */

/* Octal escapes of spaces and the like, in place. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *at = text; *at; at++) {
		unsigned value;
		if (at[0] == '\\' && sscanf(at + 1, "%3o", &value) == 1 && strlen(at) >= 4) {
			*to++ = (char)value;
			at += 3;
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
}

static bool holds(const char *mount, const char *path)
{
	size_t length = strlen(mount);
	if (length && mount[length - 1] == '/')
		length--;
	return strncmp(mount, path, length) == 0 && (path[length] == '/' || path[length] == '\0' || length == 0);
}

char *file_system_mount_options(const char *mountinfo, const char *path)
{
	char *text = mem_text(mountinfo), *rest = NULL, *best = NULL;
	size_t best_length = 0;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char mount[PATH_MAX], type[64], source[PATH_MAX], options[8192];
		const char *dash = strstr(line, " - ");
		if (!dash || sscanf(line, "%*s %*s %*s %*s %4095s", mount) != 1 ||
		        sscanf(dash + 3, "%63s %4095s %8191s", type, source, options) != 3)
			continue;
		unescape(mount);
		/* A later mount on the same place hides an earlier one. */
		if (!holds(mount, path) || strlen(mount) < best_length)
			continue;
		best_length = strlen(mount);
		free(best);
		best = text_format("%s,%s", type, options);
	}
	free(text);
	return best;
}

static char *mount_options(const char *path)
{
	char *text = NULL, *options = NULL, real[PATH_MAX];
	if (realpath(path, real) && file_read("/proc/self/mountinfo", 0, &text, NULL, NULL) == 0)
		options = file_system_mount_options(text, real);
	free(text);
	return options;
}

static bool has_option(const char *options, const char *option)
{
	size_t length = strlen(option);
	for (const char *at = options; at && *at; at += strcspn(at, ","), at += *at == ',')
		if (strncmp(at, option, length) == 0 && (at[length] == ',' || at[length] == '\0'))
			return true;
	return false;
}

/* --- what the answers mean --- */

/* /sys/fs/ext4/DEVICE/journal_task says <none> where there is no journal. */
static bool ext4_without_journal(const char *path)
{
	struct stat info;
	char link[64], device[PATH_MAX], *task_path, *text = NULL;
	if (stat(path, &info) != 0)
		return false;
	snprintf(link, sizeof link, "/sys/dev/block/%u:%u", major(info.st_dev), minor(info.st_dev));
	ssize_t length = readlink(link, device, sizeof device - 1);
	if (length < 0)
		return false;
	device[length] = '\0';
	task_path = text_format("/sys/fs/ext4/%s/journal_task", file_name(device));
	bool without = file_read(task_path, 256, &text, NULL, NULL) == 0 && strncmp(text, "<none>", 6) == 0;
	free(text);
	free(task_path);
	return without;
}

static bool fuse_is_network(const char *options)
{
	static const char *const local[] = {
	        "fuseblk", "fuse.ntfs", "fuse.ntfs-3g", "fuse.exfat", "fuse.bindfs", "fuse.fuse-overlayfs"};
	for (size_t i = 0; i < sizeof local / sizeof *local; i++)
		if (has_option(options, local[i]))
			return false;
	return true; /* sshfs, s3fs, glusterfs, ... : more likely than not */
}

static void look_closer(const char *path, enum character character, struct file_system *out)
{
	char *options = character == OVERLAY || character == FUSE ? mount_options(path) : NULL;
	if (character == NETWORK || (character == FUSE && options && fuse_is_network(options))) {
		out->network = true;
		out->warning = text_format(
		        "%s is on a network file system (%s): run orch on one host only; the ledger is slower there",
		        path, out->name);
	} else if (character == VOLATILE_MEMORY) {
		out->warning =
		        text_format("%s is in memory (%s): everything is lost when the machine stops", path, out->name);
	} else if (character == OVERLAY && has_option(options, "volatile")) {
		out->warning = text_format("%s is on an overlay mounted volatile: syncing does nothing there, a power "
		                           "cut may lose the campaign",
		        path);
	} else if (character == EXT4 && ext4_without_journal(path)) {
		out->warning = text_format(
		        "%s is on ext4 without a journal: a power cut may damage the file system itself", path);
	}
	free(options);
}

void file_system_look(const char *path, struct file_system *out)
{
	struct statfs info;
	*out = (struct file_system){.name = ""};
	if (statfs(path, &info) != 0)
		return;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].magic == (uint32_t)info.f_type) {
			out->name = known[i].name;
			look_closer(path, known[i].character, out);
			return;
		}
}

void file_system_release(struct file_system *fs)
{
	free(fs->warning);
	*fs = (struct file_system){.name = ""};
}

#define ROOM_BYTES (16u << 20)

bool file_system_has_room(const char *path)
{
	struct statvfs info;
	if (statvfs(path, &info) != 0)
		return true;
	uint64_t free_bytes = (uint64_t)info.f_bavail * info.f_frsize, small = (uint64_t)info.f_blocks * info.f_frsize / 50;
	return !(info.f_flag & ST_RDONLY) && free_bytes >= (small < ROOM_BYTES ? small : ROOM_BYTES) &&
	       (info.f_files == 0 || info.f_favail > 0);
}

bool file_system_is_read_only(const char *path)
{
	struct statvfs info;
	return statvfs(path, &info) == 0 && (info.f_flag & ST_RDONLY);
}
