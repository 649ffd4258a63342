/* decimal: numbers of everyday size as text, by whole numbers alone: what text_number gives is mostly made here, ten times as fast as by printf
 * and strtod. For 1e-15 <= value < 1e15 a double times a power of ten is a whole number of 128 bits over a power of two, so rounding, and the
 * question whether the digits are read back as the same double, are decided exactly. Bytes are those of "%.15g", "%.16g" or "%.17g": the first of
 * them that is read back as value. The locale does not matter. */
#ifndef STORAGE_BASE_DECIMAL_H
#define STORAGE_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECIMAL_MAX 32
/* Length of the text in out (ended by a NUL); 0: the value is outside the range (out is untouched). */
size_t decimal_shortest(double value, char out[DECIMAL_MAX]);
size_t decimal_integer(int64_t value, char out[DECIMAL_MAX]); /* as "%lld" */
/* The double nearest to digits / 10^places, ties to even, as strtod reads it. False: places is above DECIMAL_PLACES (*out is untouched). */
#define DECIMAL_PLACES 27
bool decimal_read(uint64_t digits, unsigned places, double *out);

#endif
