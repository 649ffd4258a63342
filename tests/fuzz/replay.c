/* replay: runs a fuzz target over files: PROGRAM FILE... ; what it survives is counted, what it does not ends it. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "re");
		uint8_t *bytes = malloc(1 << 22);
		size_t count;

		if (!file || !bytes)
			return fprintf(stderr, "cannot read %s\n", argv[i]), 1;
		fprintf(stderr, "%s\n", argv[i]); /* the last one told is the one that broke */
		count = fread(bytes, 1, 1 << 22, file);
		fclose(file);
		bytes = realloc(bytes, count ? count : 1); /* so that reading past the end is seen */
		LLVMFuzzerTestOneInput(bytes, count);
		free(bytes);
	}
	return 0;
}
