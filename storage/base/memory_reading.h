/* memory_reading: how much memory is left before somebody is killed for it: the least of the machine's (MemAvailable) and of the limit of each control
 * group above this process, page cache that gives way not counted; and how much everybody waits for memory (pressure stall information). */
#ifndef STORAGE_BASE_MEMORY_READING_H
#define STORAGE_BASE_MEMORY_READING_H

#include <stdint.h>

struct memory_reading {
	uint64_t total, available; /* bytes; total 0: nothing could be read */
	double stalled;            /* percent of the last ten seconds in which some process waited for memory; -1: not told */
};
/* root: a tree that stands in for "/"; "" is this machine. */
void memory_reading_take(const char *root, struct memory_reading *out);

#endif
