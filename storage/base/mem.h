/* mem: size-checked allocation and the arena of a task.
 * mem_* abort the process with a clear message when memory is gone only through mem_must; all others return NULL.
 * An arena hands out zeroed, 64-byte aligned blocks and is released at once; it is used by one thread. */
#ifndef STORAGE_BASE_MEM_H
#define STORAGE_BASE_MEM_H

#include <stddef.h>

void *mem_array(size_t count, size_t size);                   /* zeroed; NULL on overflow or no memory; free() */
/* For what is read here and there: from 4 MiB on in large pages, where the system has them; fewer look-ups of addresses. Not zeroed: pages that are never
 * written take no memory. */
void *mem_array_large(size_t count, size_t size);
void *mem_array_grow(void *block, size_t count, size_t size); /* realloc with overflow check; block stays valid on NULL */
/* Small bookkeeping allocations whose failure nobody could handle: never return NULL (abort with "out of memory"). */
void *mem_must(size_t count, size_t size);
char *mem_text(const char *text); /* strdup that never returns NULL; NULL for NULL */

struct arena_block;
struct arena {
	struct arena_block *blocks;
	size_t block_size; /* 0: 64 KiB */
};
void *arena_alloc(struct arena *arena, size_t count, size_t size); /* zeroed; NULL on overflow or no memory */
char *arena_text(struct arena *arena, const char *text);
void arena_release(struct arena *arena); /* frees all blocks; the arena can be used again */

#endif
