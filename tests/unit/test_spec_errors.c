/* What a person may write wrong in a campaign file, and exactly what they are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/metric/metric.h"
#include "engines/model/engine.h"
#include "orchestrator/spec.h"
#include "storage/base/file.h"
#include "storage/base/text.h"

#define DATA "data: {source: a.csv, target: y}\n"
#define MODEL "model: {engine: ridge}\n"
#define BASE DATA MODEL
#define RANDOM BASE "hpo: {sampler: random, trials: 5, space: "

/* Messages without the file's name; {engines} and {metrics} stand for those that there are. */
static const struct {
	const char *name, *yaml, *told;
} cases[] = {
	{"empty", "",
	        "the file is empty; `orch init` writes a campaign to start from"},
	{"only_comment", "# nothing\n",
	        "the file is empty; `orch init` writes a campaign to start from"},
	{"null_file", "null\n",
	        "the file is empty; `orch init` writes a campaign to start from"},
	{"a_list", "- a\n- b\n",
	        "1:1: a campaign file is a mapping of keys (data:, model:, ...), not a list"},
	{"a_word", "hello\n",
	        "1:1: a campaign file is a mapping of keys (data:, model:, ...), not a single value"},
	{"tab", "data:\n\tsource: a.csv\n",
	        "2:1: tab character may not be used as indentation"},
	{"unclosed_brace", "data: {source: a.csv\nmodel: x\n",
	        "2:6: missing comma in flow mapping"},
	{"unclosed_quote", "data: {source: \"a.csv}\n",
	        "1:17: double-quoted scalar without closing quote"},
	{"indentation_0", BASE "name: |0\n x\n",
	        "3:1: not YAML somewhere after this: indentation indicator 0"},
	{"bad_indent", "data:\n  source: a\n   target: b\n",
	        "2:11: invalid multiline plain key"},
	{"two_documents", BASE "---\nseed: 1\n",
	        "3:1: a second document begins here (---); a campaign file holds one"},
	{"duplicate_key", BASE "seed: 1\nseed: 2\n",
	        "4:1: the key \"seed\" is here twice; it is on line 3 already"},
	{"duplicate_deep", BASE "hpo:\n  space: {alpha: [1], alpha: [2]}\n",
	        "4:23: the key \"alpha\" is here twice; it is on line 4 already"},
	{"no_anchor", BASE "seed: *there\n",
	        "3:8: there is no anchor \"&there\" before this alias"},
	{"contains_itself", "data: &d {source: *d}\n",
	        "1:20: there is no anchor \"&d\" before this alias"},
	{"tag", BASE "seed: !!str 5\n",
	        "3:7: tags like !!str are not understood; put a value in quotes to make it a text"},
	{"merge_key", "data: &d {source: a.csv, target: y}\nmodel: {engine: ridge, <<: *d}\n",
	        "2:24: engine ridge has no parameter \"<<\""},
	{"merge_in_section", BASE "split: {<<: {holdout: 0.1}}\n",
	        "3:9: merge keys (<<) are not understood; an alias can stand for a whole value only"},
	{"list_as_key", BASE "? [a]\n: b\n",
	        "3:3: a key must be a plain word here"},
	{"nul_escape", "data: {source: \"a\\0b\", target: y}\n" MODEL,
	        "1:17: a text may not hold a NUL byte"},
	{"bom_and_crlf", "\xef\xbb\xbf" "data: {source: a.csv, target: y}\r\nmodel: {engine: ridge}\r\nseed: x\r\n",
	        "3:7: seed must be an integer from 0 to 9007199254740992, not \"x\""},
	{"unknown_key", "data: {source: a.csv, traget: y}\n" MODEL,
	        "1:23: there is no key \"traget\" in data; did you mean \"target\"?"},
	{"unknown_section", DATA "modle: {engine: ridge}\n",
	        "2:1: there is no key \"modle\"; did you mean \"model\"?"},
	{"unknown_word", BASE "banana: 1\n",
	        "3:1: there is no key \"banana\""},
	{"wrong_place", BASE "target: y\nk: 5\n",
	        "3:1: there is no key \"target\" at the top; it belongs below data\n"
	        "4:1: there is no key \"k\" at the top; it belongs below split.folds"},
	{"wrong_place_deep", BASE "split: {k: 5}\n",
	        "3:9: there is no key \"k\" in split; it belongs below split.folds"},
	{"not_a_section", BASE "split: 5\nrfe: [1]\n",
	        "3:8: split must be a mapping of keys, not 5\n"
	        "4:6: rfe must be a mapping of keys, not a list"},
	{"nothing_given", "seed: 1\n",
	        "1:1: data is missing: what is read\n"
	        "1:1: model is missing: {engine: ridge} is the shortest"},
	{"empty_data", "data:\n" MODEL,
	        "1:1: data.target is missing: column to predict, a list of them, or {angle: column} in degrees\n"
	        "1:1: data.source is missing: the file to read (or data.sql)"},
	{"all_at_once", "data: {source: a.csv, target: y, task: regresion}\nmodel: {engine: ridge, alhpa: 1}\nseed: x\nmetric: rsme\nlimits: {hours: -1}\n",
	        "1:40: data.task must be one of auto, regression, classification, not \"regresion\"; did you mean \"regression\"?\n"
	        "2:24: engine ridge has no parameter \"alhpa\"; did you mean \"alpha\"?\n"
	        "3:7: seed must be an integer from 0 to 9007199254740992, not \"x\"\n"
	        "4:9: there is no metric \"rsme\"; did you mean \"rmse\"?\n"
	        "5:17: limits.hours must be a number from 0.0001 to 1000000, not -1"},
	{"name_slash", "name: a/b\ndata: {source: a.csv, target: y}\n" MODEL,
	        "1:7: name names a folder, so it cannot be \"a/b\": it holds a slash"},
	{"name_dot", "name: .hidden\ndata: {source: a.csv, target: y}\n" MODEL,
	        "1:7: name names a folder, so it cannot be \".hidden\": it begins with a dot"},
	{"name_list", "name: [a]\ndata: {source: a.csv, target: y}\n" MODEL,
	        "1:7: name must be a text, not a list"},
	{"name_long", "name: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\ndata: {source: a.csv, target: y}\n" MODEL,
	        "1:7: name names a folder, so it cannot be \"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...\": it is longer than 100 bytes"},
	{"name_control", "name: \"a\\tb\"\ndata: {source: a.csv, target: y}\n" MODEL,
	        "1:8: name names a folder, so it cannot be the text \"a\\x09b\": it holds a control character"},
	{"no_source", "data: {target: y}\n" MODEL,
	        "1:7: data.source is missing: the file to read (or data.sql)"},
	{"source_and_sql", "data: {source: a.csv, sql: SELECT 1, id: i, target: y}\n" MODEL,
	        "1:28: data takes source or sql, not both"},
	{"sql_without_id", "data: {sql: SELECT 1, target: y}\n" MODEL,
	        "1:13: data.sql needs data.id, a unique column: the result is sorted by it, so that it is the same every time"},
	{"source_list", "data: {source: [a.csv], target: y}\n" MODEL,
	        "1:16: data.source must be a text, not a list"},
	{"source_empty", "data: {source: \"\", target: y}\n" MODEL,
	        "1:17: data.source must be a text, not the text \"\""},
	{"no_target", "data: {source: a.csv}\n" MODEL,
	        "1:7: data.target is missing: column to predict, a list of them, or {angle: column} in degrees"},
	{"empty_targets", "data: {source: a.csv, target: []}\n" MODEL,
	        "1:31: data.target is an empty list: name at least one column"},
	{"target_twice", "data: {source: a.csv, target: [y, z, y]}\n" MODEL,
	        "1:38: data.target names \"y\" twice"},
	{"target_null", "data: {source: a.csv, target: null}\n" MODEL,
	        "1:31: data.target takes names, not nothing"},
	{"target_excluded", "data: {source: a.csv, target: y, exclude: [x, y]}\n" MODEL,
	        "1:43: \"y\" is the target; it cannot be in data.exclude too"},
	{"target_is_id", "data: {source: a.csv, target: y, id: y}\n" MODEL,
	        "1:38: \"y\" is the target; it cannot be in data.id too"},
	{"target_is_weight", "data: {source: a.csv, target: [x, y], weight: y}\n" MODEL,
	        "1:47: \"y\" is the target; it cannot be in data.weight too"},
	{"exclude_twice", "data: {source: a.csv, target: y, exclude: [x, x]}\n" MODEL,
	        "1:47: data.exclude names \"x\" twice"},
	{"exclude_map", "data: {source: a.csv, target: y, exclude: {x: 1}}\n" MODEL,
	        "1:43: data.exclude takes names, not a mapping"},
	{"task", "data: {source: a.csv, target: y, task: clasification}\n" MODEL,
	        "1:40: data.task must be one of auto, regression, classification, not \"clasification\"; did you mean \"classification\"?"},
	{"missing", "data: {source: a.csv, target: y, missing: zero}\n" MODEL,
	        "1:43: data.missing must be one of keep, mean, median, drop, error, not \"zero\""},
	{"feature_empty", "data: {source: a.csv, target: y, features: {v: }}\n" MODEL,
	        "1:45: data.features.v must be an SQL expression, not nothing"},
	{"feature_list", "data: {source: a.csv, target: y, features: [a * b]}\n" MODEL,
	        "1:44: data.features must be a mapping of names to SQL expressions, not a list"},
	{"levels_twice", "data: {source: a.csv, target: y, categories: {cut: [Good, Ideal, Good]}}\n" MODEL,
	        "1:66: data.categories.cut names \"Good\" twice"},
	{"levels_empty", "data: {source: a.csv, target: y, categories: {cut: []}}\n" MODEL,
	        "1:52: data.categories.cut is an empty list"},
	{"levels_word", "data: {source: a.csv, target: y, categories: {cut: Good}}\n" MODEL,
	        "1:52: data.categories.cut must be a list, not \"Good\""},
	{"angle_key", "data: {source: a.csv, target: {angel: h}}\n" MODEL,
	        "1:32: there is no key \"angel\" in data.target; did you mean \"angle\"?"},
	{"angle_half", "data: {source: a.csv, target: {angle: {sin: s}}}\n" MODEL,
	        "1:39: data.target needs both columns: {angle: {sin: column, cos: column}}"},
	{"angle_same", "data: {source: a.csv, target: {angle: {sin: s, cos: s}}}\n" MODEL,
	        "1:39: sin and cos of the angle are the same column"},
	{"angle_metric", "data: {source: a.csv, target: {angle: h}}\nmodel: {engine: ridge}\nmetric: rmse\n",
	        "3:9: an angle target is scored on the circle (cmae, crmse, within_5 ...), not by rmse"},
	{"angle_classes", "data: {source: a.csv, target: {angle: h}, task: classification}\n" MODEL,
	        "1:49: an angle target is regression"},
	{"circular_metric", BASE "metric: cmae\n",
	        "3:9: cmae scores angles; declare the target as {angle: column}"},
	{"metric_typo", BASE "metric: rsme\n",
	        "3:9: there is no metric \"rsme\"; did you mean \"rmse\"?"},
	{"metric_unknown", BASE "metric: fantasy\n",
	        "3:9: there is no metric \"fantasy\"; there are{metrics}"},
	{"metric_list_of_one", BASE "metric: [rmse]\n", "3:9: metric must be a name like rmse, or a list of 2 to 8 like [rmse, fit_seconds]: the first is optimised"},
	{"metric_list_typo", BASE "metric: [rmse, mea]\n", "3:16: there is no metric \"mea\"; did you mean \"mae\"?"},
	{"metric_list_twice", BASE "metric: [rmse, mae, rmse]\n", "3:21: rmse is named twice"},
	{"metric_seconds_first", BASE "metric: [fit_seconds, rmse]\n", "3:10: fit_seconds cannot be the first metric: name one that scores predictions before it"},
	{"constraints_list", BASE "constraints: [mae]\n", "3:14: constraints must be a mapping like {fit_seconds: {max: 2}}, not a list"},
	{"constraints_name", BASE "constraints: {maee: {max: 1}}\n", "3:15: there is no metric \"maee\"; did you mean \"mae\"?"},
	{"constraints_bound", BASE "constraints: {mae: 3}\n", "3:20: constraints.mae must be {max: number}, {min: number} or both"},
	{"constraints_word", BASE "constraints: {mae: {max: many}}\n", "3:20: constraints.mae must be {max: number}, {min: number} or both"},
	{"metric_task", "data: {source: a.csv, target: y, task: regression}\nmodel: {engine: ridge}\nmetric: auc\n",
	        "3:9: auc scores classes, but data.task is regression"},
	{"metric_task2", "data: {source: a.csv, target: y, task: classification}\nmodel: {engine: ridge}\nmetric: mae\n",
	        "3:9: mae scores numbers, but data.task is classification"},
	{"holdout_big", BASE "split: {holdout: 1.5}\n",
	        "3:18: split.holdout must be a share from 0 to 0.9, or {column: name}, not 1.5"},
	{"holdout_nan", BASE "split: {holdout: .nan}\n",
	        "3:18: split.holdout must be a share from 0 to 0.9, or {column: name}, not \".nan\""},
	{"holdout_key", BASE "split: {holdout: {colum: t}}\n",
	        "3:19: there is no key \"colum\" in split.holdout; did you mean \"column\"?"},
	{"holdout_empty", BASE "split: {holdout: {column: }}\n",
	        "3:18: split.holdout: {column: name} needs the name of a column"},
	{"k_billion", BASE "split: {folds: {k: 1000000000}}\n",
	        "3:20: split.folds.k must be an integer from 2 to 200, not 1000000000"},
	{"k_exponent", BASE "split: {folds: {k: 1e9}}\n",
	        "3:20: split.folds.k must be an integer from 2 to 200, not 1e9"},
	{"k_one", BASE "split: {folds: {k: 1}}\n",
	        "3:20: split.folds.k must be an integer from 2 to 200, not 1"},
	{"k_text", BASE "split: {folds: {k: \"5\"}}\n",
	        "3:21: split.folds.k must be an integer from 2 to 200, not the text \"5\""},
	{"too_many_folds", BASE "split: {folds: {k: 50, repeats: 10}}\n",
	        "3:16: k x repeats is 500; 200 folds are the most"},
	{"no_by", BASE "split: {folds: {kind: group}}\n",
	        "3:16: folds of kind group need by: the column of the groups"},
	{"time_no_by", BASE "split: {folds: {kind: time, repeats: 3}}\n",
	        "3:16: folds of kind time need by: the column of the order\n"
	        "3:38: split.folds.repeats means nothing for folds of kind time; it is for kfold, group"},
	{"by_for_kfold", BASE "split: {folds: {by: customer, window: 5}}\n",
	        "3:21: split.folds.by means nothing for folds of kind kfold; it is for group, time, column\n"
	        "3:39: split.folds.window means nothing for folds of kind kfold; it is for time"},
	{"repeats_unshuffled", BASE "split: {folds: {shuffle: false, repeats: 2}}\n",
	        "3:42: without shuffle all repeats are the same"},
	{"stratify_time", BASE "split: {folds: {kind: time, by: t, stratify: [y]}}\n",
	        "3:46: split.folds.stratify means nothing for folds of kind time; it is for kfold, group, column"},
	{"stratify_bins", BASE "split: {folds: {stratify: [{column: y, bins: 1}]}}\n",
	        "3:46: split.folds.stratify: bins must be an integer from 2 to 1000, not 1"},
	{"stratify_column", BASE "split: {folds: {stratify: [{bins: 10}]}}\n",
	        "3:28: split.folds.stratify: {column: name, bins: 10} needs the name of a column"},
	{"stratify_twice", BASE "split: {folds: {stratify: [y, {column: y, bins: 5}]}}\n",
	        "3:31: split.folds.stratify names \"y\" twice"},
	{"stratify_list", BASE "split: {folds: {stratify: [[y]]}}\n",
	        "3:28: split.folds.stratify takes columns, or {column: name, bins: 10}, not a list"},
	{"shuffle_yes", BASE "split: {folds: {shuffle: yes}}\n",
	        "3:26: split.folds.shuffle must be true or false, not \"yes\""},
	{"seed_text", BASE "seed: many\n",
	        "3:7: seed must be an integer from 0 to 9007199254740992, not \"many\""},
	{"seed_huge", BASE "seed: 1e400\n",
	        "3:7: seed must be an integer from 0 to 9007199254740992, not \"1e400\""},
	{"seed_negative", BASE "seed: -1\n",
	        "3:7: seed must be an integer from 0 to 9007199254740992, not -1"},
	{"seed_nothing", BASE "seed:\n",
	        "3:1: seed must be an integer from 0 to 9007199254740992, not nothing"},
	{"no_model", DATA,
	        "1:1: model is missing: {engine: ridge} is the shortest"},
	{"model_word", DATA "model: ridge\n",
	        "2:8: model must be a mapping like {engine: ridge, alpha: 1}, not \"ridge\""},
	{"no_engine", DATA "model: {alpha: 1}\n",
	        "2:8: model.engine is missing: one of {engines}"},
	{"engine_typo", DATA "model: {engine: rigde}\n",
	        "2:17: there is no engine \"rigde\"; there are {engines}; did you mean \"ridge\"?"},
	{"engine_fake", DATA "model: {engine: fake}\n",
	        "2:17: there is no engine \"fake\"; there are {engines}"},
	{"models_no_list", DATA "models: {engine: ridge}\n",
	        "2:9: models must be a list of 1 to 32 models like {engine: ridge, space: {alpha: [0.1, 1]}}, not a mapping"},
	{"models_empty", DATA "models: []\n",
	        "2:9: models must be a list of 1 to 32 models like {engine: ridge, space: {alpha: [0.1, 1]}}, not an empty list"},
	{"models_and_model", DATA "model: {engine: ridge}\nmodels: [{engine: ridge}]\n", "3:9: a campaign has model or models, not both"},
	{"models_entry", DATA "models: [{engine: ridge}, ridge]\n", "2:27: models[1] must be a mapping like {engine: ridge, alpha: 1}, not \"ridge\""},
	{"models_space", DATA "models: [{engine: ridge, space: {alhpa: [1]}}]\n", "2:34: engine ridge has no parameter \"alhpa\"; did you mean \"alpha\"?"},
	{"models_space_list", DATA "models: [{engine: ridge, space: {alpha: []}}]\n",
	        "2:41: models[0].space.alpha must be a list of 1 to 10,000 values, {float: [low, high]} or {int: [low, high]}, not an empty list"},
	{"models_space_twice", DATA "models: [{engine: ridge, alpha: 1, space: {alpha: [1, 2]}}]\n", "2:44: alpha is searched here and fixed in model; keep one of them"},
	{"models_and_hpo_space", DATA "models: [{engine: ridge}]\nhpo: {space: {alpha: [1]}}\n", "3:14: with models, each entry has its own space; hpo.space has no place"},
	{"models_grid_range", DATA "models: [{engine: ridge, space: {alpha: {float: [1, 2]}}}]\n",
	        "2:41: a grid takes lists: give the values of alpha, or set sampler: random and trials"},
	{"models_few_trials", DATA "models: [{engine: ridge, space: {alpha: [1, 2]}}, {engine: forest}]\nhpo: {sampler: random, trials: 1}\n",
	        "3:32: hpo.trials is for all models together: 1 are too few for 2"},
	{"models_nothing_searched", DATA "models: [{engine: ridge}, {engine: forest}]\nhpo: {sampler: random, trials: 4}\n",
	        "3:6: sampler random needs a space in one of the models: what to search"},
	{"param_typo", DATA "model: {engine: ridge, alhpa: 1}\n",
	        "2:24: engine ridge has no parameter \"alhpa\"; did you mean \"alpha\"?"},
	{"param_negative", DATA "model: {engine: ridge, alpha: -1}\n",
	        "2:31: alpha must be a number of at least 0, not -1"},
	{"param_nan", DATA "model: {engine: ridge, alpha: .nan}\n",
	        "2:31: alpha must be a number of at least 0, not \".nan\""},
	{"param_text", DATA "model: {engine: ridge, alpha: lots}\n",
	        "2:31: alpha must be a number of at least 0, not \"lots\""},
	{"param_bool", DATA "model: {engine: ridge, fit_intercept: 1}\n",
	        "2:39: fit_intercept must be true or false, not 1"},
	{"param_list", DATA "model: {engine: ridge, alpha: [1, 2]}\n",
	        "2:31: alpha must be one value, not a list; values to search belong to hpo.space"},
	{"param_choice", DATA "model: {engine: xgboost, grow_policy: sideways}\n",
	        "2:39: grow_policy must be one of depthwise, lossguide, not \"sideways\""},
	{"param_int", DATA "model: {engine: xgboost, trees: 10.5}\n",
	        "2:33: trees must be an integer of at least 1 and at most 100000, not 10.5"},
	{"param_open", DATA "model: {engine: xgboost, learning_rate: 0}\n",
	        "2:41: learning_rate must be a number above 0 and at most 1, not 0"},
	{"command_no_run", DATA "model: {engine: command}\n",
	        "2:8: engine command needs model.run: the command line, with placeholders like {fold} and {data}"},
	{"command_placeholder", DATA "model: {engine: command, run: \"python3 t.py {dephth}\", depth: 3}\n",
	        "2:32: model.run has the placeholder {dephth}, which is no parameter and none of {data} {fold} {repeat} {trial} {features_file} {target} {seed} {threads}"},
	{"command_quote", DATA "model: {engine: command, run: \"t.py 'a\"}\n",
	        "2:32: model.run has a quote (') that is not closed"},
	{"command_protocol", DATA "model: {engine: command, run: t.py, protocol: xml}\n",
	        "2:47: model.protocol must be template (model.run is started once for each fit) or jsonl (it stays alive and is given fits as JSON lines)"},
	{"command_jsonl_template", DATA "model: {engine: command, run: 't.py {fold}', protocol: jsonl}\n",
	        "2:32: model.run has the placeholder {fold}, but with protocol: jsonl the program is started once and is told each fit on its stdin; only {seed} {threads} {target} are known then"},
	{"command_reserved", DATA "model: {engine: command, run: t.py, fold: 3}\n",
	        "2:37: {fold} is filled in by orch; give the parameter another name"},
	{"run_for_ridge", DATA "model: {engine: ridge, run: t.py}\n",
	        "2:24: engine ridge has no parameter \"run\""},
	{"warm_start_sampler", BASE "hpo: {sampler: random, trials: 3, warm_start: there, space: {alpha: [1, 2]}}\n",
	        "3:47: hpo.warm_start is for samplers that learn (tpe, gp); random does not"},
	{"sampler_without_trials", BASE "hpo: {sampler: tpe, space: {alpha: [1, 2]}}\n", "3:6: sampler tpe needs hpo.trials: how many configurations to try"},
	{"sampler_without_space", BASE "hpo: {sampler: sobol, trials: 3}\n", "3:6: sampler sobol needs hpo.space: what to search"},
	{"sampler_typo", BASE "hpo: {sampler: gird}\n",
	        "3:16: hpo.sampler must be one of grid, random, sobol, tpe, gp, not \"gird\"; did you mean \"grid\"?"},
	{"pruner", BASE "hpo: {pruner: hyperbrand}\n",
	        "3:15: hpo.pruner must be one of none, median, halving, hyperband, paired, not \"hyperbrand\"; did you mean \"hyperband\"?"},
	{"grid_trials", BASE "hpo: {trials: 5, space: {alpha: [1, 2]}}\n",
	        "3:15: a grid tries all of its configurations: remove hpo.trials, or set sampler: random"},
	{"grid_range", BASE "hpo: {space: {alpha: {float: [0, 1]}}}\n",
	        "3:22: a grid takes lists: give the values of alpha, or set sampler: random and trials"},
	{"random_trials", BASE "hpo: {sampler: random, space: {alpha: [1, 2]}}\n",
	        "3:6: sampler random needs hpo.trials: how many configurations to try"},
	{"random_space", BASE "hpo: {sampler: random, trials: 5}\n",
	        "3:6: sampler random needs hpo.space: what to search"},
	{"trials_negative", BASE "hpo: {sampler: random, trials: -1, space: {alpha: [1, 2]}}\n",
	        "3:32: hpo.trials must be an integer from 0 to 1000000000000, not -1"},
	{"space_list", BASE "hpo: {space: [alpha]}\n",
	        "3:14: hpo.space must be a mapping of parameters to lists or ranges, not a list"},
	{"space_typo", BASE "hpo: {space: {alhpa: [1, 2]}}\n",
	        "3:15: engine ridge has no parameter \"alhpa\"; did you mean \"alpha\"?"},
	{"space_fixed", DATA "model: {engine: ridge, alpha: 1}\nhpo: {space: {alpha: [1, 2]}}\n",
	        "3:15: alpha is searched here and fixed in model; keep one of them"},
	{"space_single", BASE "hpo: {space: {alpha: 1}}\n",
	        "3:22: hpo.space.alpha must be a list of 1 to 10,000 values, {float: [low, high]} or {int: [low, high]}, not 1"},
	{"space_empty", BASE "hpo: {space: {alpha: []}}\n",
	        "3:22: hpo.space.alpha must be a list of 1 to 10,000 values, {float: [low, high]} or {int: [low, high]}, not an empty list"},
	{"space_twice", BASE "hpo: {space: {alpha: [1, 2, 1.0]}}\n",
	        "3:29: hpo.space.alpha holds 1.0 twice"},
	{"space_value", BASE "hpo: {space: {alpha: [1, -2]}}\n",
	        "3:26: alpha must be a number of at least 0, not -2"},
	{"range_order", RANDOM "{alpha: {float: [2, 1]}}}\n",
	        "3:58: hpo.space.alpha: [2, 1] is no range; the low end comes first"},
	{"range_length", RANDOM "{alpha: {float: [1]}}}\n",
	        "3:58: hpo.space.alpha: a range is [low, high], not a list of another length"},
	{"range_text", RANDOM "{alpha: {float: [a, 1]}}}\n",
	        "3:59: hpo.space.alpha: a range ends at numbers, not \"a\""},
	{"range_inf", RANDOM "{alpha: {float: [0, 1e400]}}}\n",
	        "3:62: hpo.space.alpha: a range ends at numbers, not \"1e400\""},
	{"range_low", RANDOM "{alpha: {float: [-1, 1]}}}\n",
	        "3:59: alpha must be a number of at least 0, not -1.0"},
	{"range_log", RANDOM "{alpha: {float: [0, 1], log: true}}}\n",
	        "3:71: hpo.space.alpha.log needs a range above 0, not one from 0"},
	{"range_log_word", RANDOM "{alpha: {float: [0, 1], log: maybe}}}\n",
	        "3:71: hpo.space.alpha.log must be true or false, not \"maybe\""},
	{"range_step", RANDOM "{alpha: {float: [0, 1], step: 2}}}\n",
	        "3:72: hpo.space.alpha.step must be a number above 0 and at most 1, not 2"},
	{"range_key", RANDOM "{alpha: {flaot: [0, 1]}}}\n",
	        "3:51: there is no key \"flaot\" in hpo.space.alpha; did you mean \"float\"?"},
	{"range_none", RANDOM "{alpha: {log: true}}}\n",
	        "3:50: hpo.space.alpha needs one of float: [low, high], int: [low, high], choices: [...]"},
	{"range_both", RANDOM "{alpha: {float: [0, 1], int: [0, 1]}}}\n",
	        "3:50: hpo.space.alpha needs one of float: [low, high], int: [low, high], choices: [...]"},
	{"range_bool", RANDOM "{fit_intercept: {float: [0, 1]}}}\n",
	        "3:66: hpo.space.fit_intercept has no range of values; give a list"},
	{"range_not_int", DATA "model: {engine: xgboost}\nhpo: {sampler: random, trials: 5, space: {trees: {float: [1, 9]}}}\n",
	        "3:58: hpo.space.trees takes integers: write {int: [low, high]}"},
	{"range_half", DATA "model: {engine: xgboost}\nhpo: {sampler: random, trials: 5, space: {trees: {int: [1, 9.5]}}}\n",
	        "3:60: hpo.space.trees: a range ends at integers, not 9.5"},
	{"choices_log", RANDOM "{alpha: {choices: [1, 2], log: true}}}\n",
	        "3:68: hpo.space.alpha: log is for ranges, not for choices"},
	{"when_nothing", DATA "model: {engine: xgboost}\nhpo: {sampler: random, trials: 5, space: {gamma: {float: [0, 5], when: {boster: gbtree}}}}\n",
	        "3:42: hpo.space.gamma.when: boster is neither searched nor a parameter of the model"},
	{"when_never", DATA "model: {engine: xgboost}\nhpo: {sampler: random, trials: 5, space: {gamma: {float: [0, 5], when: {max_depth: 3}}}}\n",
	        "3:42: hpo.space.gamma.when: max_depth is fixed at 6, so the condition never holds"},
	{"when_circle", DATA "model: {engine: xgboost}\nhpo: {sampler: random, trials: 5, space: {gamma: {choices: [1, 2], when: {max_bin: 2}}, max_bin: {choices: [2, 3], when: {gamma: 1}}}}\n",
	        "3:42: hpo.space.gamma.when: the conditions go round in a circle"},
	{"when_word", DATA "model: {engine: xgboost}\nhpo: {sampler: random, trials: 5, space: {gamma: {float: [0, 5], when: always}}}\n",
	        "3:72: hpo.space.gamma.when must be {parameter: value}, not \"always\""},
	{"ensemble_method", BASE "ensemble: {method: mean}\n",
	        "3:20: ensemble.method must be one of none, average, vote, weighted, not \"mean\""},
	{"ensemble_top", BASE "ensemble: {method: average, top: 1}\n",
	        "3:34: ensemble.top must be an integer from 2 to 32, not 1"},
	{"ensemble_of_one_model", BASE "ensemble: {method: average, from: models}\n",
	        "3:35: ensemble.from: models needs several models; trials takes the best trials of the one"},
	{"adaptive", BASE "lofo: {adaptive: often}\n",
	        "3:18: lofo.adaptive must be true or false, not \"often\""},
	{"groups_word", BASE "lofo: {groups: autos}\n",
	        "3:16: lofo.groups must be auto, or a mapping of names to lists, not \"autos\""},
	{"groups_auto_is_a_list", BASE "lofo: {groups: {auto: [a, b]}}\n",
	        "3:23: lofo.groups.auto is the rank correlation from which on features are grouped (auto: 0.9); give this group another name"},
	{"groups_auto_is_too_much", BASE "lofo: {groups: {auto: 1.5}}\n",
	        "3:23: lofo.groups.auto must be a number above 0, at most 1, not 1.5"},
	{"groups_auto_is_zero", BASE "lofo: {groups: {auto: 0}}\n",
	        "3:23: lofo.groups.auto must be a number above 0, at most 1, not 0"},
	{"prune_is_too_much", "data: {source: a.csv, target: y, prune: {correlated: 2}}\nmodel: {engine: ridge}\n",
	        "1:54: data.prune.correlated must be a number from 0 to 1, not 2"},
	{"prune_misspelt", "data: {source: a.csv, target: y, prune: {duplicate: true}}\nmodel: {engine: ridge}\n",
	        "1:42: there is no key \"duplicate\" in data.prune; did you mean \"duplicates\"?"},
	{"groups_twice", BASE "lofo: {groups: {a: [x, z], b: [z]}}\n",
	        "3:32: \"z\" is in the groups \"a\" and \"b\"; a feature can be in one"},
	{"groups_word", BASE "lofo: {groups: {a: x}}\n",
	        "3:20: lofo.groups.a must be a list, not \"x\""},
	{"groups_target", BASE "lofo: {groups: {a: [x, y]}}\n",
	        "3:20: \"y\" in lofo.groups.a is no feature: it is in data.target"},
	{"enabled_word", BASE "lofo: {enabled: on}\n",
	        "3:17: lofo.enabled must be true or false, not \"on\""},
	{"repeats_many", BASE "diagnostics: {seed_repeats: 101}\n",
	        "3:29: diagnostics.seed_repeats must be an integer from 0 to 100, not 101"},
	{"curve_word", BASE "diagnostics: {learning_curve: some}\n",
	        "3:31: diagnostics.learning_curve must be true, false or a list of at most 20 shares of the training rows ([0.1, 0.2, 0.4, 0.7]), not \"some\""},
	{"curve_whole", BASE "diagnostics: {learning_curve: [0.5, 1]}\n",
	        "3:37: diagnostics.learning_curve: a share of the training rows is above 0 and below 1 (all of them are the baseline), not 1"},
	{"curve_twice", BASE "diagnostics: {learning_curve: [0.5, 0.2, 0.5]}\n",
	        "3:42: diagnostics.learning_curve has 0.5 twice"},
	{"drop_zero", BASE "rfe: {drop: 0}\n",
	        "3:13: rfe.drop must be a count of at least 1, a share like \"10%\", or insignificant, not 0"},
	{"drop_share", BASE "rfe: {drop: \"150%\"}\n",
	        "3:14: rfe.drop must be a count of at least 1, a share like \"10%\", or insignificant, not the text \"150%\""},
	{"drop_lofo", BASE "lofo: {enabled: false}\nrfe: {drop: insignificant}\n",
	        "4:13: rfe.drop: insignificant needs lofo.enabled"},
	{"min_features", BASE "rfe: {min_features: 0, max_rounds: 0}\n",
	        "3:21: rfe.min_features must be an integer from 1 to 1000000, not 0\n"
	        "3:36: rfe.max_rounds must be an integer from 1 to 100000, not 0"},
	{"path_word", BASE "rfe: {path: always}\n",
	        "3:13: rfe.path must be true or false, not \"always\""},
	{"stop_number", BASE "rfe: {stop: 2}\n",
	        "3:13: rfe.stop must be {worse_by: 0.05, patience: 2}, not 2"},
	{"stop_patience", BASE "rfe: {stop: {worse_by: 0.1, patience: 0}}\n",
	        "3:39: rfe.stop.patience must be an integer from 1 to 100000, not 0"},
	{"stop_half", BASE "rfe: {stop: {patience: 2}}\n",
	        "3:13: rfe.stop needs worse_by: a share like 0.05"},
	{"choose", BASE "rfe: {choose: one_sd}\n",
	        "3:15: rfe.choose must be best, one_se or {tolerance: 0.01}, not \"one_sd\"; did you mean \"one_se\"?"},
	{"choose_key", BASE "rfe: {choose: {tolerence: 0.1}}\n",
	        "3:16: there is no key \"tolerence\" in rfe.choose; did you mean \"tolerance\"?"},
	{"choose_negative", BASE "rfe: {choose: {tolerance: -1}}\n",
	        "3:27: rfe.choose.tolerance must be a number from 0 to 1000, not -1"},
	{"memory_word", BASE "resources: {memory: lots}\n",
	        "3:21: resources.memory must be a size like 8GiB, from 32.0 MiB to 909 TiB, not \"lots\""},
	{"memory_10", BASE "resources: {memory: 10}\n",
	        "3:21: resources.memory must be a size like 8GiB, from 32.0 MiB to 909 TiB, not 10"},
	{"memory_huge", BASE "resources: {memory: 1e400}\n",
	        "3:21: resources.memory must be a size like 8GiB, from 32.0 MiB to 909 TiB, not \"1e400\""},
	{"fit_memory", BASE "resources: {fit_memory: 1MiB}\n",
	        "3:25: resources.fit_memory must be a size like 8GiB, from 32.0 MiB to 909 TiB, not \"1MiB\""},
	{"fit_output", BASE "resources: {fit_output: much}\n",
	        "3:25: resources.fit_output must be a size like 8GiB, from 4.0 KiB to 909 TiB, not \"much\""},
	{"workers", BASE "resources: {workers: 0}\n",
	        "3:22: resources.workers must be an integer from 1 to 1024, or auto, not 0"},
	{"batch", BASE "resources: {batch: 5000}\n",
	        "3:20: resources.batch must be an integer from 1 to 1024, or auto, not 5000"},
	{"threads", BASE "resources: {threads: many}\n",
	        "3:22: resources.threads must be an integer from 1 to 1024, or auto, not \"many\""},
	{"pause", BASE "resources: {pause: never}\n",
	        "3:20: resources.pause must be a duration like 1h or 90s, from 0 s to 1157 d 10 h, not \"never\""},
	{"timeout", BASE "resources: {fit_timeout: soon}\n",
	        "3:26: resources.fit_timeout must be a duration like 1h or 90s, from 0.1 s to 1157 d 10 h, not \"soon\""},
	{"timeout_negative", BASE "resources: {fit_timeout: -1}\n",
	        "3:26: resources.fit_timeout must be a duration like 1h or 90s, from 0.1 s to 1157 d 10 h, not -1"},
	{"retries", BASE "resources: {retries: 1.5}\n",
	        "3:22: resources.retries must be an integer from 0 to 100, not 1.5"},
	{"disk", BASE "limits: {disk: 1, configurations: 0}\n",
	        "3:16: limits.disk must be a size like 8GiB, from 1.0 MiB to 888 PiB, not 1\n"
	        "3:35: limits.configurations must be an integer from 1 to 1000000000000000, not 0"},
	{"slurm", BASE "executor: slurm\n",
	        "3:11: executor: slurm is not available yet; available: local"},
	{"executor", BASE "executor: [local]\n",
	        "3:11: executor must be one of local, not a list"},
	{"on_finish", BASE "on_finish: [echo, done]\n",
	        "3:12: on_finish must be a text, not a list"},
};

struct fixture {
	char folder[64], *path;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	strcpy(fixture->folder, "/tmp/orch-spec-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	fixture->path = file_join(fixture->folder, "c.yaml");
	unsetenv("ORCH_FAKE_ENGINE");
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	file_remove_tree(fixture->folder, NULL);
	free(fixture->path);
	free(fixture);
	return 0;
}

/* The report of a file that must not load; malloc'd. */
static char *report_of(struct fixture *fixture, const void *bytes, size_t length)
{
	struct spec *spec = NULL;
	struct orch_err err = {0};
	char *report = NULL;

	assert_int_equal(file_replace_fast(fixture->path, bytes, length, NULL), 0);
	if (spec_load(fixture->path, false, &spec, &report, &err) == 0)
		fail_msg("this must not load:\n%.*s", (int)length, (const char *)bytes);
	assert_null(spec);
	assert_int_equal(err.code, ORCH_EINPUT);
	assert_non_null(report);
	assert_true(strncmp(report, err.text, 100) == 0);
	return report;
}

/* "3:7: text", one error a line: without the name of the file, the source lines, the carets and the count. malloc'd. */
static char *messages_of(const struct fixture *fixture, char *report)
{
	struct text_buf out = {0};
	size_t length = strlen(fixture->path);
	char *save = NULL;

	for (char *line = strtok_r(report, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *at;

		if (strncmp(line, fixture->path, length) || line[length] != ':')
			continue;
		at = line + length + 1;
		text_addf(&out, "%s%s", out.length ? "\n" : "", at + strspn(at, " "));
	}
	free(report);
	return text_take(&out);
}

static void add_names(struct text_buf *out, bool engines)
{
	bool first = true;

	for (size_t i = 0; engines && engine_table[i]; i++)
		if (!engine_table[i]->needs_permission && !engine_table[i]->unavailable) {
			text_addf(out, "%s%s", first ? "" : ", ", engine_table[i]->name);
			first = false;
		}
	for (size_t i = 0; !engines && metric_table[i]; i++)
		text_addf(out, " %s", metric_table[i]->name);
}

static char *expected_of(const char *told)
{
	const char *at = strstr(told, "{engines}"), *mark = at ? "{engines}" : "{metrics}";
	struct text_buf out = {0};

	at = at ? at : strstr(told, "{metrics}");
	if (!at)
		return mem_text(told);
	text_add_bytes(&out, told, (size_t)(at - told));
	add_names(&out, mark[1] == 'e');
	text_add(&out, at + strlen(mark));
	return text_take(&out);
}

static void spec_errors__each_is_told_with_its_place(void **state)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *messages = messages_of(*state, report_of(*state, cases[i].yaml, strlen(cases[i].yaml))), *expected = expected_of(cases[i].told);

		if (strcmp(messages, expected)) {
			print_error("%s tells\n  %s\ninstead of\n  %s\n", cases[i].name, messages, expected);
			wrong++;
		}
		free(messages);
		free(expected);
	}
	assert_int_equal(wrong, 0);
	assert_true(sizeof cases / sizeof *cases >= 45);
}

static void spec_errors__caret_stands_below_the_place(void **state)
{
	static const char text[] = "# größe\ndata: {source: größe.csv, tärget: y, target: y}\nmodel: {engine: ridge}\nseed: \t x\n";
	struct fixture *fixture = *state;
	char *report = report_of(fixture, text, strlen(text)), *expected = text_format(
	        "%s:2:27: there is no key \"tärget\" in data; did you mean \"target\"?\n"
	        "  data: {source: größe.csv, tärget: y, target: y}\n"
	        "                            ^\n"
	        "%s:4:9: seed must be an integer from 0 to 9007199254740992, not \"x\"\n"
	        "  seed: \t x\n"
	        "        \t ^\n"
	        "2 errors in %s; `orch schema --keys` lists the keys",
	        fixture->path, fixture->path, fixture->path);

	assert_string_equal(report, expected);
	free(report);
	free(expected);
}

static void spec_errors__long_lines_are_shown_around_the_place(void **state)
{
	struct text_buf text = {0};
	char *report, *line, *caret;

	text_add(&text, BASE "data2: {");
	for (int i = 0; i < 200; i++)
		text_addf(&text, "key%d: 1, ", i);
	text_add(&text, "}\nsplit: {folds: {by: ");
	for (int i = 0; i < 100; i++)
		text_add(&text, "word ");
	text_add(&text, ", window: 3}}\n");
	report = report_of(*state, text.data, text.length);
	line = strstr(report, "  ...");
	assert_non_null(line);
	caret = strchr(line, '\n');
	assert_true(caret - line < 140);
	caret++;
	assert_int_equal(line[strchr(caret, '^') - caret], '3');
	free(report);
	text_buf_release(&text);
}

static void spec_errors__color_marks_the_caret_only_when_asked(void **state)
{
	struct fixture *fixture = *state;
	struct spec *spec = NULL;
	char *report = NULL;

	assert_int_equal(file_replace_fast(fixture->path, BASE "seed: x\n", strlen(BASE "seed: x\n"), NULL), 0);
	assert_int_equal(spec_load(fixture->path, true, &spec, &report, NULL), ORCH_EINPUT);
	assert_non_null(strstr(report, "\033[31m^\033[0m"));
	free(report);
	assert_int_equal(spec_load(fixture->path, false, &spec, &report, NULL), ORCH_EINPUT);
	assert_null(strchr(report, '\033'));
	free(report);
}

static void spec_errors__nothing_in_a_file_reaches_the_terminal_raw(void **state)
{
	static const char *const texts[] = {BASE "seed: \033]0;owned\007\n", BASE "\"k\\e[2J\": 1\n", BASE "seed: \xc2\x9b" "2J\n"};

	for (int i = 0; i < 3; i++) {
		char *report = report_of(*state, texts[i], strlen(texts[i]));

		assert_null(strchr(report, '\033'));
		assert_null(strchr(report, '\007'));
		assert_null(strstr(report, "\n  seed: \xc2\x9b"));
		free(report);
	}
}

static void spec_errors__very_many_are_cut_short(void **state)
{
	struct text_buf text = {0};
	char *report;

	text_add(&text, BASE);
	for (int i = 0; i < 3000; i++)
		text_addf(&text, "banana%d: 1\n", i);
	report = report_of(*state, text.data, text.length);
	assert_non_null(strstr(report, "... and 2950 more\n3000 errors in "));
	free(report);
	text_buf_release(&text);
}

static void spec_errors__bombs_are_refused_quickly(void **state)
{
	struct text_buf text = {0};
	char *messages;

	text_add(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 30; i++)
		text_addf(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	messages = messages_of(*state, report_of(*state, text.data, text.length));
	assert_non_null(strstr(messages, "the file unfolds to more than 200,000 values (a YAML bomb?)"));
	free(messages);
	text_buf_release(&text);
	for (int i = 0; i < 5000; i++)
		text_add(&text, "[");
	messages = messages_of(*state, report_of(*state, text.data, text.length));
	assert_string_equal(messages, "1:65: nested too deeply (64 levels at most)");
	free(messages);
	text_buf_release(&text);
	text_add(&text, BASE);
	for (int i = 0; i < 10001; i++)
		text_addf(&text, "%sk%d: 1\n", i ? "  " : "x:\n  ", i);
	messages = messages_of(*state, report_of(*state, text.data, text.length));
	assert_non_null(strstr(messages, "more than 10,000 keys in one mapping"));
	free(messages);
	text_buf_release(&text);
}

static void spec_errors__bytes_that_are_no_text(void **state)
{
	static const char latin[] = BASE "# ok \xc3\xa4\n# gr\xf6\xdf" "e\n", nul[] = BASE "seed: \0 1\n";
	char *messages = messages_of(*state, report_of(*state, latin, sizeof latin - 1)), *big = malloc((16 << 20) + 1);

	assert_string_equal(messages, "4:5: the file is not UTF-8 from here on; save it as UTF-8");
	free(messages);
	messages = messages_of(*state, report_of(*state, nul, sizeof nul - 1));
	assert_string_equal(messages, "the file holds NUL bytes: it is no text file");
	free(messages);
	memset(big, '#', (16 << 20) + 1);
	messages = messages_of(*state, report_of(*state, big, (16 << 20) + 1));
	assert_string_equal(messages, "the file is larger than 16 MiB: this is no campaign file");
	free(messages);
	free(big);
}

static char *load_error(const char *path)
{
	struct spec *spec = NULL;
	char *report = NULL;

	assert_int_equal(spec_load(path, false, &spec, &report, NULL), ORCH_EINPUT);
	return report;
}

static void spec_errors__files_that_cannot_be_read(void **state)
{
	struct fixture *fixture = *state;
	char *report = load_error(fixture->folder), *expected = text_format("%s: this is a folder; a campaign file is needed\n", fixture->folder);

	assert_true(strncmp(report, expected, strlen(expected)) == 0);
	free(expected);
	free(report);
	report = load_error(fixture->path);
	expected = text_format("%s: there is no such file; `orch init` writes one\n", fixture->path);
	assert_true(strncmp(report, expected, strlen(expected)) == 0);
	free(expected);
	free(report);
	assert_int_equal(symlink("c.yaml", fixture->path), 0); /* a link to itself */
	report = load_error(fixture->path);
	assert_non_null(strstr(report, "the file cannot be read: Too many levels of symbolic links"));
	free(report);
	assert_int_equal(unlink(fixture->path), 0);
	if (geteuid() == 0)
		return; /* root may read everything */
	assert_int_equal(file_replace_fast(fixture->path, BASE, strlen(BASE), NULL), 0);
	assert_int_equal(chmod(fixture->path, 0), 0);
	report = load_error(fixture->path);
	assert_non_null(strstr(report, "the file cannot be read: Permission denied"));
	free(report);
}

/* Known by name: they load once their engine is there, and are refused by name until then. */
static void spec_errors__planned_engines_are_not_available_yet(void **state)
{
	static const char *const planned[] = {"elasticnet", "logistic", "forest"};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < 3; i++) {
		const struct engine *engine = engine_find(planned[i]);
		char *yaml = text_format(DATA "model: {engine: %s}\n", planned[i]), *report = NULL;
		struct spec *spec = NULL;

		assert_int_equal(file_replace_fast(fixture->path, yaml, strlen(yaml), NULL), 0);
		assert_int_equal(spec_load(fixture->path, false, &spec, &report, NULL), engine && !engine->unavailable ? 0 : ORCH_EINPUT);
		assert_true(spec || strstr(report, "not available yet"));
		spec_release(spec);
		free(report);
		free(yaml);
	}
}

static void spec_errors__file_whose_name_is_no_campaigns(void **state)
{
	struct fixture *fixture = *state;
	char *report;

	free(fixture->path);
	fixture->path = file_join(fixture->folder, ".yaml");
	report = messages_of(fixture, report_of(fixture, BASE "seed: 1\n", strlen(BASE "seed: 1\n")));
	assert_string_equal(report, "the campaign needs a name: \".yaml\" cannot be one (it begins with a dot)");
	free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(spec_errors__each_is_told_with_its_place, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_errors__caret_stands_below_the_place, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_errors__long_lines_are_shown_around_the_place, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_errors__color_marks_the_caret_only_when_asked, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_errors__nothing_in_a_file_reaches_the_terminal_raw, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_errors__very_many_are_cut_short, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_errors__bombs_are_refused_quickly, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_errors__bytes_that_are_no_text, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_errors__files_that_cannot_be_read, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_errors__planned_engines_are_not_available_yet, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_errors__file_whose_name_is_no_campaigns, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
