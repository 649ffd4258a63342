/* address: randomness without sequence. A random quantity is a hash of where it is used: start from the campaign's seed, chain one
 * call for each part of the address (stage, trial, fold, tree, node, feature), and turn the last hash into what is needed. Who asks
 * first, how often, or on which worker does not matter.
 *
 *     uint64_t key = address_hash(address_text(seed, "forest"), tree);
 *     double u = address_unit(address_hash(key, row));
 *
 * The order of the parts matters. Pure functions, any thread, the same on every platform.
 * The mixing is wyhash64 of Wang Yi's wyhash, final version 4 (https://github.com/wangyi-fudan/wyhash, public domain): two
 * 64 x 64 -> 128 bit products, each folded by xor. Tests show avalanche and uniformity on short consecutive addresses. */
#ifndef ENGINES_ADDRESS_H
#define ENGINES_ADDRESS_H

#include <stdint.h>

/* One more part of an address. Inline: forests call it once for every row and candidate. */
static inline uint64_t address_hash(uint64_t seed, uint64_t part)
{
	const uint64_t a = UINT64_C(0x2d358dccaa6c78a5), b = UINT64_C(0x8bb84b93962eacc9);
	unsigned __int128 first = (unsigned __int128)(seed ^ a) * (part ^ b);
	unsigned __int128 second = (unsigned __int128)((uint64_t)first ^ a) * ((uint64_t)(first >> 64) ^ b);

	return (uint64_t)second ^ (uint64_t)(second >> 64);
}

/* Uniform in [0, 1): a multiple of 2^-53. */
static inline double address_unit(uint64_t hash)
{
	return (double)(hash >> 11) * 0x1p-53;
}

/* Uniform in 0 .. count - 1 (Lemire's product, https://arxiv.org/abs/1805.10941, without rejection: off by at most count / 2^64).
 * count 0 gives 0. */
static inline uint64_t address_below(uint64_t hash, uint64_t count)
{
	return (uint64_t)((unsigned __int128)hash * count >> 64);
}

/* A name as one part: its bytes and its length, so that "ab","c" and "a","bc" differ. */
uint64_t address_text(uint64_t seed, const char *text);

#endif
