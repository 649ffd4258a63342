#include "engines/param.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"

const struct param_def *param_find(const struct param_def *table, const char *name)
{
	for (; table && table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	return NULL;
}

static bool is_choice(const char *choices, const json_t *value)
{
	const char *word = json_string_value(value);
	size_t length = word ? strlen(word) : 0;

	if (!length || strchr(word, ' '))
		return false;
	for (const char *at = choices; at && (at = strstr(at, word)); at += length)
		if ((at == choices || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
			return true;
	return false;
}

static bool in_range(const struct param_def *def, const json_t *value)
{
	double number = json_number_value(value);

	if (!json_is_number(value) || !isfinite(number))
		return false;
	if (def->low > def->high)
		return true;
	return number >= def->low && number <= def->high && !(def->low_open && number == def->low);
}

static void add_choices(const char *choices, struct text_buf *out)
{
	for (const char *at = choices; *at; at += strspn(at, " ")) {
		size_t length = strcspn(at, " ");

		text_addf(out, "%s%.*s", at > choices ? ", " : "", (int)length, at);
		at += length;
	}
}

/* "a number above 0 and at most 1", "an integer of at least 1", "true or false". */
static void allowed(const struct param_def *def, struct text_buf *out)
{
	bool integer = def->kind == PARAM_INT || def->kind == PARAM_INT_OR_NULL;
	bool lower = def->low <= def->high && def->low > -1e300, upper = def->low <= def->high && def->high < 1e15;

	if (def->kind == PARAM_BOOL) {
		text_add(out, "true or false");
		return;
	}
	if (def->kind == PARAM_CHOICE) {
		text_add(out, "one of ");
		add_choices(def->choices, out);
		return;
	}
	text_add(out, integer ? "an integer" : "a number");
	if (lower)
		text_addf(out, " %s %.15g", def->low_open ? "above" : "of at least", def->low);
	if (upper)
		text_addf(out, "%s at most %.15g", lower ? " and" : " of", def->high);
	if (def->kind == PARAM_INT_OR_NULL)
		text_add(out, ", or null");
	if (def->kind == PARAM_REAL_OR_CHOICE) {
		text_add(out, ", or one of ");
		add_choices(def->choices, out);
	}
}

int param_check(const struct param_def *def, const json_t *value, struct orch_err *err)
{
	struct text_buf want = {0};
	bool good = false;
	char *is;
	int code;

	switch (def->kind) {
	case PARAM_REAL:
		good = in_range(def, value);
		break;
	case PARAM_INT:
		good = json_is_integer(value) && in_range(def, value);
		break;
	case PARAM_INT_OR_NULL:
		good = json_is_null(value) || (json_is_integer(value) && in_range(def, value));
		break;
	case PARAM_BOOL:
		good = json_is_boolean(value);
		break;
	case PARAM_CHOICE:
		good = is_choice(def->choices, value);
		break;
	case PARAM_REAL_OR_CHOICE:
		good = in_range(def, value) || is_choice(def->choices, value);
		break;
	case PARAM_ANY:
		good = true;
	}
	if (good)
		return 0;
	allowed(def, &want);
	is = json_text(value, JSON_STYLE_LINE);
	code = orch_fail(err, ORCH_EINPUT, "%s must be %s, not %s", def->name, want.data, is);
	text_buf_release(&want);
	free(is);
	return code;
}
