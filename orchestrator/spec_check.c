#include "orchestrator/spec_check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"

#define KEYS_MAX 64

void spec_error(struct spec_check *check, const struct yaml_node *node, const char *format, ...)
{
	va_list arguments;
	char *text = NULL, *shown;
	size_t length;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		orch_bug("out of memory");
	va_end(arguments);
	shown = text_printable(text);
	check->errors++;
	if (node) {
		const char *line = spec_yaml_line(check->document, node->line, &length);

		text_addf(&check->report, "%s:%u:%u: %s\n", check->document->path, node->line, node->column, shown);
		if (line && length < 400) {
			text_addf(&check->report, "  %.*s\n  ", (int)length, line);
			for (unsigned i = 1; i < node->column && i <= length; i++)
				text_add(&check->report, line[i - 1] == '\t' ? "\t" : ((unsigned char)line[i - 1] & 0xc0) == 0x80 ? "" : " ");
			text_add(&check->report, check->color ? "\033[31m^\033[0m\n" : "^\n");
		}
	} else {
		text_addf(&check->report, "%s: %s\n", check->document->path, shown);
	}
	free(text);
	free(shown);
}

char *spec_suggestion(const char *word, const char *const *candidates, size_t count)
{
	const char *nearest = text_nearest(word, candidates, count);

	return nearest ? text_format("; did you mean \"%s\"?", nearest) : mem_text("");
}

/* ---- scalars ---- */

json_t *spec_scalar(const struct yaml_node *node)
{
	int64_t integer;
	double real;

	if (node->quoted)
		return json_string_nocheck(node->text);
	if (!node->text[0] || !strcmp(node->text, "null") || !strcmp(node->text, "~") || !strcmp(node->text, "Null") || !strcmp(node->text, "NULL"))
		return json_null();
	if (!strcmp(node->text, "true") || !strcmp(node->text, "True") || !strcmp(node->text, "TRUE"))
		return json_true();
	if (!strcmp(node->text, "false") || !strcmp(node->text, "False") || !strcmp(node->text, "FALSE"))
		return json_false();
	if (text_to_int64(node->text, &integer))
		return json_integer(integer);
	if (text_to_double(node->text, &real) && isfinite(real))
		return json_real(real);
	return json_string_nocheck(node->text);
}

bool spec_is_text(const struct spec_check *check, const struct yaml_node *node)
{
	(void)check;
	return node->kind == YAML_SCALAR && node->text[0] && (node->quoted || (strcmp(node->text, "null") && strcmp(node->text, "~")));
}

static const char *what_it_is(const struct yaml_node *node, char out[64])
{
	if (node->kind != YAML_SCALAR)
		return node->kind == YAML_LIST ? "a list" : "a mapping";
	snprintf(out, 64, "\"%.40s\"", node->text);
	return out;
}

static json_t *take_number(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node, bool integer)
{
	json_t *value = node->kind == YAML_SCALAR ? spec_scalar(node) : NULL;
	char low[TEXT_NUMBER_MAX], high[TEXT_NUMBER_MAX], is[64];
	bool right = integer ? json_is_integer(value) : json_is_number(value);

	if (right && json_number_value(value) >= key->low && json_number_value(value) <= key->high) {
		if (!integer && json_is_integer(value)) {
			double real = json_number_value(value);

			json_decref(value);
			return json_real(real);
		}
		return value;
	}
	snprintf(low, sizeof low, "%.15g", key->low);
	snprintf(high, sizeof high, "%.15g", key->high);
	spec_error(check, node, "%s must be %s from %s to %s, not %s", key->path, integer ? "an integer" : "a number", low, high, what_it_is(node, is));
	json_decref(value);
	return NULL;
}

static json_t *take_bool(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *value = node->kind == YAML_SCALAR ? spec_scalar(node) : NULL;
	char is[64];

	if (json_is_boolean(value)) {
		if (key->unavailable && json_is_true(value)) {
			spec_error(check, node, "%s: true is not available yet", key->path);
			return NULL;
		}
		return value;
	}
	spec_error(check, node, "%s must be true or false, not %s", key->path, what_it_is(node, is));
	json_decref(value);
	return NULL;
}

/* One of the space-separated words; *words gets pointers into *copy. */
static size_t split_words(const char *text, char **copy, const char **words, size_t capacity)
{
	size_t count = 0;
	char *save = NULL;

	*copy = mem_text(text ? text : "");
	for (char *word = strtok_r(*copy, " ", &save); word && count < capacity; word = strtok_r(NULL, " ", &save))
		words[count++] = word;
	return count;
}

static bool is_word_of(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = words; at && (at = strstr(at, word)); at += length)
		if ((at == words || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
			return true;
	return false;
}

static json_t *take_choice(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	const char *words[32];
	char *copy, *suggestion, is[64];
	size_t count;

	if (node->kind == YAML_SCALAR && node->text[0] && !strchr(node->text, ' ') && is_word_of(key->choices, node->text)) {
		if (!is_word_of(key->unavailable, node->text))
			return json_string(node->text);
		spec_error(check, node, "%s: %s is not available yet", key->path, node->text);
		return NULL;
	}
	count = split_words(key->choices, &copy, words, 32);
	suggestion = node->kind == YAML_SCALAR ? spec_suggestion(node->text, words, count) : mem_text("");
	spec_error(check, node, "%s must be one of: %s; not %s%s", key->path, key->choices, what_it_is(node, is), suggestion);
	free(suggestion);
	free(copy);
	return NULL;
}

static json_t *take_measure(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	bool bytes = key->kind == SPEC_BYTES, right;
	char low[TEXT_NUMBER_MAX], is[64];
	uint64_t size = 0;
	double seconds = 0;

	right = node->kind == YAML_SCALAR && (bytes ? text_to_bytes(node->text, &size) : text_to_seconds(node->text, &seconds));
	if (bytes)
		seconds = (double)size;
	if (right && seconds >= key->low && seconds <= key->high)
		return bytes ? json_integer((json_int_t)size) : json_real(seconds);
	spec_error(check, node, "%s must be %s, at least %s, not %s", key->path, bytes ? "a size like 8GiB" : "a duration like 1h or 90s",
	        bytes ? text_bytes((uint64_t)key->low, low) : text_seconds(key->low, low), what_it_is(node, is));
	return NULL;
}

json_t *spec_take_texts(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *list = json_array();
	size_t count = node->kind == YAML_LIST ? node->count : 1;
	bool good = true;

	for (size_t i = 0; i < count; i++) {
		const struct yaml_node *item = node->kind == YAML_LIST ? node->items[i] : node;

		if (!spec_is_text(check, item)) {
			spec_error(check, item, "%s takes a list of names", key->path);
			good = false;
			continue;
		}
		for (size_t j = 0; j < json_array_size(list); j++)
			if (!strcmp(json_string_value(json_array_get(list, j)), item->text)) {
				spec_error(check, item, "%s names \"%s\" twice", key->path, item->text);
				good = false;
			}
		json_array_append_new(list, json_string_nocheck(item->text));
	}
	if (good)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *take_text(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	char is[64];

	if (spec_is_text(check, node))
		return json_string_nocheck(node->text);
	spec_error(check, node, "%s must be a text, not %s", key->path, what_it_is(node, is));
	return NULL;
}

/* ---- sections ---- */

static json_t *take_section(struct spec_check *check, const char *section, const struct yaml_node *node);

static json_t *take_value(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	bool is_null = node->kind == YAML_SCALAR && !node->quoted && (!node->text[0] || !strcmp(node->text, "null") || !strcmp(node->text, "~"));

	if (is_null && key->kind != SPEC_SECTION && key->fallback && !strcmp(key->fallback, "null"))
		return json_null();
	if (key->unavailable && !strcmp(key->unavailable, "*")) {
		spec_error(check, node, "%s is not available yet", key->path);
		return NULL;
	}
	switch (key->kind) {
	case SPEC_SECTION:
		return take_section(check, key->path, node);
	case SPEC_TEXT:
		return take_text(check, key, node);
	case SPEC_TEXTS:
		return spec_take_texts(check, key, node);
	case SPEC_INT:
		return take_number(check, key, node, true);
	case SPEC_INT_OR_AUTO:
		return node->kind == YAML_SCALAR && !strcmp(node->text, "auto") ? json_string("auto") : take_number(check, key, node, true);
	case SPEC_REAL:
		return take_number(check, key, node, false);
	case SPEC_BOOL:
		return take_bool(check, key, node);
	case SPEC_CHOICE:
		return take_choice(check, key, node);
	case SPEC_BYTES:
	case SPEC_SECONDS:
		return take_measure(check, key, node);
	default:
		return key->take(check, key, node);
	}
}

static json_t *default_of(const struct spec_key *key)
{
	json_t *value = NULL;

	if (key->kind == SPEC_SECTION)
		return NULL;
	if (json_parse(key->fallback, strlen(key->fallback), key->path, &value, NULL))
		orch_bug("the default of %s is no JSON", key->path);
	return value;
}

static void refuse_unknown(struct spec_check *check, const char *section, const struct yaml_node *node)
{
	const char *names[KEYS_MAX];
	size_t count = spec_keys_below(section, names, KEYS_MAX);

	for (size_t i = 0; node && i < node->count; i++)
		if (!spec_key_find(section, node->keys[i]->text)) {
			char *suggestion = spec_suggestion(node->keys[i]->text, names, count);

			spec_error(check, node->keys[i], "there is no key \"%s\"%s%s%s", node->keys[i]->text, section[0] ? " in " : "", section, suggestion);
			free(suggestion);
		}
}

static json_t *take_section(struct spec_check *check, const char *section, const struct yaml_node *node)
{
	const char *names[KEYS_MAX];
	size_t count = spec_keys_below(section, names, KEYS_MAX);
	json_t *object = json_object();
	char is[64];

	if (node && node->kind == YAML_SCALAR && !node->text[0])
		node = NULL; /* "rfe:" with nothing below */
	if (node && node->kind != YAML_MAP) {
		spec_error(check, node, "%s must be a mapping of keys, not %s", section[0] ? section : "a campaign file", what_it_is(node, is));
		return object;
	}
	refuse_unknown(check, section, node);
	for (size_t i = 0; i < count; i++) {
		const struct spec_key *key = spec_key_find(section, names[i]);
		const struct yaml_node *child = spec_yaml_get(node, names[i]);
		json_t *value = NULL;

		if (child) {
			value = take_value(check, key, child);
		} else if (!key->fallback) {
			spec_error(check, node && node->line ? node : NULL, "%s is missing: %s", key->path, key->help);
		} else {
			value = key->kind == SPEC_SECTION ? take_section(check, key->path, NULL) : default_of(key);
		}
		json_object_set_new(object, names[i], value ? value : json_null());
	}
	return object;
}

json_t *spec_check_all(struct spec_check *check)
{
	const struct yaml_node *root = check->document->root;
	json_t *resolved;

	if (!root || (root->kind == YAML_SCALAR && !root->text[0])) {
		spec_error(check, NULL, "the file is empty; `orch init` writes a campaign to start from");
		return NULL;
	}
	if (root->kind != YAML_MAP) {
		spec_error(check, root, "a campaign file is a mapping of keys (data:, model:, ...), not %s", root->kind == YAML_LIST ? "a list" : "a single value");
		return NULL;
	}
	resolved = take_section(check, "", root);
	spec_check_together(check, resolved);
	if (!check->errors)
		return resolved;
	json_decref(resolved);
	return NULL;
}
