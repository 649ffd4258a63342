/* The numbers of text.h. All of it speaks the "C" locale, whatever a library or the user's environment has set. */
#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "storage/base/decimal.h"
#include "storage/base/err.h"
#include "storage/base/text.h"

static locale_t plain;

/* glibc hands out its static "C" locale here: nothing is allocated and nothing needs to be freed. */
static void plain_make(void)
{
	plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!plain)
		orch_bug("the C locale is missing");
}

static locale_t plain_locale(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, plain_make);
	return plain;
}

const char *text_number(double value, char out[TEXT_NUMBER_MAX])
{
	out[0] = '\0';
	if (!isfinite(value))
		return out;
	if (fabs(value) < 1e15 && value == (double)(int64_t)value && !(value == 0 && signbit(value))) {
		decimal_integer((int64_t)value, out);
		return out;
	}
	if (decimal_shortest(value, out))
		return out;
	locale_t before = uselocale(plain_locale());
	/* 15 digits are always kept by a normal double, so fewer need no attempt (%g drops zeros); subnormal ones hold less. */
	for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
		snprintf(out, TEXT_NUMBER_MAX, "%.*g", digits, value);
		if (digits == 17 || strtod(out, NULL) == value) /* 17 always do */
			break;
	}
	uselocale(before);
	return out;
}

/* Decimal numbers only: strtod would also take spaces, hexadecimal, "nan" and "infinity". */
bool text_to_double(const char *text, double *out)
{
	if (!*text || text[strspn(text, "0123456789+-.eE")])
		return false;
	char *end;
	int saved = errno;
	double value = strtod_l(text, &end, plain_locale());
	errno = saved;
	if (end == text || *end || !isfinite(value))
		return false;
	*out = value;
	return true;
}

bool text_to_int64(const char *text, int64_t *out)
{
	if (!*text || text[strspn(text, "0123456789+-")])
		return false;
	char *end;
	int saved = errno;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	bool fine = end != text && !*end && errno == 0;
	errno = saved;
	if (fine)
		*out = value;
	return fine;
}

/* --- sizes and durations --- */

/* A plain decimal number at *text ("1", "1.5"), then spaces; *text moves behind them. */
static bool take_amount(const char **text, double *out)
{
	char digits[64];
	size_t length = strspn(*text, "0123456789.");
	if (length == 0 || length >= sizeof digits)
		return false;
	memcpy(digits, *text, length);
	digits[length] = '\0';
	if (!text_to_double(digits, out))
		return false;
	*text += length;
	*text += strspn(*text, " ");
	return true;
}

struct unit {
	const char *name;
	double factor;
};

static const struct unit *take_unit(const char **text, const struct unit *units, size_t count)
{
	size_t length = 0;
	while (isalpha((unsigned char)(*text)[length]))
		length++;
	for (size_t i = 0; i < count; i++) {
		if (strlen(units[i].name) == length && strncasecmp(units[i].name, *text, length) == 0) {
			*text += length;
			*text += strspn(*text, " ");
			return &units[i];
		}
	}
	return NULL;
}

/* As coreutils has it: G and GiB are 1024^3, GB is 1000^3. */
static const struct unit byte_units[] = {
	{"", 1},
	{"B", 1},
	{"K", 0x1p10},
	{"KiB", 0x1p10},
	{"KB", 1e3},
	{"M", 0x1p20},
	{"MiB", 0x1p20},
	{"MB", 1e6},
	{"G", 0x1p30},
	{"GiB", 0x1p30},
	{"GB", 1e9},
	{"T", 0x1p40},
	{"TiB", 0x1p40},
	{"TB", 1e12},
	{"P", 0x1p50},
	{"PiB", 0x1p50},
	{"PB", 1e15},
};

bool text_to_bytes(const char *text, uint64_t *out)
{
	int64_t whole;
	if (isdigit((unsigned char)*text) && text_to_int64(text, &whole)) { /* exact, where a double would round */
		*out = (uint64_t)whole;
		return true;
	}
	double amount;
	if (!take_amount(&text, &amount))
		return false;
	const struct unit *unit = take_unit(&text, byte_units, sizeof byte_units / sizeof *byte_units);
	if (!unit || *text || amount * unit->factor >= 0x1p63)
		return false;
	*out = (uint64_t)(amount * unit->factor);
	return true;
}

static const struct unit time_units[] = {
	{"ms", 1e-3},   {"s", 1},         {"sec", 1},    {"second", 1},    {"seconds", 1},   {"m", 60},
	{"min", 60},    {"minute", 60},   {"minutes", 60}, {"h", 3600},    {"hour", 3600},   {"hours", 3600},
	{"d", 86400},   {"day", 86400},   {"days", 86400}, {"w", 604800},  {"week", 604800}, {"weeks", 604800},
};

bool text_to_seconds(const char *text, double *out)
{
	double total = 0, smallest = INFINITY;
	if (text_to_double(text, &total) && isdigit((unsigned char)*text)) {
		*out = total;
		return true;
	}
	total = 0;
	do {
		double amount;
		if (!take_amount(&text, &amount))
			return false;
		const struct unit *unit = take_unit(&text, time_units, sizeof time_units / sizeof *time_units);
		if (!unit || unit->factor >= smallest) /* "1h30m", not "30m1h" or "1h1h" */
			return false;
		smallest = unit->factor;
		total += amount * unit->factor;
	} while (*text);
	*out = total;
	return true;
}

const char *text_bytes(uint64_t bytes, char out[TEXT_NUMBER_MAX])
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t unit = 0;
	while (value >= 1024 && unit + 1 < sizeof names / sizeof *names) {
		value /= 1024;
		unit++;
	}
	if (unit == 0)
		snprintf(out, TEXT_NUMBER_MAX, "%" PRIu64 " B", bytes);
	else {
		locale_t before = uselocale(plain_locale());
		snprintf(out, TEXT_NUMBER_MAX, value < 99.95 ? "%.1f %s" : "%.0f %s", value, names[unit]);
		uselocale(before);
	}
	return out;
}

const char *text_seconds(double seconds, char out[TEXT_NUMBER_MAX])
{
	if (!isfinite(seconds) || seconds < 0 || seconds > 1e14) {
		snprintf(out, TEXT_NUMBER_MAX, "unknown");
		return out;
	}
	if (seconds < 9.95) {
		int tenths = (int)(seconds * 10 + 0.5);
		snprintf(out, TEXT_NUMBER_MAX, tenths % 10 ? "%d.%d s" : "%d s", tenths / 10, tenths % 10);
		return out;
	}
	int64_t whole = (int64_t)(seconds + 0.5);
	if (whole < 60)
		snprintf(out, TEXT_NUMBER_MAX, "%d s", (int)whole);
	else if (whole < 3600)
		snprintf(out, TEXT_NUMBER_MAX, "%d min %02d s", (int)(whole / 60), (int)(whole % 60));
	else if ((whole + 30) / 60 < 24 * 60)
		snprintf(out, TEXT_NUMBER_MAX, "%d h %02d min", (int)((whole + 30) / 3600), (int)((whole + 30) / 60 % 60));
	else
		snprintf(out, TEXT_NUMBER_MAX, "%" PRId64 " d %02d h", (whole + 1800) / 86400, (int)((whole + 1800) / 3600 % 24));
	return out;
}

const char *text_count(int64_t count, char out[TEXT_NUMBER_MAX])
{
	char digits[24];
	int length = snprintf(digits, sizeof digits, "%" PRIu64, count < 0 ? 0 - (uint64_t)count : (uint64_t)count);
	char *to = out;
	if (count < 0)
		*to++ = '-';
	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}
