/* control_group: a group of the kernel around one worker and all it starts: a wall for their memory that no growth between two looks can pass, and a list of
 * members that no double fork leaves. Version 1 (memory) where that is mounted and writable, else version 2; where neither is, nothing is made and the
 * caller watches. ORCH_CONTROL_GROUPS=0 makes none.
 *
 * open -> (child) join -> stalled / end -> close. Groups lie below the caller's own, are named for the process that made them (pid and start time), and
 * those of processes that are gone are emptied and removed by the next open. One thread. Nothing is durable. */
#ifndef STORAGE_BASE_CONTROL_GROUP_H
#define STORAGE_BASE_CONTROL_GROUP_H

#include <stdbool.h>
#include <stdint.h>

struct control_group {
	char *path;         /* NULL: there is none */
	int members_fd;     /* for the child to join; -1 */
	bool version_2;
	bool limits_memory; /* a version 2 group may have no memory controller, and then only ends its members */
};
/* memory: bytes, page cache included (which gives way before anybody is killed); 0: no limit. False: no group can be made here. */
bool control_group_open(uint64_t memory, struct control_group *out);
/* In the child between fork and exec: only system calls. A failure leaves it outside. */
void control_group_join(const struct control_group *group);
void control_group_joined(struct control_group *group); /* the parent's side, once the child runs: gives the descriptor back */
uint64_t control_group_oom_kills(const struct control_group *group); /* members that the kernel killed for memory since it was made */
void control_group_end(const struct control_group *group); /* KILL to all members, until none is left (two seconds at most) */
void control_group_close(struct control_group *group);     /* ends what is in it, removes it; {0} afterwards */

/* The part of open that comes after the folder is there. For tests: of a folder with files that stand in for the kernel's, or of a group elsewhere. */
bool control_group_take(const char *path, bool version_2, uint64_t memory, struct control_group *out);
/* For tests: the folder where groups are made below root ("" is this machine), malloc'd; NULL: none that can be written. */
char *control_group_place(const char *root, bool *version_2);

#endif
