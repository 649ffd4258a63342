/* spec_yaml: a YAML (or JSON) file as a small tree that knows where everything stood. The adapter of libfyaml: its types stop here.
 * Built from the parser's events, so every node has line and column. Aliases are copied by reference and counted: a document that unfolds to more than
 * SPEC_YAML_NODES nodes (a YAML bomb) is refused, as are files above SPEC_YAML_BYTES, more than 10,000 keys in a mapping, more than 64 levels, duplicate keys,
 * several documents, tags, bad UTF-8. Lines and columns count from 1, columns in characters.
 * Everything lives in the document's arena until release. */
#ifndef ORCHESTRATOR_SPEC_YAML_H
#define ORCHESTRATOR_SPEC_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "storage/base/err.h"
#include "storage/base/mem.h"

#define SPEC_YAML_NODES 200000
#define SPEC_YAML_BYTES (16u << 20)

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };
struct yaml_node {
	enum yaml_kind kind;
	const char *text; /* of a scalar */
	bool quoted;      /* a quoted scalar is a text, whatever it looks like */
	unsigned line, column; /* from 1 */
	size_t count;
	struct yaml_node **items; /* of a list or map */
	struct yaml_node **keys;  /* of a map: scalars */
	size_t weight;            /* nodes it unfolds to */
};
struct yaml_document {
	const char *path;
	char *source;
	struct yaml_node *root; /* NULL: the file is empty */
	struct arena arena;
};
/* ORCH_EINPUT with line and column in *line, *column (0: none). *out is set for an error in the text, too, so that its lines can be shown; release it. */
int spec_yaml_read(const char *path, struct yaml_document *out, unsigned *line, unsigned *column, struct orch_err *err);
void spec_yaml_release(struct yaml_document *document);
const struct yaml_node *spec_yaml_get(const struct yaml_node *map, const char *key); /* NULL: none */
/* Line number `line` of the source without its newline; *length 0 past the end. */
const char *spec_yaml_line(const struct yaml_document *document, unsigned line, size_t *length);

#endif
