/* What cannot be prepared: every message about a source, its columns and its values, as a person meets it. */
#include "tests/unit/dataset_world.h"

static const struct refusal {
	const char *name, *file, *text, *more; /* file "": none is written; more as world_json has it */
	const char *want;                      /* parts, separated by newlines, each of which must be said */
} refusals[] = {
	/* files */
	{"no_file", "", NULL, "{'source_path': '/nowhere/a.csv'}", "data.source: there is no file /nowhere/a.csv"},
	{"no_match", "", NULL, "{'source_path': '/nowhere/*.csv'}", "data.source: no file matches /nowhere/*.csv"},
	{"nothing_named", "", NULL, "{}", "data.source is missing"},
	{"folder", "", NULL, "{'source_path': '/etc/a.csv/../'}", "the name does not tell the format: .csv, .tsv, .txt, .parquet, .json or .jsonl"},
	{"format", "a.xls", "x", "{}", "a.xls: the name does not tell the format"},
	{"device", "", NULL, "{'source_path': '/dev/null'}", "/dev/null: the name does not tell the format"},
	{"empty", "a.csv", "", "{}", "a.csv is empty"},
	{"blank", "a.csv", "\n\n", "{}", "a.csv is empty"},
	{"header_only", "a.csv", "x,y\n", "{}", "data.source has no rows, only a header"},
	{"ragged", "a.csv", "x,y\n1,2\n1,2,3\n", "{}", "a.csv cannot be read\nLine: 3"},
	{"long_rows", "a.csv", "x,y\n1,2\n1,2,3\n3,4,5\n", "{}", "a.csv cannot be read\nLine: 3"}, /* not read from the third line on */
	{"open_quote", "a.csv", "x,y\n1,\"2\n3,4\n", "{}", "a.csv cannot be read"},
	{"broken_parquet", "a.parquet", "PAR1 but no more", "{}", "a.parquet cannot be read"},
	{"broken_json", "a.jsonl", "{\"x\": 1, \"y\": 2}\n{\"x\": 1, \"y\"\n", "{}", "a.jsonl cannot be read"},
	{"broken_gzip", "a.csv.gz", "not compressed", "{}", "a.csv.gz cannot be read"},
	/* names */
	{"twice", "a.csv", "x,y,x\n1,2,3\n", "{}", "a.csv: two columns (1 and 3) are called \"x\": rename one"},
	{"case", "a.csv", "x,y,X\n1,2,3\n", "{}", "a.csv: columns 3 \"X\" and 1 \"x\" differ in case only|a.csv: columns 1 \"x\" and 3 \"X\" differ in case only: rename one"},
	{"no_header", "a.csv", "1,2\n3,4\n", "{}", "a.csv: the first line holds numbers (1, ...): a first line with the names of the columns is needed"},
	{"reserved", "a.csv", "__row,y\n1,2\n3,5\n", "{}", "the data has a column \"__row\", which is orch's own name for the row's number: rename it"},
	{"target_absent", "a.csv", "price,x\n1,2\n3,5\n", "{'targets': ['prise']}", "data.target: the data has no column \"prise\"; did you mean \"price\"?"},
	{"delimiter", "a.csv", "x!y\n1!2\n3!4\n", "{}", "data.target: the data has no column \"y\"; it has one, \"x!y\": are values separated by , ; tab or |?"},
	{"exclude_absent", "a.csv", "x,y\n1,2\n3,5\n", "{'exclude': ['quux']}", "data.exclude: the data has no column \"quux\"; it has \"x\", \"y\""},
	{"exclude_absent_of_many", "a.csv", "c1,c2,c3,c4,c5,c6,c7,c8,c9,x,y,c10\n1,2,3,4,5,6,7,8,9,0,1,1\n3,5,3,4,5,6,7,8,9,1,2,2\n", "{'exclude': ['quux']}",
	        "no column \"quux\"; it has \"c1\", \"c2\", \"c3\", \"c4\", \"c5\", \"c6\", \"c7\", \"c8\", \"c9\", \"x\" and 2 more"},
	{"id_absent", "a.csv", "x,y\n1,2\n3,5\n", "{'id': 'quux'}", "data.id: the data has no column \"quux\""},
	{"weight_absent", "a.csv", "x,y\n1,2\n3,5\n", "{'weight': 'quux'}", "data.weight: the data has no column \"quux\""},
	{"split_absent", "a.csv", "x,y\n1,2\n3,5\n", "{'split_columns': ['quux']}", "split: the data has no column \"quux\""},
	{"category_absent", "a.csv", "x,y\n1,2\n3,5\n", "{'categories': {'quux': ['a']}}", "data.categories: the data has no column \"quux\""},
	{"several", "a.csv", "x,y\n1,2\n3,5\n", "{'exclude': ['quux'], 'weight': 'quuux'}", "data.exclude: the data has no column \"quux\"\ndata.weight: the data has no column \"quuux\""},
	/* values of features */
	{"spoilt", "a.csv", "x,y\n1,2\n2,3\n3,4\n4,5\nmany,6\n6,7\n", "{}",
	        "column \"x\" holds numbers, but 1 of its 6 values are text, the first is \"many\" in row 5: mend the file\nTRY_CAST(\"x\" AS DOUBLE)"},
	{"comma", "a.csv", "x;y\n\"1,5\";2\n\"2,5\";3\n\"3,5\";4\n", "{}", "column \"x\" holds numbers with a decimal comma, as \"1,5\": derive them with data.features"},
	{"all_missing", "a.csv", "x,y,z\n,2,1\n,3,2\n", "{}", "column \"x\" has no value at all: exclude it"},
	{"infinite", "a.csv", "x,y\n1,2\ninf,3\n3,4\n", "{}", "column \"x\" is infinite in 1 rows, the first is row 2: exclude it, or derive a finite feature in data.features"},
	{"list", "a.jsonl", "{\"x\": [1, 2], \"y\": 1}\n{\"x\": [3], \"y\": 2}\n", "{}", "column \"x\" is of type BIGINT[], which cannot be a feature: exclude it, or derive a number"},
	{"missing_error", "a.csv", "x,y\n1,2\n,3\n,4\n", "{'missing': 'error'}", "column \"x\" has 2 missing values and data.missing is error"},
	{"missing_drop", "a.csv", "x,z,y\n1,,2\n,2,3\n,,4\n", "{'missing': 'drop'}", "data.missing: drop leaves no row: every row lacks the value of some column"},
	{"level", "a.csv", "x,y\nlow,2\nhigh,3\nhuge,4\n", "{'categories': {'x': ['low', 'high']}}", "data.categories.x: 1 values are not declared, the first is \"huge\" in row 3: add it to the list"},
	/* targets */
	{"constant", "a.csv", "x,y\n1,2\n2,2\n3,2\n", "{}", "target \"y\" is constant (one value in all rows): there is nothing to predict"},
	{"one_class", "a.csv", "x,y\n1,no\n2,no\n", "{}", "target \"y\" has one class only: there is nothing to tell apart"},
	{"target_missing", "a.csv", "x,y\n1,2\n2,\n3,4\n", "{}", "target \"y\" is missing in 1 of 3 rows: remove those rows, or set data.missing to drop"},
	{"target_gone", "a.csv", "x,y\n1,\n2,\n3,\n", "{}", "target \"y\" is missing in every row"},
	{"target_infinite", "a.csv", "x,y\n1,2\n2,inf\n3,4\n", "{}", "target \"y\" is infinite in 1 rows, the first is row 2: derive a finite target in data.features"},
	{"target_text", "a.csv", "x,y\n1,low\n2,high\n3,low\n", "{'task': 'regression'}", "target \"y\" is of type VARCHAR; a regression needs numbers: derive one in data.features, or set data.task: classification"},
	{"target_declared", "a.csv", "x,y\n1,1\n2,2\n3,3\n", "{'task': 'regression', 'categories': {'y': ['1', '2', '3']}}",
	        "target \"y\" is declared in data.categories, but the task is a regression: remove it there"},
	{"targets_classes", "a.csv", "y,z\n1,a\n2,b\n3,a\n", "{'targets': ['y', 'z']}", "data.target: several targets can be learnt together when all are numbers; 1 of 2 are classes"},
	{"angle_text", "a.csv", "s,c,x\na,1,1\nb,0,2\n", "{'targets': [], 'angle': {'sine': 's', 'cosine': 'c'}}", "data.target.angle: \"s\" (VARCHAR) and \"c\" (BIGINT) must both be numbers"},
	{"angle_taken", "a.csv", "s,c,angle\n1,1,1\n0,0,2\n", "{'targets': [], 'angle': {'sine': 's', 'cosine': 'c'}}",
	        "data.target.angle: the target is called \"angle\", but the data has a column of that name: rename it"},
	/* weights and names of rows */
	{"weight_text", "a.csv", "x,y,w\n1,2,a\n2,3,b\n", "{'weight': 'w'}", "data.weight: column \"w\" is of type VARCHAR, not a number"},
	{"weight_negative", "a.csv", "x,y,w\n1,2,1\n2,3,-1\n3,4,\n", "{'weight': 'w'}", "data.weight: column \"w\" is negative or missing in 2 rows, the first is row 2"},
	{"weight_zero", "a.csv", "x,y,w\n1,2,0\n2,3,0\n", "{'weight': 'w'}", "data.weight: column \"w\" is zero in every row"},
	{"id_repeated", "a.csv", "x,y,i\n1,2,a\n2,3,b\n3,4,a\n", "{'id': 'i'}", "data.id: column \"i\" is not unique: 1 rows repeat an earlier value, the first is row 3 (\"a\")"},
	{"id_missing", "a.csv", "x,y,i\n1,2,a\n2,3,\n3,4,b\n", "{'id': 'i'}", "data.id: column \"i\" is missing in 1 rows"},
	/* derived features */
	{"derived_unknown", "a.csv", "x,y\n1,2\n2,3\n", "{'features': {'f': 'z + 1'}}", "data.features.f: \n\"z\" not found"},
	{"derived_random", "a.csv", "x,y\n1,2\n2,3\n", "{'features': {'f': 'x + random()'}}", "data.features.f: random gives another value every time; a campaign must be repeatable"},
	{"derived_aggregate", "a.csv", "x,y\n1,2\n2,3\n", "{'features': {'f': 'x - avg(x)'}}", "(an aggregate over all rows is written avg(x) OVER ())"},
	{"derived_cast", "a.csv", "x,y\na,2\nb,3\n", "{'features': {'f': 'CAST(x AS DOUBLE)'}}", "(TRY_CAST gives a missing value instead of an error)"},
	{"derived_taken", "a.csv", "x,y\n1,2\n2,3\n", "{'features': {'X': 'y + 1'}}", "data.features.X: the data has a column \"x\" already: choose another name"},
	{"derived_reserved", "a.csv", "x,y\n1,2\n2,3\n", "{'features': {'__file': 'x + 1'}}", "data.features: \"__file\" cannot be the name of a feature: choose another"},
	{"derived_two", "a.csv", "x,y\n1,2\n2,3\n", "{'features': {'f': 'x; DROP TABLE src'}}", "data.features.f: "},
	/* SQL */
	{"sql_id", "a.csv", "x,y\n1,2\n", "{'source_path': null, 'sql': 'SELECT * FROM `a.csv`'}", "data.sql needs data.id, a column that is unique: the rows are put in its order"},
	{"sql_no_id", "a.csv", "x,y\n1,2\n", "{'sql': 'SELECT * FROM `a.csv`', 'id': 'i'}", "data.id: the result of data.sql has no column \"i\"; it is needed to fix the order of the rows"},
	{"sql_syntax", "a.csv", "x,y\n1,2\n", "{'sql': 'SELEC 1', 'id': 'i'}", "data.sql cannot be read: \nsyntax error"},
	{"sql_twice", "a.csv", "x,y\n1,2\n3,4\n", "{'sql': 'SELECT x, y, x + 1 AS X FROM `a.csv`', 'id': 'x'}", "data.sql: two columns of the result are called \"X\": name them apart with AS, or join with USING"},
	{"sql_rows", "a.csv", "x,y\n1,2\n", "{'sql': 'SELECT x, y FROM `a.csv` WHERE x > 5', 'id': 'x'}", "data.sql has no rows"},
	{"sql_two", "a.csv", "x,y\n1,2\n", "{'sql': 'SELECT 1 AS i, 2 AS y; SELECT 3', 'id': 'i'}", "data.sql cannot be read: "},
};

/* A part may be "this|or that". */
static bool says(const char *text, const char *part, size_t length)
{
	const char *bar = memchr(part, '|', length);
	size_t first = bar && memcmp(part + length - 2, "|?", 2) ? (size_t)(bar - part) : length;
	char *copy = text_format("%.*s", (int)first, part);
	bool found = strstr(text, copy) != NULL;

	free(copy);
	return found || (first < length && says(text, part + first + 1, length - first - 1));
}

static void check_refusal(const struct refusal *refusal)
{
	const char *source = refusal->file[0] ? refusal->file : NULL;
	struct orch_err err = {0};
	char *path = NULL;
	json_t *request, *notes = NULL;
	int code;

	if (source)
		world_write(source, refusal->text, strlen(refusal->text));
	request = world_request(source, refusal->more);
	code = world_prepare(request, &path, &notes, &err);
	if (code != ORCH_EINPUT)
		fail_msg("%s: code %d, \"%s\"", refusal->name, code, err.text);
	assert_null(path);
	for (const char *part = refusal->want, *end; *part; part = *end ? end + 1 : end) {
		end = strchrnul(part, '\n');
		if (!says(err.text, part, (size_t)(end - part)))
			fail_msg("%s: \"%s\" does not say \"%.*s\"", refusal->name, err.text, (int)(end - part), part);
	}
	json_decref(request);
	if (source) {
		char *file = file_join(world_folder, source);

		file_remove(file, NULL);
		free(file);
	}
}

static void dataset__says_what_cannot_be_prepared(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		check_refusal(&refusals[i]);
}

/* ---- several files ---- */

static void check_two(const char *a, const char *b, const char *want)
{
	struct orch_err err = {0};
	char *path = NULL;
	json_t *request;

	world_write("p1.csv", a, strlen(a));
	world_write("p2.csv", b, strlen(b));
	request = world_request("p*.csv", "{}");
	assert_int_equal(world_prepare(request, &path, NULL, &err), ORCH_EINPUT);
	if (!strstr(err.text, want))
		fail_msg("\"%s\" does not say \"%s\"", err.text, want);
	json_decref(request);
}

static void dataset__files_of_one_source_are_alike(void **state)
{
	struct orch_err err = {0};
	json_t *request;
	char *path = NULL;

	(void)state;
	check_two("x,y\n1,2\n", "x,z\n3,4\n", "p2.csv has no column \"y\", which p1.csv has: all files need the same columns");
	check_two("x,y\n1,2\n", "x,y,z\n3,4,5\n", "p2.csv has a column \"z\", which p1.csv has not: all files need the same columns");
	check_two("x,y\n5,2\n6,3\n", "x,y\n7,4\ninf,4\n", "the first is row 2 of p2.csv");
	world_write("p3.tsv", "x\ty\n1\t2\n", 8);
	world_write("p4.parquet", "x", 1);
	request = world_request("p[34].*", "{}");
	assert_int_equal(world_prepare(request, &path, NULL, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "are of different formats; the files of one source need one format"));
	json_decref(request);
}

static void dataset__a_folder_is_no_source(void **state)
{
	char *folder = file_join(world_folder, "folder.csv"), *path = NULL;
	struct orch_err err = {0};
	json_t *request = world_request("folder.csv", "{}");

	(void)state;
	assert_int_equal(file_make_folder(folder, NULL), 0);
	assert_int_equal(world_prepare(request, &path, NULL, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "folder.csv is a folder; name a file or a pattern like "));
	json_decref(request);
	free(folder);
}

static void dataset__a_pipe_is_no_source(void **state)
{
	char *link = file_join(world_folder, "null.csv"), *path = NULL;
	struct orch_err err = {0};
	json_t *request = world_request("null.csv", "{}");

	(void)state;
	assert_int_equal(symlink("/dev/null", link), 0);
	assert_int_equal(world_prepare(request, &path, NULL, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "null.csv is no regular file; it must be readable again and again"));
	json_decref(request);
	free(link);
}

static void dataset__many_problems_are_counted(void **state)
{
	struct text_buf text = {0};
	struct orch_err err = {0};
	json_t *request;
	char *path = NULL, *more;

	(void)state;
	for (int i = 0; i < 200; i++)
		text_addf(&text, "%sempty%d", i ? "," : "", i);
	text_add(&text, ",y\n");
	for (int row = 0; row < 3; row++) {
		for (int i = 0; i < 200; i++)
			text_add(&text, ",");
		text_addf(&text, "%d\n", row);
	}
	world_write("a.csv", text.data, text.length);
	request = world_request("a.csv", "{}");
	assert_int_equal(world_prepare(request, &path, NULL, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "column \"empty0\" has no value at all: exclude it\ncolumn \"empty1\" has no value"));
	more = strstr(err.text, "\nand ");
	assert_non_null(more);
	assert_non_null(strstr(more, " more"));
	assert_true(strlen(err.text) < sizeof err.text - 1); /* not cut */
	json_decref(request);
	text_buf_release(&text);
}

/* The hash was taken of other bytes than those that were read. */
static void dataset__a_source_that_changes_while_it_is_read(void **state)
{
	struct orch_err err = {0};
	json_t *request = world_request("a.csv", "{}");
	char hash[65], *path = NULL;

	(void)state;
	world_write("a.csv", "x,y\n1,2\n2,3\n", 12);
	assert_int_equal(dataset_source_hash(request, hash, NULL), 0);
	world_write("a.csv", "x,y\n1,2\n2,4\n", 12);
	assert_int_equal(dataset_prepare(request, hash, &path, NULL, &err), ORCH_EDRIFT);
	assert_null(path);
	assert_non_null(strstr(err.text, "a.csv changed while it was read: start again when it is whole"));
	json_decref(request);
}

static void dataset__too_little_memory(void **state)
{
	struct text_buf text = {0};
	struct orch_err err = {0};
	json_t *request;
	char *path = NULL;

	(void)state;
	text_add(&text, "x,y\n");
	for (int i = 0; i < 200000; i++)
		text_addf(&text, "%d,%d\n", i, i % 7);
	world_write("a.csv", text.data, text.length);
	request = world_request("a.csv", "{'memory': 2000000}");
	assert_int_equal(world_prepare(request, &path, NULL, &err), ORCH_ENOMEM);
	assert_non_null(strstr(err.text, "cannot be read within the memory for it (raise resources.memory"));
	json_decref(request);
	text_buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(dataset__says_what_cannot_be_prepared, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(dataset__files_of_one_source_are_alike, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(dataset__a_folder_is_no_source, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(dataset__a_pipe_is_no_source, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(dataset__many_problems_are_counted, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(dataset__a_source_that_changes_while_it_is_read, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(dataset__too_little_memory, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
