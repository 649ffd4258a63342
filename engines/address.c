#include "engines/address.h"

#include <stddef.h>
#include <string.h>

/* Eight bytes at a time, first byte lowest whatever the machine's order. */
uint64_t address_text(uint64_t seed, const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i += 8) {
		uint64_t word = 0;

		for (size_t j = 0; j < 8 && i + j < length; j++)
			word |= (uint64_t)(unsigned char)text[i + j] << 8 * j;
		seed = address_hash(seed, word);
	}
	return address_hash(seed, length);
}
