#include "orchestrator/spec_yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/text.h"

#define DEPTH_MAX 64
#define KEYS_MAX 10000 /* of one mapping: they are compared with one another */

struct anchor {
	const char *name;
	struct yaml_node *node;
	struct anchor *next;
};
struct reader {
	struct yaml_document *document;
	struct fy_parser *parser;
	struct fy_diag *diag;
	struct anchor *anchors;
	size_t depth;
	struct fy_mark last; /* of the node that began last */
	char said[256];      /* what libfyaml would have printed */
	unsigned *line, *column;
	struct orch_err *err;
};

static int fail_at(struct reader *reader, const struct fy_mark *mark, const char *text)
{
	if (mark && !*reader->line) {
		*reader->line = (unsigned)mark->line + 1;
		*reader->column = (unsigned)mark->column + 1;
	}
	return orch_fail(reader->err, ORCH_EINPUT, "%s", text);
}

/* Some errors are neither collected nor placed, only printed: they come here instead of on stderr. */
static void hear(struct fy_diag *diag, void *user, const char *text, size_t length)
{
	struct reader *reader = user;

	(void)diag;
	if (!reader->said[0])
		snprintf(reader->said, sizeof reader->said, "%.*s", (int)length, text);
}

static int fail_unplaced(struct reader *reader)
{
	const char *said = strncmp(reader->said, "[ERR]: ", 7) ? reader->said : reader->said + 7;
	char *text = text_format("not YAML somewhere after this%s%.*s", said[0] ? ": " : "", (int)strcspn(said, "\n"), said);
	int code = fail_at(reader, &reader->last, text);

	free(text);
	return code;
}

/* What libfyaml collected; only its first word counts, the rest follows from it. */
static int fail_syntax(struct reader *reader)
{
	void *previous = NULL;
	const struct fy_diag_error *error = fy_diag_errors_iterate(reader->diag, &previous);
	struct fy_mark mark = {0};

	if (!error)
		return fail_unplaced(reader);
	mark.line = error->line > 0 ? error->line - 1 : 0;
	mark.column = error->column > 0 ? error->column - 1 : 0;
	return fail_at(reader, &mark, error->msg);
}

static void *must(void *block)
{
	if (!block)
		orch_bug("out of memory");
	return block;
}

static char *token_text(struct reader *reader, struct fy_token *token)
{
	size_t length = 0;
	const char *text = token ? fy_token_get_text(token, &length) : NULL;
	char *copy = must(arena_alloc(&reader->document->arena, length + 1, 1));

	if (text)
		memcpy(copy, text, length);
	return copy;
}

static struct yaml_node *new_node(struct reader *reader, enum yaml_kind kind, struct fy_event *event)
{
	struct yaml_node *node = must(arena_alloc(&reader->document->arena, 1, sizeof *node));
	const struct fy_mark *mark = fy_event_start_mark(event);

	node->kind = kind;
	node->weight = 1;
	if (mark) {
		reader->last = *mark;
		node->line = (unsigned)mark->line + 1;
		node->column = (unsigned)mark->column + 1;
	}
	return node;
}

static void add_anchor(struct reader *reader, struct fy_event *event, struct yaml_node *node)
{
	struct fy_token *token = fy_event_get_anchor_token(event);
	struct anchor *anchor;

	if (!token)
		return;
	anchor = must(arena_alloc(&reader->document->arena, 1, sizeof *anchor));
	anchor->name = token_text(reader, token);
	anchor->node = node;
	anchor->next = reader->anchors;
	reader->anchors = anchor;
}

static int take_alias(struct reader *reader, struct fy_event *event, struct yaml_node **out)
{
	const char *name = token_text(reader, fy_event_get_token(event));
	char *text;
	int code;

	for (struct anchor *anchor = reader->anchors; anchor; anchor = anchor->next)
		if (!strcmp(anchor->name, name) && anchor->node->weight) {
			*out = anchor->node;
			return 0;
		}
	text = text_format("there is no anchor \"&%s\" before this alias", name);
	code = fail_at(reader, fy_event_start_mark(event), text);
	free(text);
	return code;
}

static int read_node(struct reader *reader, struct fy_event *event, struct yaml_node **out);

/* Lists are grown by doubling inside the arena: what is left behind is freed with it. */
static void push(struct reader *reader, struct yaml_node ***list, size_t count, struct yaml_node *node)
{
	if ((count & (count - 1)) == 0) {
		struct yaml_node **grown = must(arena_alloc(&reader->document->arena, count ? 2 * count : 1, sizeof *grown));

		if (count)
			memcpy(grown, *list, count * sizeof *grown);
		*list = grown;
	}
	(*list)[count] = node;
}

static int refuse_duplicate(struct reader *reader, const struct yaml_node *map, const struct yaml_node *key, const struct fy_mark *mark)
{
	for (size_t i = 0; i < map->count; i++)
		if (!strcmp(map->keys[i]->text, key->text)) {
			char *text = text_format("the key \"%s\" is here twice; it is on line %u already", key->text, map->keys[i]->line);
			int code = fail_at(reader, mark, text);

			free(text);
			return code;
		}
	return 0;
}

static int read_children(struct reader *reader, struct yaml_node *node, enum fy_event_type end)
{
	struct yaml_node *key = NULL;
	int code = 0;

	for (;;) {
		struct fy_event *event = fy_parser_parse(reader->parser);
		struct yaml_node *child = NULL;

		if (!event)
			return fail_syntax(reader);
		if (event->type == end) {
			fy_parser_event_free(reader->parser, event);
			return 0;
		}
		code = read_node(reader, event, &child);
		if (!code && end == FYET_MAPPING_END && !key) {
			key = child;
			code = key->kind != YAML_SCALAR ? fail_at(reader, fy_event_start_mark(event), "a key must be a plain word here") :
			                                  refuse_duplicate(reader, node, key, fy_event_start_mark(event));
		} else if (!code) {
			if (key && !child->line) { /* a value that is not there stands where its key does */
				child->line = key->line;
				child->column = key->column;
			}
			if (key)
				push(reader, &node->keys, node->count, key);
			push(reader, &node->items, node->count++, child);
			node->weight += child->weight + (key != NULL);
			if (key && node->count > KEYS_MAX)
				code = fail_at(reader, fy_event_start_mark(event), "more than 10,000 keys in one mapping");
			key = NULL;
			if (node->weight > SPEC_YAML_NODES)
				code = fail_at(reader, fy_event_start_mark(event), "the file unfolds to more than 200,000 values (a YAML bomb?)");
		}
		fy_parser_event_free(reader->parser, event);
		if (code)
			return code;
	}
}

/* The event stays the caller's. A node's weight is 0 while it is read, so that it cannot contain itself. */
static int read_node(struct reader *reader, struct fy_event *event, struct yaml_node **out)
{
	struct yaml_node *node;
	bool map = event->type == FYET_MAPPING_START;
	int code;

	if (event->type != FYET_ALIAS && fy_event_get_tag_token(event))
		return fail_at(reader, fy_token_start_mark(fy_event_get_tag_token(event)), "tags like !!str are not understood; put a value in quotes to make it a text");
	switch (event->type) {
	case FYET_ALIAS:
		return take_alias(reader, event, out);
	case FYET_SCALAR:
		node = new_node(reader, YAML_SCALAR, event);
		node->text = token_text(reader, fy_event_get_token(event));
		node->quoted = fy_event_get_token(event) && fy_event_get_node_style(event) != FYNS_PLAIN; /* no token: "key:" with nothing after it */
		if (fy_event_get_token(event) && strlen(node->text) != fy_token_get_text_length(fy_event_get_token(event)))
			return fail_at(reader, fy_event_start_mark(event), "a text may not hold a NUL byte");
		if (!text_is_utf8(node->text, strlen(node->text)))
			return fail_at(reader, fy_event_start_mark(event), "this text is not valid UTF-8");
		add_anchor(reader, event, node);
		*out = node;
		return 0;
	case FYET_MAPPING_START:
	case FYET_SEQUENCE_START:
		if (++reader->depth > DEPTH_MAX)
			return fail_at(reader, fy_event_start_mark(event), "nested too deeply (64 levels at most)");
		node = new_node(reader, map ? YAML_MAP : YAML_LIST, event);
		code = read_children(reader, node, map ? FYET_MAPPING_END : FYET_SEQUENCE_END);
		reader->depth--;
		if (code)
			return code;
		add_anchor(reader, event, node); /* after its content: it cannot contain itself */
		*out = node;
		return 0;
	default:
		return fail_at(reader, fy_event_start_mark(event), "this is not expected here");
	}
}

static int read_document(struct reader *reader)
{
	unsigned documents = 0;
	int code = 0;

	for (;;) {
		struct fy_event *event = fy_parser_parse(reader->parser);

		if (!event)
			return fy_parser_get_stream_error(reader->parser) || fy_diag_got_error(reader->diag) ? fail_syntax(reader) : 0;
		if (event->type == FYET_DOCUMENT_START && ++documents > 1)
			code = fail_at(reader, fy_event_start_mark(event), "a second document begins here (---); a campaign file holds one");
		else if (event->type == FYET_SCALAR || event->type == FYET_MAPPING_START || event->type == FYET_SEQUENCE_START || event->type == FYET_ALIAS)
			code = read_node(reader, event, &reader->document->root);
		fy_parser_event_free(reader->parser, event);
		if (code)
			return code;
	}
}

static int parse(struct yaml_document *document, size_t length, unsigned *line, unsigned *column, struct orch_err *err)
{
	struct fy_diag_cfg diag_cfg;
	struct reader reader = {.document = document, .line = line, .column = column, .err = err};
	struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG};
	int code;

	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	diag_cfg.output_fn = hear;
	diag_cfg.user = &reader;
	diag_cfg.colorize = false;
	reader.diag = must(fy_diag_create(&diag_cfg));
	fy_diag_set_collect_errors(reader.diag, true);
	cfg.diag = reader.diag;
	reader.parser = must(fy_parser_create(&cfg));
	code = fy_parser_set_string(reader.parser, document->source, length) ? orch_fail(err, ORCH_ENOMEM, "no memory to read YAML") : read_document(&reader);
	fy_parser_destroy(reader.parser);
	fy_diag_reset_error(reader.diag); /* what it collected is not freed with it */
	fy_diag_unref(reader.diag);
	return code;
}

/* What a person can do something about is theirs (ORCH_EINPUT); a disk that fails is not. */
static int read_source(struct yaml_document *document, size_t *length, struct orch_err *err)
{
	struct orch_err why = {0};
	int code = file_read(document->path, SPEC_YAML_BYTES, &document->source, length, &why);

	if (code == ORCH_EMISSING)
		return orch_fail(err, ORCH_EINPUT, "there is no such file; `orch init` writes one");
	if (code == ORCH_EINPUT && file_is_folder(document->path))
		return orch_fail(err, ORCH_EINPUT, "this is a folder; a campaign file is needed");
	if (code == ORCH_EINPUT)
		return orch_fail(err, ORCH_EINPUT, "the file is larger than %u MiB: this is no campaign file", SPEC_YAML_BYTES >> 20);
	if (code && (why.sys == EACCES || why.sys == EPERM || why.sys == ELOOP || why.sys == ENAMETOOLONG))
		return orch_fail(err, ORCH_EINPUT, "the file cannot be read: %s", strerror(why.sys));
	return code ? orch_fail(err, code, "%s", why.text) : 0;
}

/* Where the bytes stop being UTF-8: character by character up to there. */
static void find_bad_byte(const char *source, size_t length, unsigned *line, unsigned *column)
{
	size_t at = 0, step;

	*line = *column = 1;
	while (at < length) {
		for (step = 1; step <= 4 && !(at + step <= length && text_is_utf8(source + at, step)); step++)
			;
		if (step > 4)
			return;
		*column = source[at] == '\n' ? 1 : *column + 1;
		*line += source[at] == '\n';
		at += step;
	}
}

int spec_yaml_read(const char *path, struct yaml_document *out, unsigned *line, unsigned *column, struct orch_err *err)
{
	size_t length = 0;
	int code;

	*out = (struct yaml_document){.path = path};
	*line = *column = 0;
	code = read_source(out, &length, err);
	if (code)
		return code;
	if (memchr(out->source, 0, length))
		return orch_fail(err, ORCH_EINPUT, "the file holds NUL bytes: it is no text file");
	if (!text_is_utf8(out->source, length)) {
		find_bad_byte(out->source, length, line, column);
		return orch_fail(err, ORCH_EINPUT, "the file is not UTF-8 from here on; save it as UTF-8");
	}
	return parse(out, length, line, column, err);
}

void spec_yaml_release(struct yaml_document *document)
{
	free(document->source);
	arena_release(&document->arena);
	*document = (struct yaml_document){0};
}

const struct yaml_node *spec_yaml_get(const struct yaml_node *map, const char *key)
{
	for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++)
		if (!strcmp(map->keys[i]->text, key))
			return map->items[i];
	return NULL;
}

const char *spec_yaml_line(const struct yaml_document *document, unsigned line, size_t *length)
{
	const char *at = document->source;

	for (unsigned n = 1; at && n < line; n++) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	*length = at ? strcspn(at, "\r\n") : 0;
	return at;
}
