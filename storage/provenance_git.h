/* provenance_git: what the two halves of provenance share (private): libgit2 that reads no configuration but the
 * repository's own, and its errors as text. begin and end nest. */
#ifndef STORAGE_PROVENANCE_GIT_H
#define STORAGE_PROVENANCE_GIT_H

#include <git2.h>

#include "storage/base/err.h"

void provenance_git_begin(void);
void provenance_git_end(void);
/* The text of libgit2's last error; valid until its next call. */
const char *provenance_git_error(void);

#endif
