/* fuzz: what the fuzz targets share. Each fuzz_NAME.c defines LLVMFuzzerTestOneInput: any bytes may come, and none may break anything. `make fuzz` runs them
 * with libFuzzer from seeds/NAME; replay.c runs every kept seed, found cases included, in `make test`. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
/* A file of this process with these contents, for readers that take a path; the same path each time. */
const char *fuzz_file(const uint8_t *bytes, size_t count);

#endif
