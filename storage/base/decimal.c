#include "storage/base/decimal.h"

#include <math.h>
#include <string.h>

#define LEAST_DIGITS 15 /* every decimal of so many digits survives a double; fewer need no attempt, zeros are dropped */
#define MOST_DIGITS 17  /* so many always tell a double apart */

typedef unsigned __int128 wide;

static const uint64_t tens[20] = {UINT64_C(1), UINT64_C(10), UINT64_C(100), UINT64_C(1000), UINT64_C(10000), UINT64_C(100000), UINT64_C(1000000),
        UINT64_C(10000000), UINT64_C(100000000), UINT64_C(1000000000), UINT64_C(10000000000), UINT64_C(100000000000), UINT64_C(1000000000000),
        UINT64_C(10000000000000), UINT64_C(100000000000000), UINT64_C(1000000000000000), UINT64_C(10000000000000000), UINT64_C(100000000000000000),
        UINT64_C(1000000000000000000), UINT64_C(10000000000000000000)};

/* 5^power, power <= 32: below 2^75. */
static wide five_to(unsigned power)
{
	wide out = 1;
	uint64_t base = 5, low = 1;

	for (unsigned left = power > 27 ? 27 : power; left; left >>= 1, base *= base)
		if (left & 1)
			low *= base;
	out = low;
	for (unsigned i = 27; i < power; i++)
		out *= 5;
	return out;
}

/* value = mantissa * 2^exponent, 2^52 <= mantissa < 2^53 (no subnormal numbers here). */
struct binary {
	uint64_t mantissa;
	int exponent;
};

/* The value in units of 10^-places, rounded half to even as printf does; *exact: are these digits read back as the value? */
static uint64_t scaled(const struct binary *value, unsigned places, bool *exact)
{
	wide five = five_to(places), whole = value->mantissa * five, rest, half, away;
	int shift = -((int)places + value->exponent);
	uint64_t digits;

	*exact = true;
	if (shift <= 0)
		return (uint64_t)(whole << -shift);
	digits = (uint64_t)(whole >> shift);
	rest = whole & (((wide)1 << shift) - 1);
	half = (wide)1 << (shift - 1);
	if (rest > half || (rest == half && digits & 1)) {
		digits++;
		away = ((wide)1 << shift) - rest;
		*exact = 2 * away < five || (2 * away == five && !(value->mantissa & 1));
	} else {
		/* Below a power of two doubles lie twice as close. */
		away = value->mantissa == UINT64_C(1) << 52 ? 2 * rest : rest;
		*exact = 2 * away < five || (2 * away == five && !(value->mantissa & 1));
	}
	return digits;
}

static size_t put_digits(uint64_t number, char *out)
{
	char turned[20];
	size_t count = 0;

	do
		turned[count++] = (char)('0' + number % 10);
	while (number /= 10);
	for (size_t i = 0; i < count; i++)
		out[i] = turned[count - 1 - i];
	return count;
}

/* As "%g" of so many digits lays them out. exponent: power of ten of the first digit. */
static size_t lay_out(const char *digits, size_t count, int exponent, unsigned precision, char *out)
{
	char *to = out;

	if (exponent < -4 || exponent >= (int)precision) {
		unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);

		*to++ = digits[0];
		if (count > 1) {
			*to++ = '.';
			memcpy(to, digits + 1, count - 1);
			to += count - 1;
		}
		*to++ = 'e';
		*to++ = exponent < 0 ? '-' : '+';
		*to++ = (char)('0' + size / 10);
		*to++ = (char)('0' + size % 10);
	} else if (exponent < 0) {
		memcpy(to, "0.0000", (size_t)(1 - exponent));
		to += 1 - exponent;
		memcpy(to, digits, count);
		to += count;
	} else {
		size_t before = (size_t)exponent + 1, given = before < count ? before : count;

		memcpy(to, digits, given);
		memset(to + given, '0', before - given);
		to += before;
		if (count > before) {
			*to++ = '.';
			memcpy(to, digits + before, count - before);
			to += count - before;
		}
	}
	return (size_t)(to - out);
}

/* Power of ten of the first digit before rounding. A double that is at least the double nearest to 10^k is at least 10^k, or rounds to it with every
 * number of digits. */
static int first_place(double size)
{
	static const double powers[] = {1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3,
	        1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
	int low = 0, high = (int)(sizeof powers / sizeof *powers);

	while (high - low > 1) {
		int middle = (low + high) / 2;

		if (size >= powers[middle])
			low = middle;
		else
			high = middle;
	}
	return low - 15;
}

size_t decimal_shortest(double value, char out[DECIMAL_MAX])
{
	double size = fabs(value);
	struct binary binary;
	uint64_t bits, digits = 0;
	unsigned precision = LEAST_DIGITS;
	int exponent;
	bool exact = false;
	char text[20];
	size_t count, length = 0;

	if (!(size >= 1e-15 && size < 1e15))
		return 0;
	memcpy(&bits, &size, sizeof bits);
	binary = (struct binary){.mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52, .exponent = (int)(bits >> 52) - 1075};
	exponent = first_place(size);
	for (; !exact && precision <= MOST_DIGITS; precision++)
		digits = scaled(&binary, (unsigned)((int)precision - 1 - exponent), &exact);
	precision--;
	if (digits == tens[precision]) { /* rounded up to the next power of ten */
		digits /= 10;
		exponent++;
	}
	while (digits % 10 == 0)
		digits /= 10;
	count = put_digits(digits, text);
	if (signbit(value))
		out[length++] = '-';
	length += lay_out(text, count, exponent, precision, out + length);
	out[length] = '\0';
	return length;
}

size_t decimal_integer(int64_t value, char out[DECIMAL_MAX])
{
	size_t length = 0;

	if (value < 0)
		out[length++] = '-';
	length += put_digits(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, out + length);
	out[length] = '\0';
	return length;
}

static int bit_length(uint64_t number)
{
	return 64 - __builtin_clzll(number);
}

/* A quotient of 63 or 64 bits, of which 53 are kept; the rest and the remainder say how to round. */
bool decimal_read(uint64_t digits, unsigned places, double *out)
{
	uint64_t five, quotient, dropped, half, mantissa;
	int shift, extra;
	wide whole;

	if (places > DECIMAL_PLACES)
		return false;
	if (!digits) {
		*out = 0;
		return true;
	}
	five = (uint64_t)five_to(places);
	shift = bit_length(five) + 63 - bit_length(digits);
	whole = (wide)digits << shift;
	quotient = (uint64_t)(whole / five);
	extra = bit_length(quotient) - 53;
	dropped = quotient & ((UINT64_C(1) << extra) - 1);
	half = UINT64_C(1) << (extra - 1);
	mantissa = quotient >> extra;
	if (dropped > half || (dropped == half && (whole % five || mantissa & 1)))
		mantissa++;
	*out = ldexp((double)mantissa, extra - shift - (int)places);
	return true;
}
