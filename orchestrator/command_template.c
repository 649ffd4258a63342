#include <stdlib.h>
#include <string.h>

#include "orchestrator/command_parts.h"

struct words {
	char **list;
	size_t count;
	struct text_buf word;
	bool open; /* a word has begun, perhaps an empty quoted one */
};

static void end_word(struct words *words)
{
	char **grown;

	if (!words->open)
		return;
	grown = mem_array_grow(words->list, words->count + 2, sizeof *grown);
	if (!grown)
		orch_bug("out of memory for a command line");
	words->list = grown;
	words->list[words->count++] = text_take(&words->word);
	words->list[words->count] = NULL;
	words->open = false;
}

/* At '{': a placeholder, or a brace that stands for itself. Returns how many characters were taken. */
static size_t take_placeholder(struct words *words, const char *at, bool (*value)(const void *, const char *, struct text_buf *), const void *context, struct orch_err *err)
{
	size_t length = strcspn(at + 1, "{} \t\n");
	char name[128];

	if (at[1 + length] != '}' || !length || length >= sizeof name) {
		text_add_bytes(&words->word, at, 1);
		return 1;
	}
	memcpy(name, at + 1, length);
	name[length] = '\0';
	if (!value(context, name, &words->word))
		orch_fail(err, ORCH_EFIT, "model.run has the placeholder {%s}, which has no value in this trial", name);
	return length + 2;
}

int command_arguments(const char *run, bool (*value)(const void *context, const char *name, struct text_buf *out), const void *context, char ***argv, struct orch_err *err)
{
	struct words words = {0};
	struct orch_err why = {0};
	char quote = 0;

	for (const char *at = run; *at && !why.code;) {
		if (!quote && (*at == ' ' || *at == '\t' || *at == '\n')) {
			end_word(&words);
			at++;
			continue;
		}
		words.open = true;
		if (quote ? *at == quote : (*at == '\'' || *at == '"')) {
			quote = quote ? 0 : *at;
			at++;
		} else if (*at == '\\' && quote != '\'' && at[1]) {
			text_add_bytes(&words.word, at + 1, 1);
			at += 2;
		} else if (*at == '{') {
			at += take_placeholder(&words, at, value, context, &why);
		} else {
			text_add_bytes(&words.word, at++, 1);
		}
	}
	end_word(&words);
	if (!why.code && quote)
		orch_fail(&why, ORCH_EFIT, "model.run has a quote (%c) that is not closed", quote);
	if (!why.code && !words.count)
		orch_fail(&why, ORCH_EFIT, "model.run is empty");
	text_buf_release(&words.word);
	if (why.code) {
		command_arguments_release(words.list);
		return orch_fail(err, why.code, "%s", why.text);
	}
	*argv = words.list;
	return 0;
}

void command_arguments_release(char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
}

void command_add_shell(struct text_buf *out, char *const *argv)
{
	for (size_t i = 0; argv[i]; i++) {
		bool plain = argv[i][0] && strspn(argv[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%") == strlen(argv[i]);

		text_add(out, i ? " " : "");
		if (plain) {
			text_add(out, argv[i]);
			continue;
		}
		text_add(out, "'");
		for (const char *at = argv[i]; *at; at++)
			if (*at == '\'')
				text_add(out, "'\\''");
			else
				text_add_bytes(out, at, 1);
		text_add(out, "'");
	}
}
