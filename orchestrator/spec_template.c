/* The file that `orch init` writes: a campaign that runs as it stands, with the other keys beside it as comments. */
#include "engines/model/engine.h"
#include "orchestrator/spec.h"
#include "storage/base/json.h"

/* Between quotes, as JSON has them: that is YAML, too. The comment after it begins at a fixed column where there is room. */
static void add_quoted(struct text_buf *out, const char *key, const char *text, const char *comment)
{
	size_t begin = out->length;
	json_t *value = json_string(text);

	text_add(out, key);
	if (value)
		json_write(value, JSON_STYLE_LINE, out);
	else
		text_add(out, "\"\""); /* not UTF-8: the loader will ask for it */
	json_decref(value);
	while (comment && out->length - begin < 34)
		text_add(out, " ");
	if (comment)
		text_addf(out, "  # %s", comment);
	text_add(out, "\n");
}

static void add_engines(struct text_buf *out)
{
	text_add(out, "model:\n  engine: xgboost                   #");
	for (size_t e = 0, shown = 0; engine_table[e]; e++)
		if (!engine_table[e]->needs_permission && !engine_table[e]->unavailable)
			text_addf(out, "%s %s", shown++ ? " |" : "", engine_table[e]->name);
	text_add(out, "; their parameters stand here\n");
}

char *spec_template(const char *name, const char *source, const char *target)
{
	struct text_buf out = {0};

	text_add(&out, "# yaml-language-server: $schema=campaign.schema.json\n"
	               "# A campaign of orch: `orch plan` counts what it would do, `orch start` runs it, `orch schema --keys` lists all keys.\n");
	add_quoted(&out, "name: ", name, NULL);
	text_add(&out, "data:\n");
	add_quoted(&out, "  source: ", source ? source : "data.csv", "csv, tsv, parquet, json, jsonl, also .gz and .zst");
	add_quoted(&out, "  target: ", target ? target : "y", "the column to predict");
	text_add(&out, "  # id: row_id                      # carried into predictions; never a feature\n"
	               "  # exclude: [column]               # no features\n"
	               "  # features: {ratio: a / b}        # SQL over the columns\n"
	               "  # categories: {size: [S, M, L]}   # ordered, lowest first\n"
	               "  missing: keep                     # keep | mean | median | drop | error\n"
	               "split:\n"
	               "  holdout: 0.15                     # seen by no search and no selection\n"
	               "  folds: {kind: kfold, k: 5}        # kfold | group | time | column; the last three need by: column\n"
	               "seed: 42\n"
	               "# metric: rmse                      # without it: rmse or logloss, as the target is\n");
	add_engines(&out);
	text_add(&out, "hpo:\n"
	               "  sampler: grid                     # all combinations of the lists; or random, with ranges and trials: N\n"
	               "  space:\n"
	               "    trees: [50, 100, 200]           # one training answers all three\n"
	               "    max_depth: [4, 6]\n"
	               "    learning_rate: [0.1, 0.3]\n"
	               "lofo:\n"
	               "  enabled: true                     # the importance of each feature: the score without it\n"
	               "  # groups: {position: [x, y, z]}   # left out together; groups: auto finds what is correlated\n"
	               "rfe:\n"
	               "  drop: 1                           # features a round; or \"10%\"\n"
	               "  min_features: 3\n"
	               "  max_rounds: 4\n"
	               "  choose: one_se                    # best | one_se | {tolerance: 0.01}\n"
	               "limits: {configurations: 5000, hours: 24, disk: 50GiB}   # the plan is refused above these\n");
	return text_take(&out);
}
