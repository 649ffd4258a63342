/* process_kill: the end of a process's descendants, wherever they went (a session of their own, a double fork). Reads /proc with plain system calls,
 * so that a signal handler may call it; one thread. */
#ifndef STORAGE_BASE_PROCESS_KILL_H
#define STORAGE_BASE_PROCESS_KILL_H

#include <stddef.h>
#include <sys/types.h>

/* Children of parent that run now (zombies too). Returns how many there are; at most capacity are written. */
size_t process_children(pid_t parent, pid_t *out, size_t capacity);
/* Sends a signal to every descendant of ancestor, not to ancestor itself. Returns how many. */
size_t process_signal_descendants(pid_t ancestor, int number);

#endif
