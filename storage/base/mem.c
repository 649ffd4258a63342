#include "storage/base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 64
#define MEM_LARGE_PAGE ((size_t)2 << 20)
#define DEFAULT_BLOCK ((size_t)64 * 1024)
#define LARGEST ((size_t)1 << 47)

struct arena_block {
	struct arena_block *next;
	char *start; /* aligned */
	size_t used, size;
};

/* count * size, at least 1 so that NULL means failure only; false above what any address space holds. */
static bool whole_size(size_t count, size_t size, size_t *out)
{
	if (__builtin_mul_overflow(count, size, out) || *out > LARGEST)
		return false;
	if (*out == 0)
		*out = 1;
	return true;
}

void *mem_array(size_t count, size_t size)
{
	size_t bytes;
	return whole_size(count, size, &bytes) ? calloc(1, bytes) : NULL;
}

void *mem_array_large(size_t count, size_t size)
{
	size_t bytes;
	void *block;

	if (!whole_size(count, size, &bytes))
		return NULL;
	if (bytes < 2 * MEM_LARGE_PAGE)
		return malloc(bytes ? bytes : 1);
	if (posix_memalign(&block, MEM_LARGE_PAGE, bytes) != 0)
		return NULL;
	madvise(block, bytes / MEM_LARGE_PAGE * MEM_LARGE_PAGE, MADV_HUGEPAGE); /* a wish: without it all is slower, nothing else */
	return block;
}

void *mem_array_grow(void *block, size_t count, size_t size)
{
	size_t bytes;
	return whole_size(count, size, &bytes) ? realloc(block, bytes) : NULL;
}

void *mem_must(size_t count, size_t size)
{
	void *block = mem_array(count, size);
	if (!block) {
		fputs("orch: out of memory\n", stderr);
		abort();
	}
	return block;
}

char *mem_text(const char *text)
{
	if (!text)
		return NULL;
	size_t length = strlen(text);
	char *copy = mem_must(length + 1, 1);
	memcpy(copy, text, length);
	return copy;
}

static struct arena_block *block_create(size_t size)
{
	/* calloc: large blocks come zeroed from the kernel, page by page, only when touched. */
	struct arena_block *block = calloc(1, size + sizeof *block + ALIGNMENT);
	if (!block)
		return NULL;
	uintptr_t after = (uintptr_t)(block + 1);
	block->start = (char *)(block + 1) + (ALIGNMENT - after % ALIGNMENT) % ALIGNMENT;
	block->size = size;
	return block;
}

/* Blocks of their own go behind the first one, which stays open for small things. */
static struct arena_block *block_add(struct arena *arena, size_t bytes)
{
	size_t usual = arena->block_size ? arena->block_size : DEFAULT_BLOCK;
	struct arena_block *block = block_create(bytes > usual / 2 ? bytes : usual);
	if (!block)
		return NULL;
	if (bytes > usual / 2 && arena->blocks) {
		block->next = arena->blocks->next;
		arena->blocks->next = block;
	} else {
		block->next = arena->blocks;
		arena->blocks = block;
	}
	return block;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;
	if (!whole_size(count, size, &bytes))
		return NULL;
	bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct arena_block *block = arena->blocks;
	if (!block || block->size - block->used < bytes)
		block = block_add(arena, bytes);
	if (!block)
		return NULL;
	void *out = block->start + block->used;
	block->used += bytes;
	return out;
}

char *arena_text(struct arena *arena, const char *text)
{
	size_t length = strlen(text);
	char *copy = arena_alloc(arena, length + 1, 1);
	if (copy)
		memcpy(copy, text, length);
	return copy;
}

void arena_release(struct arena *arena)
{
	for (struct arena_block *block = arena->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	arena->blocks = NULL;
}
