#include "orchestrator/command.h"

#include <stddef.h>

#define QUIET {"--quiet,-q", NULL, "say only what went wrong"}
#define JSON {"--json", NULL, "for programs: one JSON object with a version"}
#define END {NULL, NULL, NULL}
#define ONLY_CAMPAIGN "DIR is the campaign's folder; without it the only campaign in or below the current folder."

static const struct command_option start_options[] = {
	{"--dir", "DIR", "the campaign's folder (default: its name, beside the file)"},
	{"--detach", NULL, "run in the background, output to DIR/orch.log; returns when the campaign is under way"},
	{"--allow-large", NULL, "start above the limits of the file (`orch plan` shows them)"},
	QUIET, END};
static const struct command_option resume_options[] = {
	{"--allow-drift", NULL, "go on although data, campaign file or orch's build changed; recorded in progress.jsonl"},
	{"--redo-damaged", NULL, "set damaged rounds aside; restore them from their bundles, or do them again"},
	{"--detach", NULL, "run in the background, output to DIR/orch.log"},
	QUIET, END};
static const struct command_option status_options[] = {
	JSON, {"--watch,-w", NULL, "keep it on the screen until the campaign ends"}, END};
static const struct command_option stop_options[] = {
	{"--now", NULL, "do not wait for running fits: they are done again on resume"},
	{"--timeout", "TIME", "give up waiting after that long (\"90s\", \"5m\"); the request stands"},
	QUIET, END};
static const struct command_option plan_options[] = {JSON, END};
static const struct command_option show_options[] = {JSON, END};
static const struct command_option report_options[] = {
	{"--md", NULL, "Markdown on stdout, for terminals and pull requests"},
	{"--round", "N", "the round whose features and trials the page shows (default: the chosen one)"},
	{"--open", NULL, "open the page in the browser"},
	JSON, QUIET, END};
static const struct command_option export_options[] = {
	{"--format", "FORMAT", "csv, json, parquet or xlsx"},
	{"--what", "TABLE", "rounds, trials, lofo, path, predictions, failures or all (default; a workbook has no predictions then)"},
	{"--round", "N", "the round whose predictions are exported (default: the chosen one)"},
	{"--output", "PATH", "a new file; a folder for several tables as CSV or Parquet (default: beside you, with the campaign's name)"},
	QUIET, END};
static const struct command_option compare_options[] = {
	{"--metric", "NAME", "the metric compared (default: the first one's)"},
	{"--html", "FILE", "also write a page"},
	JSON, QUIET, END};
static const struct command_option plot_options[] = {
	{"--round", "N", "the round whose plots are drawn (default: the chosen one, else the last)"},
	{"--png", NULL, "PNG instead of SVG, two pixels for each of the SVG's"},
	{"--output", "FOLDER", "where the files go (default: the current folder)"},
	{"--list", NULL, "name the plots and what each shows"},
	QUIET, END};
static const struct command_option fit_options[] = {
	{"--trial", "N", "the configuration"},
	{"--round", "N", "the round whose features are used (default 0)"},
	{"--fold", "N", "one fold, or -1 for the holdout (default: all folds)"},
	{"--without", "NAME", "leave a feature or group out"},
	JSON, END};
static const struct command_option predict_options[] = {
	{"--round", "N", "the round whose model is used (default: the chosen one)"},
	{"--output", "FILE", "a new .csv or .parquet (default: CSV on stdout)"},
	QUIET, END};
static const struct command_option init_options[] = {
	{"--demo", NULL, "with data: 600 flats and their rents, made up but always the same"},
	{"--source", "FILE", "the data the campaign is about"},
	{"--target", "COL", "the column to predict"},
	QUIET, END};
static const struct command_option verify_options[] = {
	{"--rebuild", NULL, "make again what is derived: progress.jsonl, bundles, provenance, summary.json, report; of a damaged ledger what holds is kept"},
	JSON, QUIET, END};
static const struct command_option bundle_options[] = {
	{"--list", "N", "what the bundle of round N (or a bundle file) holds"},
	{"--verify", "FILE", "a bundle (or round number) against the manifest inside"},
	{"--unpack", "FILE", "a bundle (or round number) into FOLDER, which must not exist; checked first"},
	{"--write", NULL, "write the bundles that are missing or damaged"},
	QUIET, END};
static const struct command_option doctor_options[] = {JSON, {"--check", "NAME", "one self check, in this process"}, END};
static const struct command_option notify_options[] = {{"--test", NULL, "run it now, with the state \"test\""}, {"--quiet,-q", NULL, "only what it says itself"}, {NULL, NULL, NULL}};
static const struct command_option schema_options[] = {{"--keys", NULL, "all keys with type, default and one line each"}, END};

const struct command command_table[] = {
	{"init", "[DIR]", "write a commented campaign file to begin with",
	        "Writes DIR/campaign.yaml and, for editors, DIR/campaign.schema.json. What is there is never overwritten.\n\n"
	        "  orch init --demo\n  orch init --source flats.csv --target rent", init_options, cmd_init, false},
	{"plan", "FILE", "count what a campaign would do, and for how long, before anything starts",
	        "Reads the data (into the cache), counts configurations, fits, memory and disk, and measures the first and the last\n"
	        "task of the search for at most 20 seconds. Exit status 3 when it is above the limits.", plan_options, cmd_plan, false},
	{"start", "FILE", "run the campaign of a file",
	        "Ctrl-C lets running fits end and prints how to go on; a second one stops at once. Both exit with 75.", start_options, cmd_start, false},
	{"resume", "[DIR]", "go on with a campaign that was interrupted",
	        ONLY_CAMPAIGN "\nWhat is there is verified first; it says what is kept, what is done again and why.", resume_options, cmd_resume, false},
	{"status", "[DIR]", "what a campaign is doing; read only, from any shell", ONLY_CAMPAIGN, status_options, cmd_status, false},
	{"stop", "[DIR]", "ask a running campaign to stop, and wait until it has", ONLY_CAMPAIGN, stop_options, cmd_stop, false},
	{"show", "[DIR]", "what came out: rounds, chosen round, configuration, failures, slowest tasks", ONLY_CAMPAIGN, show_options, cmd_show, false},
	{"report", "[DIR]", "the campaign's page: the answer, pictures, tables; one file that needs no network",
	        ONLY_CAMPAIGN "\nDIR/report/report.html is renewed after every round; this makes it again and prints where it is. Every round has a page of\n"
	                      "its own, rounds/round_NNN/report.html, which is sealed with it.\n\n"
	                      "  orch report --open\n  orch report flats --md >>pull-request.md", report_options, cmd_report, false},
	{"compare", "DIR[:N] DIR[:N] [DIR...]", "campaigns or rounds side by side: a paired test, and only what is different",
	        "DIR is a campaign (its chosen round), DIR:N its round N. Where folds are shared the scores are paired by fold (corrected t of Nadeau and\n"
	        "Bengio); elsewhere each has its own interval only.\n\n"
	        "  orch compare ridge forest\n  orch compare flats:0 flats:3 --html compared.html", compare_options, cmd_compare, false},
	{"export", "[DIR]", "the campaign's tables as CSV, JSON, Parquet or an Excel workbook",
	        ONLY_CAMPAIGN "\nOne table as CSV or JSON goes to stdout when there is no --output. What exists is never overwritten.\n\n"
	                      "  orch export --format xlsx\n  orch export flats --format csv --what trials >trials.csv\n"
	                      "  orch export flats --format parquet --what predictions --round 2 --output p.parquet", export_options, cmd_export, false},
	{"plot", "[DIR] [NAME...]", "draw a campaign's plots as SVG or PNG files",
	        ONLY_CAMPAIGN "\nEvery round has its plots as SVG in 08_plots; this draws them again, for a talk or a paper. Without a NAME: all of them.\n\n"
	        "  orch plot flats lofo history --png --output slides", plot_options, cmd_plot, false},
	{"fit", "[DIR]", "fit one trial again, by itself, and show all it says; nothing is kept",
	        ONLY_CAMPAIGN "\nFor a fit that failed: the same data, features, parameters and limits. May run beside the campaign.", fit_options, cmd_fit, false},
	{"predict", "[DIR] INPUT", "predict the rows of a file with a round's model",
	        "INPUT is csv, tsv, parquet, json or jsonl, also compressed, with the columns that the campaign's features are made of. Derived features,\n"
	        "categories and missing values are treated as in training; a level that the campaign does not know is missing. Angles are in degrees,\n"
	        "classes come with their probabilities, data.id is carried.\n\n"
	        "  orch predict diamonds new.csv >predicted.csv\n  orch predict diamonds new.parquet --round 2 --output predicted.parquet", predict_options, cmd_predict, false},
	{"verify", "[DIR]", "check everything that is stored",
	        ONLY_CAMPAIGN "\nRounds against their manifests, bundles, ledger, progress.jsonl, provenance, cached data. Exit status 5 when something\n"
	                      "is damaged.", verify_options, cmd_verify, false},
	{"bundle", "[DIR] [FOLDER]", "list, check, unpack or write the archives of rounds",
	        "  orch bundle --list 0               what round 0 of the only campaign here holds\n"
	        "  orch bundle --verify FILE          a .tar.zst from anywhere\n"
	        "  orch bundle --unpack FILE FOLDER\n"
	        "  orch bundle DIR --write", bundle_options, cmd_bundle, false},
	{"doctor", "", "what to paste into a report: versions, machine, self checks; secrets masked", NULL, doctor_options, cmd_doctor, false},
	{"notify", "[DIR|FILE]", "try on_finish, the command that is run when a campaign ends",
	        "DIR is a campaign, FILE a campaign file. The command has ORCH_NAME, ORCH_STATE (here test; else done, failed, interrupted), ORCH_SUMMARY (a sentence),\n"
	        "ORCH_DIR, ORCH_EXIT, ORCH_METRIC, ORCH_BEST and ORCH_ROUNDS, and summary.json on its stdin. It has a minute; its failure changes nothing.\n\n"
	        "  orch notify --test campaign.yaml", notify_options, cmd_notify, false},
	{"schema", "", "the JSON Schema of campaign files, for editors", NULL, schema_options, cmd_schema, false},
	{"completions", "SHELL", "completions for bash, zsh or fish",
	        "  source <(orch completions bash)\n  orch completions zsh >\"${fpath[1]}/_orch\"\n  orch completions fish >~/.config/fish/completions/orch.fish",
	        NULL, cmd_completions, false},
	{"worker", "", "executes tasks: JSON lines on stdin and stdout (started by orch itself)", NULL, NULL, cmd_worker, true},
	{NULL, NULL, NULL, NULL, NULL, NULL, false},
};
