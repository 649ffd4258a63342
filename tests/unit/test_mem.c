#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/mem.h"

static volatile size_t huge = SIZE_MAX; /* volatile: or the compiler warns of what is tested here */

static void mem__arrays_are_zeroed_and_checked(void **state)
{
	(void)state;
	int *array = mem_array(100, sizeof *array);
	for (int i = 0; i < 100; i++)
		assert_int_equal(array[i], 0);
	array[99] = 7;
	int *grown = mem_array_grow(array, 100000, sizeof *grown);
	assert_int_equal(grown[99], 7);
	assert_null(mem_array_grow(grown, huge / 2, 4)); /* the block stays valid */
	assert_int_equal(grown[99], 7);
	free(grown);
	assert_null(mem_array(huge, 2));
	assert_null(mem_array(huge / 4 + 2, 4));
}

static void mem__nothing_is_something(void **state)
{
	(void)state;
	void *none = mem_array(0, 8);
	assert_non_null(none);
	none = mem_array_grow(none, 0, 8);
	assert_non_null(none);
	free(none);
	none = mem_must(0, 0);
	assert_non_null(none);
	free(none);
}

static void mem__texts(void **state)
{
	(void)state;
	assert_null(mem_text(NULL));
	char *copy = mem_text("abc");
	assert_string_equal(copy, "abc");
	free(copy);
}

static void check_block(struct arena *arena, size_t size)
{
	unsigned char *block = arena_alloc(arena, size, 1);
	assert_non_null(block);
	assert_int_equal((uintptr_t)block % 64, 0);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(block[i], 0);
	memset(block, 0xAB, size); /* the next must not be touched by this one */
}

static void arena__blocks_are_zeroed_aligned_and_apart(void **state)
{
	(void)state;
	struct arena arena = {0};
	static const size_t sizes[] = {1, 63, 64, 65, 1000, 40000, 70000, 3, 65536, 1 << 20, 0, 5};
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
			check_block(&arena, sizes[i]);
	assert_string_equal(arena_text(&arena, "text"), "text");
	arena_release(&arena);
	assert_null(arena.blocks);
	check_block(&arena, 10);
	arena_release(&arena);
}

static void arena__large_blocks_leave_the_open_one_open(void **state)
{
	(void)state;
	struct arena arena = {.block_size = 4096};
	char *before = arena_alloc(&arena, 64, 1);
	arena_alloc(&arena, 100000, 1);
	char *after = arena_alloc(&arena, 64, 1);
	assert_ptr_equal(after, before + 64);
	arena_release(&arena);
}

static void arena__overflow_is_no_memory(void **state)
{
	(void)state;
	struct arena arena = {0};
	assert_null(arena_alloc(&arena, huge, 2));
	assert_null(arena_alloc(&arena, huge, 1));
	assert_null(arena_alloc(&arena, huge - 100, 1));
	assert_null(arena_alloc(&arena, huge / 2, 1));
	check_block(&arena, 10);
	arena_release(&arena);
}

static size_t resident_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*u %zu", &pages), 1);
	fclose(file);
	return pages;
}

static void mem__large_arrays_hold_what_they_say(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, ((size_t)4 << 20) - 1, (size_t)4 << 20, ((size_t)5 << 20) + 7};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		unsigned char *block = mem_array_large(sizes[i], 1);

		assert_non_null(block);
		memset(block, 255, sizes[i]);
		free(block);
	}
	assert_null(mem_array_large(SIZE_MAX, 16));
}

static void mem__large_arrays_take_memory_where_they_are_written(void **state)
{
	size_t before = resident_pages();
	char *block = mem_array_large((size_t)256 << 20, 1);

	(void)state;
	assert_non_null(block);
	memset(block, 1, (size_t)3 << 20);
	assert_true((resident_pages() - before) * (size_t)sysconf(_SC_PAGESIZE) <= (size_t)8 << 20);
	free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mem__large_arrays_hold_what_they_say),
		cmocka_unit_test(mem__large_arrays_take_memory_where_they_are_written),
		cmocka_unit_test(mem__arrays_are_zeroed_and_checked),
		cmocka_unit_test(mem__nothing_is_something),
		cmocka_unit_test(mem__texts),
		cmocka_unit_test(arena__blocks_are_zeroed_aligned_and_apart),
		cmocka_unit_test(arena__large_blocks_leave_the_open_one_open),
		cmocka_unit_test(arena__overflow_is_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
