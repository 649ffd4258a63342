/* provenance.git: one commit a round. The tag is written last: a round has its commit when its tag names one with the
 * same tree. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/fault.h"
#include "storage/base/file.h"
#include "storage/base/process.h"
#include "storage/base/text.h"
#include "storage/base/trace.h"
#include "storage/provenance.h"
#include "storage/provenance_git.h"

#define BRANCH "refs/heads/main"

/* What of a round is worth a line of history; those that are there are taken. */
static const struct {
	const char *name, *path;
} members[] = {
        {"MANIFEST.sha256", "MANIFEST.sha256"},
        {"COMPLETE", "COMPLETE"},
        {"features.json", "00_dataset/features.json"},
        {"best.json", "01_hpo/best.json"},
        {"metrics.json", "03_baseline/metrics.json"},
        {"comparison.json", "06_comparison/comparison.json"},
};

static int git_failed(const char *repository, const char *what, struct orch_err *err)
{
	return orch_fail(err, ORCH_EIO, "provenance %s: cannot %s: %s", repository, what, provenance_git_error());
}

static char *tag_name(unsigned round)
{
	return text_format("refs/tags/round_%03u", round);
}

/* --- opening --- */

/* The campaign's lock is held, so a lock file of git's here belongs to nobody alive. */
static void remove_stale_locks(const char *repository, const char *tag)
{
	char *tag_lock = text_format("%s.lock", tag);
	const char *const names[] = {"HEAD.lock", "config.lock", "packed-refs.lock", BRANCH ".lock", tag_lock};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *path = file_join(repository, names[i]);
		if (file_exists(path))
			file_remove(path, NULL);
		free(path);
	}
	free(tag_lock);
}

/* Initialising again completes what a killed process left. */
static int open_or_create(const char *path, git_repository **out, struct orch_err *err)
{
	git_repository_init_options options;
	git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
	options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKDIR | GIT_REPOSITORY_INIT_NO_DOTGIT_DIR;
	options.initial_head = "main";
	options.description = "one commit a round of this campaign; derived, orch verify --rebuild makes it again";
	int sys = fault_point("git init", path);
	if (sys)
		return orch_fail_sys(err, ORCH_EIO, sys, "provenance %s: cannot create it", path);
	return git_repository_init_ext(out, path, &options) == 0 ? 0 : git_failed(path, "create it", err);
}

/* The configuration can be read, and the tip names a commit that can be read, or there is none yet. */
static bool is_sound(git_repository *repository)
{
	git_oid oid;
	git_commit *commit = NULL;
	git_tree *tree = NULL;
	git_config *config = NULL;
	if (git_repository_config_snapshot(&config, repository) != 0)
		return false;
	git_config_free(config);
	int failed = git_reference_name_to_id(&oid, repository, BRANCH);
	bool sound = failed == GIT_ENOTFOUND || (!failed && git_commit_lookup(&commit, repository, &oid) == 0 &&
	                                                git_commit_tree(&tree, commit) == 0);
	git_tree_free(tree);
	git_commit_free(commit);
	return sound;
}

/* It is derived: a damaged one must not stop a campaign. It is kept beside, the rounds' commits are made again by
 * whoever finds that they are missing (resume, verify --rebuild). */
static int set_aside(const char *path, struct orch_err *err)
{
	char *aside = NULL;
	for (unsigned number = 1; !aside || file_exists(aside); number++) {
		free(aside);
		aside = text_format("%s.damaged-%u", path, number);
	}
	trace(TRACE_STORE, "provenance %s cannot be read (%s): set aside as %s", path, provenance_git_error(), aside);
	int code = file_publish(path, aside, err);
	free(aside);
	return code;
}

/* As it stands; else completed (a killed process may have left it half made); else a new one. */
static int open_sound(const char *path, git_repository **out, struct orch_err *err)
{
	git_repository *repository = NULL;
	struct orch_err why = {0};
	int code = 0;
	if (git_repository_open_bare(&repository, path) != 0 || !is_sound(repository)) {
		git_repository_free(repository);
		repository = NULL;
		code = open_or_create(path, &repository, &why);
	}
	if ((code && !why.sys && file_exists(path)) || (!code && !is_sound(repository))) {
		git_repository_free(repository);
		repository = NULL;
		orch_err_clear(&why);
		code = set_aside(path, &why);
		if (!code)
			code = open_or_create(path, &repository, &why);
	}
	if (code)
		orch_fail(err, code, "%s", why.text);
	else
		*out = repository;
	return code;
}

/* Our own repository: whoever owns the folder, it is the campaign's. Durable as far as git can be. */
static void begin(void)
{
	provenance_git_begin();
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
}

static void end(void)
{
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 1);
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 0);
	provenance_git_end();
}

/* --- the tree of a round --- */

static int insert(
        git_repository *repository, git_treebuilder *builder, const char *name, const void *bytes, size_t length)
{
	git_oid blob;
	int failed = git_blob_create_from_buffer(&blob, repository, bytes, length);
	return failed ? failed : git_treebuilder_insert(NULL, builder, name, &blob, GIT_FILEMODE_BLOB);
}

static int insert_file(git_repository *repository, git_treebuilder *builder, const char *name, const char *path,
        bool must, const char *where, struct orch_err *err)
{
	char *bytes = NULL;
	size_t length = 0;
	if (!must && !file_exists(path))
		return 0;
	int code = file_read(path, 0, &bytes, &length, err);
	if (!code && insert(repository, builder, name, bytes, length) != 0)
		code = git_failed(where, "store a file", err);
	free(bytes);
	return code;
}

static int make_tree(git_repository *repository, const char *where, const char *round_path, const char *spec_json,
        git_oid *tree, struct orch_err *err)
{
	git_treebuilder *builder = NULL;
	int code = git_treebuilder_new(&builder, repository, NULL) == 0 ? 0 : git_failed(where, "make a tree", err);
	if (!code && insert(repository, builder, "spec.json", spec_json, strlen(spec_json)) != 0)
		code = git_failed(where, "store the spec", err);
	for (size_t i = 0; i < sizeof members / sizeof *members && !code; i++) {
		char *path = file_join(round_path, members[i].path);
		code = insert_file(repository, builder, members[i].name, path, i == 0, where, err);
		free(path);
	}
	if (!code && git_treebuilder_write(tree, builder) != 0)
		code = git_failed(where, "store a tree", err);
	git_treebuilder_free(builder);
	return code;
}

/* --- commits --- */

/* The commit a name points to; NULL when there is none. */
static git_commit *commit_of(git_repository *repository, const char *name)
{
	git_oid oid;
	git_commit *commit = NULL;
	if (git_reference_name_to_id(&oid, repository, name) == 0)
		git_commit_lookup(&commit, repository, &oid);
	return commit;
}

static bool is_of(const git_commit *commit, const git_oid *tree, const char *message)
{
	return commit && git_oid_equal(git_commit_tree_id(commit), tree) &&
	       strcmp(git_commit_message(commit), message) == 0;
}

static int add_commit(git_repository *repository, const char *where, const git_oid *tree_id, const char *message,
        git_oid *out, struct orch_err *err)
{
	git_commit *parent = commit_of(repository, BRANCH);
	const git_commit *parents[] = {parent};
	git_signature *author = NULL;
	git_tree *tree = NULL;
	int sys = fault_point("git commit", where);
	int code = sys ? orch_fail_sys(err, ORCH_EIO, sys, "provenance %s: cannot commit", where) : 0;
	if (!code && (git_signature_new(&author, "orch", "orch@localhost", (git_time_t)process_wall(), 0) != 0 ||
	                     git_tree_lookup(&tree, repository, tree_id) != 0 ||
	                     git_commit_create(out, repository, BRANCH, author, author, NULL, message, tree,
	                             parent ? 1 : 0, parents) != 0))
		code = git_failed(where, "commit", err);
	git_tree_free(tree);
	git_signature_free(author);
	git_commit_free(parent);
	return code;
}

static int set_tag(
        git_repository *repository, const char *where, const char *tag, const git_oid *commit, struct orch_err *err)
{
	git_reference *reference = NULL;
	int sys = fault_point("git tag", where);
	if (sys)
		return orch_fail_sys(err, ORCH_EIO, sys, "provenance %s: cannot tag", where);
	int code = git_reference_create(&reference, repository, tag, commit, 1, NULL) == 0
	                   ? 0
	                   : git_failed(where, "tag", err);
	git_reference_free(reference);
	return code;
}

static int commit_tree(git_repository *repository, const char *where, unsigned round, const char *tag,
        const git_oid *tree, struct orch_err *err)
{
	char *message = text_format("round_%03u\n", round);
	git_commit *tagged = commit_of(repository, tag), *tip = commit_of(repository, BRANCH);
	git_oid commit;
	int code = 0;
	if (!is_of(tagged, tree, message)) {
		/* A process killed between commit and tag left the commit at the tip. */
		if (is_of(tip, tree, message))
			git_oid_cpy(&commit, git_commit_id(tip));
		else
			code = add_commit(repository, where, tree, message, &commit, err);
		if (!code)
			code = set_tag(repository, where, tag, &commit, err);
	}
	git_commit_free(tagged);
	git_commit_free(tip);
	free(message);
	return code;
}

int provenance_commit_round(
        const char *path, unsigned round, const char *round_path, const char *spec_json, struct orch_err *err)
{
	git_repository *repository = NULL;
	git_oid tree;
	char *tag = tag_name(round);
	begin();
	remove_stale_locks(path, tag);
	int code = open_sound(path, &repository, err);
	if (!code)
		code = make_tree(repository, path, round_path, spec_json, &tree, err);
	if (!code)
		code = commit_tree(repository, path, round, tag, &tree, err);
	git_repository_free(repository);
	end();
	free(tag);
	return code;
}

/* --- verifying --- */

/* Reads every blob (libgit2 checks their hashes) and compares those that the round has. */
static int compare_tree(
        git_repository *repository, git_tree *tree, const char *where, const char *round_path, struct orch_err *err)
{
	int code = 0;
	for (size_t i = 0; i < sizeof members / sizeof *members && !code; i++) {
		const git_tree_entry *entry = git_tree_entry_byname(tree, members[i].name);
		char *path = file_join(round_path, members[i].path), *bytes = NULL;
		size_t length = 0;
		git_blob *blob = NULL;
		bool there = file_exists(path);
		if (!entry != !there)
			code = orch_fail(err, ORCH_EDAMAGED, "provenance %s: %s is in the %s only", where,
			        members[i].name, there ? "round" : "commit");
		else if (entry && git_blob_lookup(&blob, repository, git_tree_entry_id(entry)) != 0)
			code = orch_fail(err, ORCH_EDAMAGED, "provenance %s: %s cannot be read: %s", where,
			        members[i].name, provenance_git_error());
		else if (entry)
			code = file_read(path, 0, &bytes, &length, err);
		if (!code && entry &&
		        ((size_t)git_blob_rawsize(blob) != length ||
		                memcmp(git_blob_rawcontent(blob), bytes, length) != 0))
			code = orch_fail(err, ORCH_EDAMAGED, "provenance %s: its %s is not that of %s", where,
			        members[i].name, round_path);
		git_blob_free(blob);
		free(bytes);
		free(path);
	}
	return code;
}

int provenance_verify_round(const char *path, unsigned round, const char *round_path, struct orch_err *err)
{
	git_repository *repository = NULL;
	git_commit *commit = NULL;
	git_tree *tree = NULL;
	char *tag = tag_name(round);
	int code = 0;
	begin();
	if (git_repository_open_bare(&repository, path) != 0)
		code = orch_fail(err, ORCH_EDAMAGED,
		        "provenance %s cannot be read (%s): make it again with: orch verify --rebuild", path,
		        provenance_git_error());
	else if (!(commit = commit_of(repository, tag)) || git_commit_tree(&tree, commit) != 0)
		code = orch_fail(err, ORCH_EDAMAGED,
		        "provenance %s has no commit of round %u: make it with: orch verify --rebuild", path, round);
	else
		code = compare_tree(repository, tree, path, round_path, err);
	git_tree_free(tree);
	git_commit_free(commit);
	git_repository_free(repository);
	end();
	free(tag);
	return code;
}
