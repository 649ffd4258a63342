#include "orchestrator/spec_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"

#define KEYS_MAX 64

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

bool spec_is_nothing(const struct yaml_node *node)
{
	json_t *value = node->kind == YAML_SCALAR ? spec_scalar(node) : NULL;
	bool nothing = json_is_null(value);

	json_decref(value);
	return nothing;
}

bool spec_is_text(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && node->text[0] && !spec_is_nothing(node);
}

const char *spec_what_it_is(const struct yaml_node *node, char out[SPEC_WHAT_MAX])
{
	bool plain, cut;
	double number;
	int length;

	if (node->kind != YAML_SCALAR)
		return node->kind == YAML_LIST ? "a list" : "a mapping";
	if (spec_is_nothing(node))
		return "nothing";
	plain = !node->quoted && text_to_double(node->text, &number);
	cut = strlen(node->text) > 60;
	for (length = cut ? 60 : (int)strlen(node->text); cut && length > 0 && ((unsigned char)node->text[length] & 0xc0) == 0x80; length--)
		;
	snprintf(out, SPEC_WHAT_MAX, plain ? "%s%.*s%s%s" : "%s\"%.*s%s%s", node->quoted ? "the text " : "", length, node->text, cut ? "..." : "", plain ? "" : "\"");
	return out;
}

/* An end of a range as people read it. */
static const char *bound(double value, char out[TEXT_NUMBER_MAX])
{
	snprintf(out, TEXT_NUMBER_MAX, value == floor(value) && fabs(value) <= 1e18 ? "%.0f" : "%.15g", value);
	return out;
}

static json_t *take_number(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node, bool integer)
{
	json_t *value = node->kind == YAML_SCALAR ? spec_scalar(node) : NULL;
	char low[TEXT_NUMBER_MAX], high[TEXT_NUMBER_MAX], is[SPEC_WHAT_MAX];
	double number = json_number_value(value);

	if ((integer ? json_is_integer(value) : json_is_number(value)) && number >= key->low && number <= key->high) {
		if (integer)
			return value;
		json_decref(value);
		return json_real(number);
	}
	spec_error(check, node, "%s must be %s from %s to %s%s, not %s", key->path, integer ? "an integer" : "a number", bound(key->low, low), bound(key->high, high),
	        key->kind == SPEC_INT_OR_AUTO ? ", or auto" : "", spec_what_it_is(node, is));
	json_decref(value);
	return NULL;
}

static json_t *take_bool(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *value = node->kind == YAML_SCALAR ? spec_scalar(node) : NULL;
	char is[SPEC_WHAT_MAX];

	if (json_is_boolean(value)) {
		if (key->unavailable && json_is_true(value)) {
			spec_error(check, node, "%s: true is not available yet", key->path);
			return NULL;
		}
		return value;
	}
	spec_error(check, node, "%s must be true or false, not %s", key->path, spec_what_it_is(node, is));
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

/* "; available: grid, random": the choices that are there. */
static char *available_choices(const struct spec_key *key)
{
	const char *words[32];
	char *copy;
	size_t count = split_words(key->choices, &copy, words, 32);
	struct text_buf out = {0};

	for (size_t i = 0; i < count; i++)
		if (!is_word_of(key->unavailable, words[i]))
			text_addf(&out, "%s%s", out.length ? ", " : "", words[i]);
	free(copy);
	return text_take(&out);
}

static json_t *take_choice(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	const char *words[32];
	char *copy, *suggestion, *there, is[SPEC_WHAT_MAX];
	size_t count;
	bool known = node->kind == YAML_SCALAR && node->text[0] && !strchr(node->text, ' ') && is_word_of(key->choices, node->text);

	if (known && !is_word_of(key->unavailable, node->text))
		return json_string(node->text);
	count = split_words(key->choices, &copy, words, 32);
	there = available_choices(key);
	suggestion = node->kind == YAML_SCALAR ? spec_suggestion(node->text, words, count) : mem_text("");
	if (known)
		spec_error(check, node, "%s: %s is not available yet; available: %s", key->path, node->text, there);
	else
		spec_error(check, node, "%s must be one of %s, not %s%s", key->path, there, spec_what_it_is(node, is), suggestion);
	free(suggestion);
	free(there);
	free(copy);
	return NULL;
}

static json_t *take_measure(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	bool bytes = key->kind == SPEC_BYTES, right;
	char low[TEXT_NUMBER_MAX], high[TEXT_NUMBER_MAX], is[SPEC_WHAT_MAX];
	uint64_t size = 0;
	double seconds = 0;

	right = node->kind == YAML_SCALAR && (bytes ? text_to_bytes(node->text, &size) : text_to_seconds(node->text, &seconds));
	if (bytes)
		seconds = (double)size;
	if (right && seconds >= key->low && seconds <= key->high)
		return bytes ? json_integer((json_int_t)size) : json_real(seconds);
	if (bytes)
		spec_error(check, node, "%s must be a size like 8GiB, from %s to %s, not %s", key->path, text_bytes((uint64_t)key->low, low), text_bytes((uint64_t)key->high, high),
		        spec_what_it_is(node, is));
	else
		spec_error(check, node, "%s must be a duration like 1h or 90s, from %s to %s, not %s", key->path, text_seconds(key->low, low), text_seconds(key->high, high),
		        spec_what_it_is(node, is));
	return NULL;
}

json_t *spec_take_texts(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *list = json_array(), *seen = json_object();
	size_t count = node->kind == YAML_LIST ? node->count : 1;
	unsigned before = check->errors;
	char is[SPEC_WHAT_MAX];

	for (size_t i = 0; i < count; i++) {
		const struct yaml_node *item = node->kind == YAML_LIST ? node->items[i] : node;

		if (!spec_is_text(item))
			spec_error(check, item, "%s takes names, not %s", key->path, spec_what_it_is(item, is));
		else if (json_object_get(seen, item->text))
			spec_error(check, item, "%s names \"%s\" twice", key->path, item->text);
		else
			json_array_append_new(list, json_string_nocheck(item->text));
		if (item->kind == YAML_SCALAR)
			json_object_set_new_nocheck(seen, item->text, json_true());
	}
	json_decref(seen);
	if (check->errors == before)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *take_text(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	char is[SPEC_WHAT_MAX];

	if (spec_is_text(node))
		return json_string_nocheck(node->text);
	spec_error(check, node, "%s must be a text, not %s", key->path, spec_what_it_is(node, is));
	return NULL;
}

/* ---- sections ---- */

static json_t *take_section(struct spec_check *check, const char *section, const struct yaml_node *node);

static json_t *take_value(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	if (spec_is_nothing(node) && key->kind != SPEC_SECTION && key->fallback && !strcmp(key->fallback, "null"))
		return json_null();
	if (key->unavailable && !strcmp(key->unavailable, "*") && key->kind != SPEC_OWN) {
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

/* A key that is right elsewhere: where it belongs. NULL: nowhere. */
static const struct spec_key *key_elsewhere(const char *name)
{
	for (const struct spec_key *key = spec_keys; key->path; key++)
		if (strrchr(key->path, '.') && !strcmp(strrchr(key->path, '.') + 1, name))
			return key;
	return NULL;
}

static void refuse_key(struct spec_check *check, const char *section, const struct yaml_node *key)
{
	const char *names[KEYS_MAX];
	size_t count = spec_keys_below(section, names, KEYS_MAX);
	const struct spec_key *elsewhere = key_elsewhere(key->text);
	char *suggestion = spec_suggestion(key->text, names, count);

	if (!strcmp(key->text, "<<"))
		spec_error(check, key, "merge keys (<<) are not understood; an alias can stand for a whole value only");
	else if (!suggestion[0] && elsewhere)
		spec_error(check, key, "there is no key \"%s\"%s%s; it belongs below %.*s", key->text, section[0] ? " in " : " at the top", section,
		        (int)(strrchr(elsewhere->path, '.') - elsewhere->path), elsewhere->path);
	else
		spec_error(check, key, "there is no key \"%s\"%s%s%s", key->text, section[0] ? " in " : "", section, suggestion);
	free(suggestion);
}

bool spec_is_misspelt(const char *section, const char *name, const struct yaml_node *node)
{
	const char *names[KEYS_MAX], *nearest;
	size_t count = spec_keys_below(section, names, KEYS_MAX);

	for (size_t i = 0; node && node->kind == YAML_MAP && i < node->count; i++) {
		nearest = spec_key_find(section, node->keys[i]->text) ? NULL : text_nearest(node->keys[i]->text, names, count);
		if (nearest && !strcmp(nearest, name))
			return true;
	}
	return false;
}

static json_t *take_key(struct spec_check *check, const char *section, const char *name, const struct yaml_node *node, const struct yaml_node *place)
{
	const struct spec_key *key = spec_key_find(section, name);
	const struct yaml_node *child = spec_yaml_get(node, name);

	if (child)
		return take_value(check, key, child);
	if (key->fallback)
		return key->kind == SPEC_SECTION ? take_section(check, key->path, NULL) : spec_key_default(key);
	if (!spec_is_misspelt(section, name, node))
		spec_error(check, place, "%s is missing: %s", key->path, key->help);
	return NULL;
}

static json_t *take_section(struct spec_check *check, const char *section, const struct yaml_node *place)
{
	const char *names[KEYS_MAX];
	size_t count = spec_keys_below(section, names, KEYS_MAX);
	const struct yaml_node *node = place && spec_is_nothing(place) ? NULL : place; /* "rfe:" with nothing below */
	json_t *object = json_object();
	char is[SPEC_WHAT_MAX];

	if (node && node->kind != YAML_MAP) {
		spec_error(check, node, "%s must be a mapping of keys, not %s", section, spec_what_it_is(node, is));
		return object;
	}
	for (size_t i = 0; node && i < node->count; i++)
		if (!spec_key_find(section, node->keys[i]->text))
			refuse_key(check, section, node->keys[i]);
	for (size_t i = 0; i < count; i++) {
		json_t *value = take_key(check, section, names[i], node, place);

		json_object_set_new(object, names[i], value ? value : json_null());
	}
	return object;
}

json_t *spec_check_all(struct spec_check *check)
{
	const struct yaml_node *root = check->document->root;
	json_t *resolved;

	if (!root || spec_is_nothing(root)) {
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
