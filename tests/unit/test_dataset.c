/* Sources become frames: types, roles, levels, what is missing, notes for people; the cache; rows to predict. */
#include "tests/unit/dataset_world.h"

#include "storage/base/frame.h"

/* What came of a source: the frame, open, and the notes in one text, a line each. */
struct made {
	char *path, *notes;
	struct frame *frame;
};

static char *joined(const json_t *notes)
{
	struct text_buf out = {0};
	json_t *note;
	size_t i;

	json_array_foreach(notes, i, note)
		text_addf(&out, "%s\n", json_string_value(note));
	return text_take(&out);
}

static struct made made_of(const json_t *take_request)
{
	struct made made = {0};
	struct orch_err err = {0};
	json_t *notes = NULL;

	if (world_prepare(take_request, &made.path, &notes, &err) || frame_open(made.path, true, &made.frame, &err))
		fail_msg("%s", err.text);
	made.notes = joined(notes);
	json_decref(notes);
	json_decref((json_t *)(uintptr_t)take_request);
	return made;
}

static struct made make(const char *source, const char *text, const char *more)
{
	world_write(source, text, strlen(text));
	return made_of(world_request(source, more));
}

static void made_release(struct made *made)
{
	frame_close(made->frame);
	free(made->path);
	free(made->notes);
}

static const struct column *must_column(const struct made *made, const char *name)
{
	const struct column *column = frame_column(made->frame, name);

	if (!column)
		fail_msg("no column %s", name);
	return column;
}

/* NaN stands for missing. */
static void check_values(const struct made *made, const char *name, size_t count, const double *want)
{
	const struct column *column = must_column(made, name);

	assert_int_equal(made->frame->rows, count);
	for (size_t i = 0; i < count; i++) {
		double got = column_value(column, i);

		if (!(got == want[i] || (isnan(got) && isnan(want[i]))))
			fail_msg("%s, row %zu: %.17g, not %.17g", name, i, got, want[i]);
	}
}

static void check_levels(const struct made *made, const char *name, const char *want)
{
	const struct column *column = must_column(made, name);
	struct text_buf levels = {0};

	assert_int_equal(column->kind, COLUMN_CATEGORY);
	for (size_t i = 0; i < column->level_count; i++)
		text_addf(&levels, "%s%s", i ? " " : "", column->levels[i]);
	assert_string_equal(levels.data, want);
	text_buf_release(&levels);
}

static void check_note(const struct made *made, const char *want)
{
	if (!strstr(made->notes, want))
		fail_msg("\"%s\" does not say \"%s\"", made->notes, want);
}

/* ---- types, roles, levels ---- */

static void dataset__kinds_of_columns(void **state)
{
	struct made made = make("a.csv", "n,f,b,t,d,y\n1,0.5,true,red,1970-01-02,1.5\n,1e-3,false,blue,1970-01-03,2.5\n3,,true,,1969-12-31,3.5\n", "{}");

	(void)state;
	check_values(&made, "__row", 3, (double[]){0, 1, 2});
	check_values(&made, "n", 3, (double[]){1, NAN, 3});
	check_values(&made, "f", 3, (double[]){0.5, 1e-3, NAN});
	assert_int_equal(must_column(&made, "b")->kind, COLUMN_BOOL);
	check_values(&made, "b", 3, (double[]){1, 0, 1});
	check_levels(&made, "t", "blue red");
	assert_int_equal(column_code(must_column(&made, "t"), 0), 1);
	assert_int_equal(column_code(must_column(&made, "t"), 2), -1);
	check_values(&made, "d", 3, (double[]){1, 2, -1});
	check_note(&made, "column d (DATE) is read as days since 1970");
	assert_int_equal(must_column(&made, "y")->roles, COLUMN_TARGET);
	assert_int_equal(must_column(&made, "n")->roles, COLUMN_FEATURE);
	assert_string_equal(made.frame->columns[0].name, "__row");
	assert_string_equal(made.frame->columns[1].name, "n");
	made_release(&made);
}

static void dataset__roles(void **state)
{
	struct made made = make("a.csv", "x,gone,i,w,g,s,y\n1,2,a,1,7,p,1\n2,3,b,2,7,q,2\n3,4,c,0,8,p,4\n",
	        "{'exclude': ['gone'], 'id': 'i', 'weight': 'w', 'split_columns': ['g'], 'strata_columns': ['s']}");

	(void)state;
	assert_null(frame_column(made.frame, "gone"));
	assert_int_equal(must_column(&made, "i")->roles, COLUMN_ID);
	assert_int_equal(must_column(&made, "w")->roles, COLUMN_WEIGHT);
	assert_int_equal(must_column(&made, "g")->roles, COLUMN_SPLIT);
	assert_int_equal(must_column(&made, "s")->roles, COLUMN_SPLIT | COLUMN_FEATURE);
	check_values(&made, "w", 3, (double[]){1, 2, 0});
	made_release(&made);
}

static void dataset__classes_of_a_target(void **state)
{
	struct made made = make("a.csv", "x,y\n1,good\n2,bad\n3,good\n", "{}");

	(void)state;
	check_levels(&made, "y", "bad good");
	made_release(&made);
	made = make("a.csv", "x,y\n1,10\n2,9\n3,10\n", "{}"); /* two values: classes, in order of size */
	check_levels(&made, "y", "9 10");
	made_release(&made);
	made = make("a.csv", "x,y\n1,10\n2,9\n3,10\n", "{'task': 'regression'}");
	assert_int_equal(must_column(&made, "y")->kind, COLUMN_NUMBER);
	made_release(&made);
	made = make("a.csv", "x,y\n1,3.0\n2,1\n3,2\n", "{'task': 'classification'}");
	check_levels(&made, "y", "1 2 3");
	made_release(&made);
}

static void dataset__declared_levels_keep_their_order(void **state)
{
	struct made made = make("a.csv", "x,y\nmid,1\nlow,2\nhigh,4\n", "{'categories': {'x': ['low', 'mid', 'high', 'top']}}");

	(void)state;
	check_levels(&made, "x", "low mid high top");
	assert_true(must_column(&made, "x")->ordered);
	check_values(&made, "x", 3, (double[]){1, 0, 2});
	made_release(&made);
}

static void dataset__words_for_missing(void **state)
{
	struct made made = make("a.csv", "x,z,y\n1,a,1\nNA,NA,2\n2.5,b,4\n", "{}");

	(void)state;
	check_values(&made, "x", 3, (double[]){1, NAN, 2.5});
	check_note(&made, "column x: 1 values that are no numbers (NA and the like) are read as missing");
	check_levels(&made, "z", "NA a b"); /* among words it is a word */
	made_release(&made);
}

static void dataset__rows_that_lack_a_value_can_be_dropped(void **state)
{
	struct made made = make("a.csv", "x,z,y\n1,1,1\n,2,2\n3,,4\n4,4,\n5,5,8\n", "{'missing': 'drop'}");

	(void)state;
	check_values(&made, "__row", 2, (double[]){0, 4}); /* as they are numbered in the source */
	check_values(&made, "x", 2, (double[]){1, 5});
	check_note(&made, "3 of 5 rows lack a value and are dropped (data.missing)");
	made_release(&made);
}

static void dataset__derived_features(void **state)
{
	struct made made = make("a.csv", "x,y\n1,1\n2,2\n3,4\n", "{'features': {'double': '2 * x', 'late': 'rank() OVER (ORDER BY y DESC)', 'big': 'x > 1'}}");

	(void)state;
	check_values(&made, "double", 3, (double[]){2, 4, 6});
	check_values(&made, "late", 3, (double[]){3, 2, 1});
	assert_int_equal(must_column(&made, "big")->kind, COLUMN_BOOL);
	assert_string_equal(made.frame->columns[made.frame->column_count - 1].name, "big");
	made_release(&made);
}

static void dataset__an_angle_of_sine_and_cosine(void **state)
{
	struct made made = make("a.csv", "s,c,x\n0,1,1\n1,0,2\n0,-1,3\n-1,0,4\n", "{'targets': [], 'angle': {'sine': 's', 'cosine': 'c'}}");

	(void)state;
	check_values(&made, "angle", 4, (double[]){0, 90, 180, 270});
	assert_int_equal(must_column(&made, "angle")->roles, COLUMN_TARGET);
	assert_null(frame_column(made.frame, "s"));
	made_release(&made);
}

static void dataset__what_a_person_should_know(void **state)
{
	struct text_buf text = {0};
	struct made made;

	(void)state;
	text_add(&text, ",same,name,y\n");
	for (int i = 0; i < 40; i++)
		text_addf(&text, "%d,7,person %d,%d\n", i, i, i * i);
	made = make("a.csv", text.data, "{}");
	check_note(&made, "column 1 of a.csv has no name and is called column0: exclude it if it only numbers the rows");
	check_note(&made, "column same has the same value in all rows that have one: it can tell nothing");
	check_note(&made, "column name has 40 different texts in 40 rows: if it names the rows, exclude it");
	made_release(&made);
	text_buf_release(&text);
}

/* ---- sources ---- */

static void dataset__dialects_of_csv(void **state)
{
	static const char *const texts[] = {"x,t,y\n1,\"a, \"\"b\"\"\nc\",2\n3,d,5\n", "x;t;y\n1;\"a, \"\"b\"\"\nc\";2\n3;d;5\n", "x|t|y\n1|\"a, \"\"b\"\"\nc\"|2\n3|d|5\n",
	        "\n\nx,t,y\n1,\"a, \"\"b\"\"\nc\",2\n3,d,5\n", "\xef\xbb\xbfx,t,y\r\n1,\"a, \"\"b\"\"\nc\",2\r\n3,d,5\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct made made = make("a.csv", texts[i], "{'task': 'regression'}");

		check_values(&made, "x", 2, (double[]){1, 3});
		check_values(&made, "y", 2, (double[]){2, 5});
		check_levels(&made, "t", "a, \"b\"\nc d");
		made_release(&made);
	}
}

static void dataset__a_hash_is_no_comment(void **state)
{
	struct made made = make("a.csv", "x,y\n#1,1\n#2,2\n#1,4\n", "{}");

	(void)state;
	check_levels(&made, "x", "#1 #2");
	made_release(&made);
}

static void dataset__several_files_in_order_of_their_names(void **state)
{
	struct made made;

	(void)state;
	world_write("p2.csv", "y,x\n5,3\n8,4\n", 12); /* another order of columns */
	made = make("p10.csv", "x,y\n1,1\n2,2\n", "{}");
	made_release(&made);
	made = made_of(world_request("p*.csv", "{}"));
	check_values(&made, "x", 4, (double[]){1, 2, 3, 4});
	check_values(&made, "y", 4, (double[]){1, 2, 5, 8});
	made_release(&made);
	world_write("p2.csv", "\n\ny,x\n5,3\n8,4\n", 14); /* empty lines before one of the headers */
	made = made_of(world_request("p*.csv", "{}"));
	check_values(&made, "x", 4, (double[]){1, 2, 3, 4});
	made_release(&made);
}

static void dataset__a_name_with_wildcards_is_a_file(void **state)
{
	struct made made;

	(void)state;
	world_write("ab.csv", "x,y\n1,1\n2,2\n", 12);
	made = make("a*.csv", "x,y\n7,1\n8,3\n9,4\n", "{}");
	check_values(&made, "x", 3, (double[]){7, 8, 9});
	made_release(&made);
}

static void dataset__rows_of_sql_are_in_order_of_the_id(void **state)
{
	struct made made;

	(void)state;
	world_write("a.csv", "i,x,y\n3,30,1\n1,10,2\n2,20,4\n", 27);
	made = made_of(world_request(NULL, "{'sql': 'SELECT * FROM `a.csv` ORDER BY x DESC; ', 'id': 'i'}"));
	check_values(&made, "x", 3, (double[]){10, 20, 30});
	assert_non_null(strstr(made.path, "/sql_"));
	made_release(&made);
}

/* ---- names and the cache ---- */

static char *hash_of(const char *source, const char *more)
{
	json_t *request = world_request(source, more);
	char hash[65];

	assert_int_equal(dataset_source_hash(request, hash, NULL), 0);
	json_decref(request);
	return mem_text(hash);
}

static void dataset__the_hash_is_of_names_and_content(void **state)
{
	char *a, *again, *changed, *renamed;

	(void)state;
	world_write("a.csv", "x,y\n1,1\n2,2\n", 12);
	world_write("b.csv", "x,y\n1,1\n2,2\n", 12);
	a = hash_of("a.csv", "{}");
	again = hash_of("a.csv", "{'missing': 'drop'}"); /* of the source alone */
	renamed = hash_of("b.csv", "{}");
	world_write("a.csv", "x,y\n1,1\n2,3\n", 12);
	changed = hash_of("a.csv", "{}");
	assert_string_equal(a, again);
	assert_string_not_equal(a, renamed);
	assert_string_not_equal(a, changed);
	free(a);
	free(again);
	free(renamed);
	free(changed);
}

static int find(const json_t *request, char **path)
{
	char hash[65];

	assert_int_equal(dataset_source_hash(request, hash, NULL), 0);
	return dataset_find(request, hash, path, NULL);
}

static void dataset__what_was_prepared_is_found(void **state)
{
	struct made made = make("a.csv", "x,y\n1,1\n2,2\n3,5\n", "{}");
	json_t *same = world_request("a.csv", "{'threads': 3, 'memory': 600000000}"), *other = world_request("a.csv", "{'exclude': ['x']}");
	char *path = NULL;

	(void)state;
	assert_int_equal(find(same, &path), 0);
	assert_string_equal(path, made.path);
	free(path);
	path = NULL;
	assert_int_equal(find(other, &path), ORCH_EMISSING);
	assert_null(path);
	assert_int_equal(truncate(made.path, 100), 0); /* damaged: prepared anew, that costs time only */
	assert_int_equal(find(same, &path), ORCH_EMISSING);
	assert_false(file_exists(made.path));
	made_release(&made);
	made = made_of(same);
	check_values(&made, "x", 3, (double[]){1, 2, 3});
	made_release(&made);
	json_decref(other);
}

static void dataset__twice_the_same_frame(void **state)
{
	struct made a = make("a.csv", "x,y,t\n1,1,a\n2,2,b\n3,5,a\n", "{'features': {'z': 'x * y'}}"), b;
	char first[65], second[65];

	(void)state;
	assert_int_equal(dataset_frame_hash(a.path, first, NULL), 0);
	assert_int_equal(file_remove(a.path, NULL), 0);
	b = made_of(world_request("a.csv", "{'features': {'z': 'x * y'}}"));
	assert_string_equal(a.path, b.path);
	assert_int_equal(dataset_frame_hash(b.path, second, NULL), 0);
	assert_string_equal(first, second);
	made_release(&a);
	made_release(&b);
}

static void dataset__the_cache_is_where_the_environment_says(void **state)
{
	char *folder;

	(void)state;
	setenv("ORCH_CACHE", "/somewhere", 1);
	folder = dataset_cache_folder();
	assert_string_equal(folder, "/somewhere");
	free(folder);
	unsetenv("ORCH_CACHE");
	setenv("XDG_CACHE_HOME", "/caches", 1);
	folder = dataset_cache_folder();
	assert_string_equal(folder, "/caches/orch");
	free(folder);
	unsetenv("XDG_CACHE_HOME");
	setenv("HOME", "/home/me", 1);
	folder = dataset_cache_folder();
	assert_string_equal(folder, "/home/me/.cache/orch");
	free(folder);
}

static void dataset__a_file_of_the_cache_is_stored_once(void **state)
{
	char *path = dataset_cache_path("folds", "abc", ".folds"), *text = NULL;
	size_t length;

	(void)state;
	assert_non_null(strstr(path, "/cache/folds/abc.folds"));
	assert_int_equal(dataset_cache_store(path, "first", 5, NULL), 0);
	assert_int_equal(dataset_cache_store(path, "first", 5, NULL), 0);
	assert_int_equal(file_read(path, 100, &text, &length, NULL), 0);
	assert_string_equal(text, "first");
	free(text);
	free(path);
}

/* ---- rows to predict ---- */

#define WANTED "{'features': [{'name': 'x', 'kind': 'number'}, {'name': 'b', 'kind': 'boolean'}, {'name': 't', 'kind': 'category', 'levels': ['blue', 'red']}], 'id': 'i'}"

static int read_input(const char *wanted, const char *text, struct made *out, struct orch_err *err)
{
	char *path = file_join(world_folder, "in.csv");
	json_t *want = world_json(wanted), *notes = NULL;
	int code;

	*out = (struct made){0};
	world_write("in.csv", text, strlen(text));
	code = dataset_input(want, path, &out->frame, &notes, err);
	out->notes = joined(notes);
	json_decref(notes);
	json_decref(want);
	free(path);
	return code;
}

static void dataset__rows_to_predict(void **state)
{
	struct made made;

	(void)state;
	assert_int_equal(read_input(WANTED, "t,more,x,b,i\nred,1,5,true,p\ngreen,2,,false,q\n,3,7,,r\n", &made, NULL), 0);
	check_values(&made, "x", 3, (double[]){5, NAN, 7});
	check_values(&made, "b", 3, (double[]){1, 0, NAN});
	check_levels(&made, "t", "blue red"); /* the campaign's */
	check_values(&made, "t", 3, (double[]){1, NAN, NAN});
	assert_null(frame_column(made.frame, "more"));
	assert_non_null(frame_column(made.frame, "i"));
	check_note(&made, "column \"t\": 1 row has a level that the campaign does not know (\"green\"): taken as missing");
	made_release(&made);
	assert_int_equal(read_input(WANTED, "t,x,b\nred,5,true\n", &made, NULL), 0);
	check_note(&made, "there is no column \"i\" (data.id): rows are told by their number alone");
	made_release(&made);
}

static void check_input_refused(const char *wanted, const char *text, const char *want)
{
	struct orch_err err = {0};
	struct made made;

	assert_int_equal(read_input(wanted, text, &made, &err), ORCH_EINPUT);
	if (!strstr(err.text, want))
		fail_msg("\"%s\" does not say \"%s\"", err.text, want);
	assert_null(made.frame);
	made_release(&made);
}

static void dataset__says_what_cannot_be_predicted(void **state)
{
	(void)state;
	check_input_refused("{'features': [{'name': 'price', 'kind': 'number'}]}", "prise,b\n1,2\n", "there is no column \"price\", which the model needs; did you mean \"prise\"?");
	check_input_refused(WANTED, "x,b,t\nfive,true,red\n", "column \"x\" holds text (VARCHAR) where the campaign has numbers");
	check_input_refused(WANTED, "x,b,t\n1,perhaps,red\n", "column \"b\" holds text (VARCHAR) where the campaign has true or false");
	check_input_refused(WANTED, "x,b,t\n1,true,red\ninf,true,red\n", "column \"x\" is infinite in 1 rows");
	check_input_refused(WANTED, "x,b,t\n", "in.csv has no rows, only a header");
	check_input_refused(WANTED, "", "in.csv is empty");
	check_input_refused("{'features': [{'name': 'z', 'kind': 'number'}], 'derived': {'z': 'x + q'}}", "x,b,t\n1,true,red\n", "data.features.z: ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dataset__kinds_of_columns),
		TEST(dataset__roles),
		TEST(dataset__classes_of_a_target),
		TEST(dataset__declared_levels_keep_their_order),
		TEST(dataset__words_for_missing),
		TEST(dataset__rows_that_lack_a_value_can_be_dropped),
		TEST(dataset__derived_features),
		TEST(dataset__an_angle_of_sine_and_cosine),
		TEST(dataset__what_a_person_should_know),
		TEST(dataset__dialects_of_csv),
		TEST(dataset__a_hash_is_no_comment),
		TEST(dataset__several_files_in_order_of_their_names),
		TEST(dataset__a_name_with_wildcards_is_a_file),
		TEST(dataset__rows_of_sql_are_in_order_of_the_id),
		TEST(dataset__the_hash_is_of_names_and_content),
		TEST(dataset__what_was_prepared_is_found),
		TEST(dataset__twice_the_same_frame),
		TEST(dataset__a_file_of_the_cache_is_stored_once),
		TEST(dataset__rows_to_predict),
		TEST(dataset__says_what_cannot_be_predicted),
		TEST(dataset__the_cache_is_where_the_environment_says), /* last: it leaves another HOME */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
