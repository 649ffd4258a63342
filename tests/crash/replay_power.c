/* replay_power: which file systems a power cut may leave behind, from a trace of everything a run did to its files.
 *
 *   strace -f -y -xx -s 4000000 -e trace=CALLS -o TRACE PROGRAM...        (CALLS: replay_power calls)
 *   replay_power count TRACE ROOT                       how many operations on files below ROOT the trace has
 *   replay_power build TRACE ROOT CUT HOW SEED          make ROOT (empty) what may be there when the power fails after CUT operations;
 *                                                       prints the rounds that the run had called done by then
 *
 * The model (after Pillai et al., All File Systems Are Not Created Equal, OSDI 2014): an operation is sure to last once a later fsync of its file
 * (contents) or of its folder (names) returned. Of the others, HOW says which got through:
 *   none        nothing                          names   every name, no contents: the empty file after a rename
 *   contents    every write, no names            journal names in order up to some one of them, any of the writes, the last one torn
 *   any         any of the names, any of the writes, torn at any sector
 * A rename is one operation: both names change or neither. Contents live in inodes, so a file keeps what was written under its old name.
 * What it cannot follow (mapped writes, copies inside the kernel) it refuses instead of guessing. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char calls[] = "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,sync,syncfs,rename,renameat,renameat2,"
                            "unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat,ftruncate,truncate,fallocate,copy_file_range,"
                            "sendfile,splice,lseek";

enum kind { NAME, MOVE, UNNAME, DATA, SIZE, SYNC, SYNC_ALL, SAY };
struct op {
	enum kind kind;
	int inode;           /* of what is named, written, synced; SAY: the round */
	int folder, from;    /* folder of the name; MOVE: of the old one */
	char *name, *old;
	uint64_t offset;     /* DATA; SIZE: the new size */
	char *bytes;
	size_t length;
	size_t lasts_from;   /* index of the sync that made it last; SIZE_MAX: none */
};
struct entry { /* a name in a folder; dead: inode < 0 */
	int folder, inode;
	char *name;
};
struct tree {
	struct entry *entries;
	size_t count;
};
struct inode {
	bool is_folder;
	char *link; /* target of a symbolic link */
	char *bytes;
	size_t length;
};
static struct op *ops;
static size_t op_count;
static struct inode *inodes;
static int inode_count;
static struct { int fd, inode; uint64_t at; bool append; } cursors[4096];
static size_t cursor_count;
static char *root;

static void die(const char *what, const char *line)
{
	fprintf(stderr, "replay_power: %s: %.300s\n", what, line);
	exit(2);
}

static void *grown(void *array, size_t count, size_t size)
{
	if (count & (count - 1) || (count && count < 16))
		return array;
	array = realloc(array, (count ? count * 2 : 16) * size);
	if (!array)
		die("no memory", "");
	return array;
}

static int new_inode(bool is_folder, char *link)
{
	inodes = grown(inodes, (size_t)inode_count, sizeof *inodes);
	inodes[inode_count] = (struct inode){.is_folder = is_folder, .link = link};
	return inode_count++;
}

static struct op *new_op(enum kind kind)
{
	ops = grown(ops, op_count, sizeof *ops);
	ops[op_count] = (struct op){.kind = kind, .lasts_from = SIZE_MAX};
	return &ops[op_count++];
}

/* ---- a tree of names ---- */
static struct entry *tree_find(const struct tree *tree, int folder, const char *name)
{
	for (size_t i = tree->count; i-- > 0;)
		if (tree->entries[i].inode >= 0 && tree->entries[i].folder == folder && !strcmp(tree->entries[i].name, name))
			return &tree->entries[i];
	return NULL;
}

static void tree_set(struct tree *tree, int folder, char *name, int inode)
{
	struct entry *entry = tree_find(tree, folder, name);

	if (!entry) {
		tree->entries = grown(tree->entries, tree->count, sizeof *tree->entries);
		entry = &tree->entries[tree->count++];
	}
	*entry = (struct entry){folder, inode, name};
}

static void tree_unset(struct tree *tree, int folder, const char *name)
{
	struct entry *entry = tree_find(tree, folder, name);

	if (entry)
		entry->inode = -1;
}

static void tree_apply(struct tree *tree, const struct op *op)
{
	const struct entry *entry;

	switch (op->kind) {
	case NAME:
		tree_set(tree, op->folder, op->name, op->inode);
		break;
	case MOVE:
		entry = tree_find(tree, op->from, op->old);
		if (entry && entry->inode == op->inode) {
			tree_unset(tree, op->from, op->old);
			tree_set(tree, op->folder, op->name, op->inode);
		}
		break;
	case UNNAME:
		tree_unset(tree, op->folder, op->name);
		break;
	default:
		break;
	}
}

/* ---- the trace ---- */
static struct tree now; /* what the traced processes saw */

/* Folder inode and last name of an absolute path below root; false when it is not below it. The root itself: *name NULL. */
static bool locate(const char *path, int *folder, char **name)
{
	size_t length = strlen(root);
	char *copy, *part, *rest, *next;

	if (strncmp(path, root, length) || (path[length] && path[length] != '/'))
		return false;
	*folder = 0;
	*name = NULL;
	copy = strdup(path + length);
	for (part = strtok_r(copy, "/", &rest); part; part = next) {
		next = strtok_r(NULL, "/", &rest);
		if (!next) {
			*name = strdup(part);
			break;
		}
		const struct entry *entry = tree_find(&now, *folder, part);
		if (!entry) {
			free(copy);
			return false;
		}
		*folder = entry->inode;
	}
	free(copy);
	return true;
}

static int inode_of(const char *path)
{
	int folder;
	char *name;

	if (!path || !locate(path, &folder, &name))
		return -1;
	if (!name)
		return 0;
	const struct entry *entry = tree_find(&now, folder, name);
	free(name);
	return entry ? entry->inode : -1;
}

static void do_name(const char *path, int inode)
{
	int folder;
	char *name;

	if (!locate(path, &folder, &name) || !name)
		die("a name in a folder that the trace does not know", path);
	struct op *op = new_op(NAME);
	op->folder = folder, op->name = name, op->inode = inode;
	tree_apply(&now, op);
}

static int digit_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *unhex(const char *from, const char *to, size_t *length)
{
	char *out = malloc((size_t)(to - from) / 4 + 1);
	size_t count = 0;

	for (; from + 3 < to; from += 4) {
		int high = digit_of(from[2]), low = digit_of(from[3]);
		if (from[0] != '\\' || high < 0 || low < 0)
			die("not written with -xx", from);
		out[count++] = (char)(high << 4 | low);
	}
	out[count] = 0;
	if (length)
		*length = count;
	return out;
}

struct argument { /* of one call, as strace prints it */
	long long number;
	char *path;  /* <...> after a descriptor */
	char *bytes; /* "..." */
	size_t length;
	const char *text;
};

/* Cuts "a, b, c) = r" into arguments; returns the text after ") = ", or NULL for a call that did not come back. */
static const char *parse(const char *at, struct argument *arguments, int capacity, int *count)
{
	*count = 0;
	while (*at && *count < capacity) {
		struct argument *argument = &arguments[(*count)++];

		*argument = (struct argument){.text = at, .number = strtoll(at, NULL, 0)};
		for (; *at && *at != ')' && strncmp(at, ", ", 2); at++) {
			if (*at == '<') {
				const char *end = strchr(at, '>');
				if (!end)
					return NULL;
				argument->path = unhex(at + 1, end, NULL);
				at = end;
			} else if (*at == '"') {
				const char *end = strchr(at + 1, '"');
				if (!end)
					return NULL;
				argument->bytes = unhex(at + 1, end, &argument->length);
				if (end[1] == '.')
					die("a string was cut: strace -s must be larger", at - 40);
				at = end;
			}
		}
		if (*at == ')')
			break;
		at += *at ? 2 : 0;
	}
	at = strstr(at, " = ");
	return at ? at + 3 : NULL;
}

static char *full_path(const struct argument *folder, const struct argument *name)
{
	char *out;

	if (!name->bytes || name->bytes[0] == '/' || !folder || !folder->path)
		return name->bytes ? name->bytes : strdup("");
	if (asprintf(&out, "%s/%s", folder->path, name->bytes) < 0)
		die("no memory", "");
	return out;
}

static void do_open(const char *path, const char *flags, int fd)
{
	int inode = inode_of(path), folder;
	char *name;

	if (!locate(path, &folder, &name) || !name)
		return;
	free(name);
	if (inode < 0 && strstr(flags, "O_CREAT")) {
		inode = new_inode(false, NULL);
		do_name(path, inode);
	} else if (inode >= 0 && strstr(flags, "O_TRUNC")) {
		struct op *op = new_op(SIZE);
		op->inode = inode;
		inodes[inode].length = 0;
	}
	if (inode < 0 || strstr(flags, "O_RDONLY"))
		return;
	for (size_t i = 0; i < cursor_count; i++)
		if (cursors[i].fd == fd && cursors[i].inode == inode)
			cursors[i] = cursors[--cursor_count];
	if (cursor_count == sizeof cursors / sizeof *cursors)
		die("too many open files", path);
	cursors[cursor_count].fd = fd, cursors[cursor_count].inode = inode, cursors[cursor_count].at = 0;
	cursors[cursor_count++].append = strstr(flags, "O_APPEND");
}

static void do_write(const struct argument *file, const char *bytes, size_t length, int64_t offset)
{
	int inode = inode_of(file->path), fd = (int)file->number;
	struct op *op;

	if (inode < 0) {
		const char *said = offset < 0 && bytes && length < 100000 ? strstr(bytes, " is done") : NULL;
		unsigned round;
		for (const char *at = bytes; said && (at = strstr(at, "round ")); at++)
			if (sscanf(at, "round %u is done", &round) == 1 && strstr(at, " is done") - at < 10) {
				op = new_op(SAY);
				op->inode = (int)round;
			}
		return;
	}
	if (offset < 0) {
		offset = (int64_t)inodes[inode].length;
		for (size_t i = 0; i < cursor_count; i++)
			if (cursors[i].fd == fd && cursors[i].inode == inode && !cursors[i].append) {
				offset = (int64_t)cursors[i].at;
				cursors[i].at += length;
			}
	}
	op = new_op(DATA);
	op->inode = inode, op->bytes = malloc(length + 1), op->length = length, op->offset = (uint64_t)offset;
	memcpy(op->bytes, bytes, length);
	if (inodes[inode].length < op->offset + length)
		inodes[inode].length = op->offset + length;
}

static void do_size(int inode, uint64_t size)
{
	if (inode < 0)
		return;
	struct op *op = new_op(SIZE);
	op->inode = inode, op->offset = size;
	inodes[inode].length = size;
}

static void do_move(const char *from, const char *to)
{
	int inode = inode_of(from), folder, old_folder;
	char *name, *old;

	if (inode < 0 || !locate(to, &folder, &name) || !locate(from, &old_folder, &old)) {
		if (inode >= 0 || inode_of(to) >= 0)
			die("a rename into or out of the root", from);
		return;
	}
	struct op *op = new_op(MOVE);
	op->inode = inode, op->folder = folder, op->name = name, op->from = old_folder, op->old = old;
	tree_apply(&now, op);
}

static void do_unname(const char *path)
{
	int folder;
	char *name;

	if (inode_of(path) <= 0 || !locate(path, &folder, &name))
		return;
	struct op *op = new_op(UNNAME);
	op->folder = folder, op->name = name;
	tree_apply(&now, op);
}

static void do_sync(int inode)
{
	if (inode < 0)
		return;
	struct op *op = new_op(SYNC);
	op->inode = inode;
}

static void do_vector(const struct argument *a, int count, int64_t offset, const char *line)
{
	/* iov_base="..", iov_len=n, one argument each, after the descriptor */
	for (int i = 1; i < count; i++)
		if (a[i].bytes) {
			do_write(&a[0], a[i].bytes, a[i].length, offset);
			offset += offset < 0 ? 0 : (int64_t)a[i].length;
		}
	if (count >= 60)
		die("a vector with too many parts", line);
}

static void take(const char *name, const struct argument *a, int count, long long result, const char *line)
{
#define IS(x) (!strcmp(name, x))
	if (IS("openat")) do_open(full_path(&a[0], &a[1]), a[2].text, (int)result);
	else if (IS("open")) do_open(full_path(NULL, &a[0]), a[1].text, (int)result);
	else if (IS("creat")) do_open(full_path(NULL, &a[0]), "O_WRONLY|O_CREAT|O_TRUNC", (int)result);
	else if (IS("write")) do_write(&a[0], a[1].bytes, (size_t)result, -1);
	else if (IS("pwrite64")) do_write(&a[0], a[1].bytes, (size_t)result, a[3].number);
	else if (IS("writev")) do_vector(a, count, -1, line);
	else if (IS("pwritev") || IS("pwritev2")) { if (inode_of(a[0].path) >= 0) die("unsupported call", line); }
	else if (IS("fsync") || IS("fdatasync")) do_sync(inode_of(a[0].path));
	else if (IS("sync") || IS("syncfs")) new_op(SYNC_ALL);
	else if (IS("rename")) do_move(full_path(NULL, &a[0]), full_path(NULL, &a[1]));
	else if (IS("renameat") || IS("renameat2")) do_move(full_path(&a[0], &a[1]), full_path(&a[2], &a[3]));
	else if (IS("unlink") || IS("rmdir")) do_unname(full_path(NULL, &a[0]));
	else if (IS("unlinkat")) do_unname(full_path(&a[0], &a[1]));
	else if (IS("mkdir") || IS("mkdirat")) {
		char *path = IS("mkdir") ? full_path(NULL, &a[0]) : full_path(&a[0], &a[1]);
		int folder;
		char *last;
		if (locate(path, &folder, &last) && last) do_name(path, new_inode(true, NULL));
	} else if (IS("link") || IS("linkat")) {
		char *from = IS("link") ? full_path(NULL, &a[0]) : full_path(&a[0], &a[1]), *to = IS("link") ? full_path(NULL, &a[1]) : full_path(&a[2], &a[3]);
		if (inode_of(from) >= 0) do_name(to, inode_of(from));
	} else if (IS("symlink") || IS("symlinkat")) {
		char *to = IS("symlink") ? full_path(NULL, &a[1]) : full_path(&a[1], &a[2]);
		int folder;
		char *last;
		if (locate(to, &folder, &last) && last) do_name(to, new_inode(false, a[0].bytes));
	} else if (IS("ftruncate")) do_size(inode_of(a[0].path), (uint64_t)a[1].number);
	else if (IS("truncate")) do_size(inode_of(full_path(NULL, &a[0])), (uint64_t)a[1].number);
	else if (IS("lseek")) {
		for (size_t i = 0; i < cursor_count; i++)
			if (cursors[i].fd == (int)a[0].number && cursors[i].inode == inode_of(a[0].path)) cursors[i].at = (uint64_t)result;
	} else if (inode_of(a[0].path) >= 0 || (count > 2 && inode_of(a[2].path) >= 0)) die("unsupported call", line);
#undef IS
}

static void read_trace(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL, *pending[65536] = {0};
	size_t capacity = 0;

	if (!file)
		die("cannot read the trace", path);
	while (getline(&line, &capacity, file) > 0) {
		char *at, *whole = NULL, *unfinished = strstr(line, " <unfinished ...>"), *resumed = strstr(line, " resumed>");
		unsigned pid = (unsigned)strtoul(line, &at, 10) % 65536;
		struct argument arguments[64] = {0};
		int count;

		while (*at == ' ')
			at++;
		if (*at == '+' || *at == '-')
			continue;
		if (unfinished) {
			*unfinished = 0;
			free(pending[pid]);
			pending[pid] = strdup(at);
			continue;
		}
		if (*at == '<' && resumed && pending[pid]) {
			if (asprintf(&whole, "%s%s", pending[pid], resumed + strlen(" resumed>")) < 0)
				die("no memory", "");
			free(pending[pid]);
			pending[pid] = NULL;
			at = whole;
		}
		char *open = strchr(at, '(');
		if (!open)
			continue;
		*open = 0;
		const char *result = parse(open + 1, arguments, 64, &count);
		if (result && *result != '-' && *result != '?')
			take(at, arguments, count, strtoll(result, NULL, 0), open + 1);
		for (int i = 0; i < count; i++)
			free(arguments[i].path); /* bytes may live on as names */
		free(whole);
	}
	free(line);
	fclose(file);
}

/* For every operation: the first later sync that covers it. */
static void find_syncs(void)
{
	for (size_t i = 0; i < op_count; i++)
		for (size_t s = i + 1; s < op_count && ops[i].kind < SYNC; s++) {
			bool names = ops[i].kind <= UNNAME;
			if (ops[s].kind == SYNC_ALL || (ops[s].kind == SYNC && ops[s].inode == (names ? ops[i].folder : ops[i].inode))) {
				ops[i].lasts_from = s;
				break;
			}
		}
}

/* ---- what is left ---- */
static uint64_t random_state;

static uint64_t draw(void) /* splitmix64 */
{
	uint64_t z = (random_state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void put_bytes(struct inode *inode, uint64_t offset, const char *bytes, size_t length)
{
	if (inode->length < offset + length) {
		inode->bytes = realloc(inode->bytes, offset + length);
		memset(inode->bytes + inode->length, 0, offset + length - inode->length);
		inode->length = offset + length;
	}
	memcpy(inode->bytes + offset, bytes, length);
}

static void put_size(struct inode *inode, uint64_t size)
{
	if (size > inode->length) {
		inode->bytes = realloc(inode->bytes, size);
		memset(inode->bytes + inode->length, 0, size - inode->length);
	}
	inode->length = size;
}

static void put(const struct op *op, bool torn, struct tree *tree)
{
	size_t length = op->length;

	if (op->kind == DATA) {
		if (torn && length > 512)
			length = draw() % (length / 512) * 512;
		put_bytes(&inodes[op->inode], op->offset, op->bytes, length);
	} else if (op->kind == SIZE) {
		put_size(&inodes[op->inode], op->offset);
	} else {
		tree_apply(tree, op);
	}
}

static bool gets_through(const struct op *op, const char *how, size_t at, size_t journal_end)
{
	bool names = op->kind <= UNNAME;

	if (!strcmp(how, "none"))
		return false;
	if (!strcmp(how, "names"))
		return names;
	if (!strcmp(how, "contents"))
		return !names;
	if (!strcmp(how, "journal") && names)
		return at < journal_end;
	return draw() & 1;
}

static void materialise(const struct tree *tree, int folder, const char *path, int depth)
{
	if (depth > 40)
		die("a folder within itself", path);
	for (size_t i = 0; i < tree->count; i++) {
		const struct entry *entry = &tree->entries[i];
		char *full;

		if (entry->inode < 0 || entry->folder != folder)
			continue;
		const struct inode *inode = &inodes[entry->inode];
		if (asprintf(&full, "%s/%s", path, entry->name) < 0)
			die("no memory", "");
		if (inode->is_folder) {
			if (mkdir(full, 0777))
				die("cannot make a folder", full);
			materialise(tree, entry->inode, full, depth + 1);
		} else if (inode->link) {
			if (symlink(inode->link, full))
				die("cannot make a link", full);
		} else {
			FILE *file = fopen(full, "w");
			if (!file || fwrite(inode->bytes ? inode->bytes : "", 1, inode->length, file) != inode->length || fclose(file))
				die("cannot write", full);
		}
		free(full);
	}
}

static void build(size_t cut, const char *how, uint64_t seed)
{
	struct tree tree = {0};
	bool torn = !strcmp(how, "journal") || !strcmp(how, "any");

	random_state = seed * 1000003 + cut;
	for (int i = 0; i < inode_count; i++)
		inodes[i].length = 0;
	size_t journal_end = draw() % (cut + 1);
	for (size_t i = 0; i < cut && i < op_count; i++) {
		const struct op *op = &ops[i];
		if (op->kind == SAY)
			printf("round_%03d\n", op->inode);
		if (op->kind >= SYNC)
			continue;
		bool lasts = op->lasts_from < cut;
		if (lasts || gets_through(op, how, i, journal_end))
			put(op, torn && !lasts && (draw() & 1), &tree);
	}
	materialise(&tree, 0, root, 0);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "calls"))
		return puts(calls) < 0;
	if (argc != 4 && argc != 7)
		die("usage", "replay_power calls | count TRACE ROOT | build TRACE ROOT CUT none|names|contents|journal|any SEED");
	root = argv[3];
	new_inode(true, NULL);
	read_trace(argv[2]);
	if (argc == 4) {
		printf("%zu\n", op_count);
		return 0;
	}
	find_syncs();
	build(strtoull(argv[4], NULL, 10), argv[5], strtoull(argv[6], NULL, 10));
	return 0;
}
