/* Looking at the user's repository. Whatever git makes difficult is a note beside "git": null, never the end of a
 * campaign. */
#include "storage/provenance.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/text.h"
#include "storage/provenance_git.h"
#include "storage/provenance_host.h"

#define DIFF_MAX ((size_t)4 << 20)
#define DIFF_FILE_MAX ((git_off_t)16 << 20) /* larger files are told to differ, not shown */

void provenance_git_begin(void)
{
	git_libgit2_init();
	/* The configuration of the system and the user could name filters, other owners, signing: none of it counts
	 * here. */
	static const int levels[] = {
	        GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_PROGRAMDATA};
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
}

void provenance_git_end(void)
{
	git_libgit2_shutdown();
}

const char *provenance_git_error(void)
{
	const git_error *error = git_error_last();
	return error && error->message ? error->message : "unknown error";
}

/* --- the diff --- */

struct collecting {
	struct text_buf text;
	bool cut;
};

static int add_line(const git_diff_delta *delta, const git_diff_hunk *hunk, const git_diff_line *line, void *context)
{
	struct collecting *collecting = context;
	bool shown = line->origin == GIT_DIFF_LINE_CONTEXT || line->origin == GIT_DIFF_LINE_ADDITION ||
	             line->origin == GIT_DIFF_LINE_DELETION;
	(void)delta;
	(void)hunk;
	if (collecting->text.length + line->content_len + 1 > DIFF_MAX) {
		collecting->cut = true;
		return GIT_EUSER;
	}
	if (shown)
		text_add_bytes(&collecting->text, &line->origin, 1);
	text_add_bytes(&collecting->text, line->content, line->content_len);
	return 0;
}

/* Length of the valid UTF-8 character at bytes, 0: none. */
static size_t character_length(const char *bytes, size_t rest)
{
	for (size_t length = 1; length <= 4 && length <= rest; length++)
		if (text_is_utf8(bytes, length) && bytes[0] != '\0')
			return length;
	return 0;
}

/* The diff ends up in JSON. Bytes that are no UTF-8 become U+FFFD; the hash is of the bytes as they were. */
static char *as_utf8(const struct text_buf *text)
{
	struct text_buf out = {0};
	if (text->length && text_is_utf8(text->data, text->length) && !memchr(text->data, '\0', text->length)) {
		text_add_bytes(&out, text->data, text->length);
		return text_take(&out);
	}
	for (size_t at = 0; at < text->length;) {
		size_t length = character_length(text->data + at, text->length - at);
		text_add_bytes(&out, length ? text->data + at : "\xEF\xBF\xBD", length ? length : 3);
		at += length ? length : 1;
	}
	return text_take(&out);
}

/* Tracked files against HEAD, index and working tree together. Nothing is written, not even the index's cached times.
 */
static int take_diff(git_repository *repository, git_tree *tree, json_t *out, char **diff_text)
{
	git_diff_options options;
	git_diff *diff = NULL;
	struct collecting collecting = {0};
	git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
	options.ignore_submodules = GIT_SUBMODULE_IGNORE_ALL;
	options.flags = GIT_DIFF_IGNORE_SUBMODULES;
	options.max_size = DIFF_FILE_MAX;
	int failed = git_diff_tree_to_workdir_with_index(&diff, repository, tree, &options);
	size_t changed = failed ? 0 : git_diff_num_deltas(diff);
	if (!failed && changed) {
		failed = git_diff_print(diff, GIT_DIFF_FORMAT_PATCH, add_line, &collecting);
		if (collecting.cut)
			failed = 0;
	}
	if (!failed) {
		struct hash hash;
		char hex[HASH_HEX];
		json_object_set_new(out, "dirty", json_boolean(changed > 0));
		if (changed) {
			hash_begin(&hash);
			hash_add(&hash, collecting.text.data ? collecting.text.data : "", collecting.text.length);
			hash_end_hex(&hash, hex);
			json_object_set_new(out, "diff_sha256", json_string(hex));
			if (collecting.cut)
				json_object_set_new(out, "diff_cut", json_true());
			*diff_text = as_utf8(&collecting.text);
		} else {
			json_object_set_new(out, "diff_sha256", json_null());
		}
	}
	text_buf_release(&collecting.text);
	git_diff_free(diff);
	return failed;
}

/* --- commit and branch --- */

static void set_text(json_t *object, const char *key, const char *value)
{
	char *safe = value ? text_printable(value) : NULL;
	json_object_set_new(object, key, safe ? json_string(safe) : json_null());
	free(safe);
}

/* HEAD as a branch that has no commit yet. */
static void set_unborn(git_repository *repository, json_t *out)
{
	git_reference *head = NULL;
	const char *target = NULL;
	if (git_reference_lookup(&head, repository, "HEAD") == 0)
		target = git_reference_symbolic_target(head);
	if (target && strncmp(target, "refs/heads/", 11) == 0)
		target += 11;
	set_text(out, "commit", NULL);
	set_text(out, "branch", target);
	git_reference_free(head);
}

static int set_head(git_repository *repository, git_reference *head, json_t *out, git_tree **tree)
{
	git_object *commit = NULL;
	char hex[GIT_OID_HEXSZ + 1];
	int failed = git_reference_peel(&commit, head, GIT_OBJECT_COMMIT);
	if (!failed)
		failed = git_commit_tree(tree, (git_commit *)commit);
	if (!failed) {
		git_oid_tostr(hex, sizeof hex, git_object_id(commit));
		set_text(out, "commit", hex);
		set_text(out, "branch",
		        git_repository_head_detached(repository) == 1 ? NULL : git_reference_shorthand(head));
	}
	git_object_free(commit);
	return failed;
}

static int look_inside(git_repository *repository, json_t *out, char **diff)
{
	git_reference *head = NULL;
	git_tree *tree = NULL;
	int failed = git_repository_head(&head, repository);
	if (failed == GIT_EUNBORNBRANCH || failed == GIT_ENOTFOUND) {
		set_unborn(repository, out);
		failed = 0;
	} else if (!failed) {
		failed = set_head(repository, head, out, &tree);
	}
	if (!failed)
		failed = take_diff(repository, tree, out, diff);
	git_tree_free(tree);
	git_reference_free(head);
	return failed;
}

/* libgit2 1.5 says "not found" of a repository that belongs to somebody else when no configuration names safe
 * directories. */
static bool is_anothers(const char *folder, int failed)
{
	git_buf found = GIT_BUF_INIT;
	bool there = failed == GIT_ENOTFOUND && git_repository_discover(&found, folder, 0, NULL) == 0;
	git_buf_dispose(&found);
	return there || failed == GIT_EOWNER;
}

/* New object or NULL with *note (malloc'd; NULL when there simply is no repository). */
static json_t *describe_git(const char *folder, char **diff, char **note)
{
	git_repository *repository = NULL;
	json_t *out = NULL;
	int failed = git_repository_open_ext(&repository, folder, 0, NULL);
	if (is_anothers(folder, failed)) {
		*note = text_format(
		        "the git repository around %s belongs to another user, so it was not looked at", folder);
	} else if (failed && failed != GIT_ENOTFOUND) {
		*note = text_format("the git repository around %s cannot be read: %s", folder, provenance_git_error());
	} else if (!failed && git_repository_is_bare(repository)) {
		*note = text_format("the git repository around %s is bare", folder);
	} else if (!failed) {
		out = json_object();
		if (look_inside(repository, out, diff) != 0) {
			*note = text_format(
			        "the git repository around %s cannot be read: %s", folder, provenance_git_error());
			json_decref(out);
			out = NULL;
		}
	}
	git_repository_free(repository);
	return out;
}

int provenance_describe(const char *campaign_file, json_t **out, char **diff, struct orch_err *err)
{
	char *absolute = file_absolute(campaign_file), *folder = file_folder(absolute), *note = NULL, *found = NULL;
	json_t *whole = json_object(), *git;
	provenance_git_begin();
	git = describe_git(folder, &found, &note);
	provenance_git_end();
	json_object_set_new(whole, "git", git ? git : json_null());
	if (note)
		set_text(whole, "git_note", note);
	json_object_set_new(whole, "libraries", provenance_libraries());
	json_object_set_new(whole, "host", provenance_machine());
	free(note);
	free(folder);
	free(absolute);
	if (json_object_size(whole) < 3) {
		json_decref(whole);
		free(found);
		return orch_fail(err, ORCH_ENOMEM, "out of memory");
	}
	*out = whole;
	*diff = found;
	return 0;
}
