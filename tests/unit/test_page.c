/* Pages: what users named stays text, scripts run by their hash, data islands cannot be left, charts stay small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "reports/campaign_page.h"
#include "reports/charts.h"
#include "reports/compare_page.h"
#include "reports/page.h"
#include "reports/shap_part.h"
#include "reports/stage_cost.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/orch-page-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

static void put(const char *name, const char *text)
{
	char *path = file_join(folder, name), *parent = file_folder(path);
	struct orch_err err = {0};

	if (file_make_folders(parent, &err) || file_write_new(path, text, strlen(text), &err))
		fail_msg("%s", err.text);
	free(path);
	free(parent);
}

static json_t *parse(const char *text)
{
	struct orch_err err = {0};
	json_t *value = NULL;

	if (json_parse(text, strlen(text), "test", &value, &err))
		fail_msg("%s", err.text);
	return value;
}

/* The island's content, as a browser would take it: up to the first end of a script element. */
static json_t *island_of(const char *page)
{
	const char *from = strstr(page, "id=\"charts\">"), *to;
	json_t *value = NULL;

	assert_non_null(from);
	from += strlen("id=\"charts\">");
	to = strstr(from, "</script");
	assert_non_null(to);
	assert_int_equal(json_parse(from, (size_t)(to - from), "island", &value, NULL), 0);
	return value;
}

static void scripts_run_by_their_hash(void **state)
{
	struct text_buf out = {0};

	(void)state;
	page_begin_script(&out, "a", "b", "alert(1)", 8);
	/* printf 'alert(1)' | openssl dgst -sha256 -binary | base64 */
	assert_non_null(strstr(out.data, "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"));
	assert_non_null(strstr(out.data, "default-src 'none'"));
	assert_null(strstr(out.data, "script-src 'unsafe-inline'"));
	text_buf_release(&out);
}

static void island_cannot_be_left(void **state)
{
	json_t *value = json_pack("{s:s}", "a", "</script><script>alert(1)</script><!--&"), *back;
	struct text_buf out = {0};

	(void)state;
	page_data(&out, "charts", value);
	assert_null(strstr(strchr(out.data, '>') + 1, "<script"));
	back = island_of(out.data);
	assert_true(json_equal(value, back));
	json_decref(value);
	json_decref(back);
	text_buf_release(&out);
}

static void cells_are_text(void **state)
{
	struct text_buf out = {0};

	(void)state;
	page_cell(&out, "<b onclick='x'>\"&", 0);
	page_cell_link(&out, "x\"y", "<i>");
	page_cell(&out, "nan<", 1);
	assert_string_equal(out.data, "<td>&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;</td><td><a href=\"x&quot;y\">&lt;i&gt;</a></td><td class=\"n\" data-v=\"nan&lt;\">-</td>");
	text_buf_release(&out);
}

/* ---- the campaign's page ---- */

#define NAME "<script>alert('x')</script>"

static const char outcome_text[] =
	"{\"name\": \"" NAME "\", \"state\": \"done\", \"metric\": \"mae\", \"maximise\": false, \"rounds\": [{\"round\": 0, \"features\": 2, \"score\": 2.5, \"se\": 0.1, \"holdout\": null,"
	"\"dropped\": [\"" NAME "\"], \"reason\": \"because of " NAME "\"}], \"chosen\": {\"round\": 0, \"features\": [\"a\", \"" NAME "\"], \"searched\": {\"" NAME "\": \"" NAME "\"},"
	"\"score\": 2.5, \"se\": 0.1, \"holdout\": null, \"reason\": \"r\", \"gain\": null}, \"all_features\": [\"a\", \"" NAME "\"], \"dropped\": [{\"feature\": \"" NAME "\", \"round\": 0}],"
	"\"totals\": {\"rounds\": 1, \"trials\": 3, \"fits\": 9}, \"failures\": [{\"cause\": \"exit\", \"text\": \"" NAME "\", \"count\": 4, \"round\": 0, \"stage\": \"01_hpo\", \"trial\": 1,"
	"\"fold\": 0, \"left_out\": \"" NAME "\", \"params\": {\"" NAME "\": 1}, \"output\": [\"" NAME "\"]}], \"attempts\": {}, \"slowest\": [], \"stages\": [{\"stage\": \"01_hpo\","
	"\"title\": \"search\", \"tasks\": 3, \"seconds\": 7.5, \"memory\": 1048576.0}], \"files\": {\"notebook\": \"pd.read_parquet('" NAME "')\"}}";

static void put_round(void)
{
	put("rounds/round_000/01_hpo/trials.csv", "trial,param_<script>,mean,sd,state\n0,1,3,0,done\n1,2,,,failed\n2,</script>,2.5,0.1,done\n");
	put("rounds/round_000/01_hpo/best.json", "{\"trial\": 2, \"trials\": 3}");
	put("rounds/round_000/04_lofo/lofo.csv", "feature,delta_mean,ci_low,ci_high,p_adjusted,score_without,rank\na,1,0.5,1.5,0.01,3.5,1\n" NAME ",0,,,,,2\n");
	put("campaign.json", "{\"orch\": {\"version\": \"1\", \"build\": \"" NAME "\"}}");
}

static void campaign_page_holds_text_only(void **state)
{
	json_t *outcome = parse(outcome_text), *island;
	struct orch_err err = {0};
	struct text_buf out = {0};
	const char *script;
	size_t length;

	(void)state;
	put_round();
	if (campaign_page_write(folder, outcome, -1, &out, &err))
		fail_msg("%s", err.text);
	assert_null(strstr(out.data, "<script>alert"));
	assert_non_null(strstr(out.data, "Take round 0: 2 of 2 features, mae 2.5 \xc2\xb1 0.1"));
	assert_null(strstr(out.data, "; the 500 of"));
	assert_non_null(strstr(out.data, "4 fits</b>"));
	assert_non_null(strstr(out.data, "exit 4"));
	assert_non_null(strstr(out.data, "search 100 %"));
	assert_non_null(strstr(out.data, "pd.read_parquet(&#39;&lt;script&gt;"));
	if (charts_script(&script, &length)) {
		island = island_of(out.data);
		assert_int_equal(json_array_size(json_object_get(island, "history")), 2); /* a failed trial has no point */
		assert_string_equal(json_string_value(json_array_get(json_array_get(json_object_get(island, "lofo"), 1), 0)), NAME);
		json_decref(island);
	}
	json_decref(outcome);
	text_buf_release(&out);
}

static void campaign_page_is_of_so_far(void **state)
{
	json_t *outcome = parse(outcome_text);
	struct text_buf out = {0};

	(void)state;
	put_round();
	json_object_set_new(outcome, "state", json_string("interrupted"));
	assert_int_equal(campaign_page_write(folder, outcome, 0, &out, NULL), 0);
	assert_non_null(strstr(out.data, "So far: take round 0"));
	json_decref(outcome);
	text_buf_release(&out);
}

static void campaign_page_says_what_is_missing(void **state)
{
	json_t *none = json_pack("{s:s, s:[]}", "name", "x", "rounds"), *outcome = parse(outcome_text);
	struct orch_err err = {0}, other = {0};
	struct text_buf out = {0};

	(void)state;
	assert_int_equal(campaign_page_write(folder, none, -1, &out, &err), ORCH_EMISSING);
	assert_non_null(strstr(err.text, "no round is finished yet"));
	assert_int_equal(campaign_page_write(folder, outcome, 3, &out, &other), ORCH_EINPUT);
	assert_non_null(strstr(other.text, "no finished round 3; the last is round 0"));
	json_decref(none);
	json_decref(outcome);
	text_buf_release(&out);
}

/* 46,000 trials: all improvements are there, few others. */
static void charts_thin_out_long_searches(void **state)
{
	struct text_buf csv = {0}, out = {0};
	json_t *outcome = json_pack("{s:s, s:b}", "metric", "mae", "maximise", 0), *island, *history;
	double best = 1e9;

	(void)state;
	text_add(&csv, "trial,param_a,mean,sd,state\n");
	for (int i = 0; i < 46000; i++)
		text_addf(&csv, "%d,%d,%.6f,0,done\n", i, i % 7, i == 12345 ? 0.5 : 1 + (double)((i * 7919) % 46001) / 46001);
	put("r/01_hpo/trials.csv", csv.data);
	put("r/04_lofo/lofo.csv", "feature,delta_mean,ci_low,ci_high\n");
	char *round = file_join(folder, "r");
	assert_int_equal(charts_add(&out, round, outcome, NULL), 0);
	free(round);
	island = island_of(out.data);
	history = json_object_get(island, "history");
	assert_in_range(json_array_size(history), 4000, 5200);
	for (size_t i = 0; i < json_array_size(history); i++) {
		double so_far = json_number_value(json_array_get(json_array_get(history, i), 2));

		assert_true(so_far <= best);
		best = so_far;
	}
	assert_true(best == 0.5);
	assert_int_equal(json_array_size(json_object_get(json_object_get(island, "parallel"), "rows")), 500);
	assert_int_equal(json_get_int(json_object_get(island, "parallel"), "of", 0), 46000);
	assert_true(out.length < 400000);
	assert_non_null(strstr(out.data, "; the 500 of 46,000 that scored best<"));
	assert_non_null(strstr(out.data, "<b>Optimisation history</b><span>46,000 trials; best 0.5</span>"));
	assert_non_null(strstr(out.data, "<b>Parallel coordinates</b><span>500 of 46,000 trials; colour is mae"));
	json_decref(island);
	json_decref(outcome);
	text_buf_release(&csv);
	text_buf_release(&out);
}

/* A cell of numbers takes them plain: one with a comma in its thousands is none. */
static void shap_part_shows_thousands(void **state)
{
	struct text_buf out = {0};

	(void)state;
	put("r/07_diagnostics/shap.json", "{\"target\": \"price\", \"scale\": \"target\", \"rows\": 1018, \"of\": \"holdout\", \"method\": \"tree\", \"scores\": [], \"total\": 2,"
	                                  "\"features\": [{\"name\": \"carat\", \"mean_abs\": 2159.75}, {\"name\": \"cut\", \"mean_abs\": 80.5}]}");
	char *round = file_join(folder, "r");
	shap_part_table(&out, round);
	free(round);
	assert_non_null(strstr(out.data, "data-v=\"2159.75\">2159.8<"));
	assert_non_null(strstr(out.data, ">80.5<"));
	assert_null(strstr(out.data, ">-<"));
	text_buf_release(&out);
}

static void compare_page_holds_text_only(void **state)
{
	json_t *comparison = parse("{\"metric\": \"mae\", \"maximise\": false, \"entries\": [{\"label\": \"A\", \"name\": \"" NAME "\", \"round\": 0}, {\"label\": \"B\", \"name\": \"b\", \"round\": 1}],"
	                           "\"tests\": [null, {\"paired\": false, \"why\": \"other folds\"}], \"differences\": {\"spec\": [{\"key\": \"" NAME "\", \"values\": [\"" NAME "\", 0.1]}]}}");
	struct text_buf out = {0};

	(void)state;
	compare_page_write(comparison, &out);
	assert_null(strstr(out.data, "<script>alert"));
	assert_non_null(strstr(out.data, "other folds"));
	assert_non_null(strstr(out.data, "<td>0.1</td>"));
	json_decref(comparison);
	text_buf_release(&out);
}

static void stage_costs_add_up(void **state)
{
	struct stage_cost costs[STAGE_COSTS_MAX] = {0};
	size_t count = 0;

	(void)state;
	put("telemetry/round_000.jsonl", "{\"event\":\"task\",\"stage\":\"04_lofo\",\"seconds\":2,\"peak_rss\":100,\"rss_after\":7}\n{\"event\":\"task\",\"stage\":\"01_hpo\",\"seconds\":0.5}\n");
	put("telemetry/round_001.jsonl", "{\"event\":\"task\",\"stage\":\"04_lofo\",\"seconds\":3,\"peak_rss\":50}\n{\"event\":\"other\"}\n{\"event\":\"task\",\"stage\":\"04_l");
	assert_int_equal(stage_costs(folder, costs, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_string_equal(costs[0].stage, "01_hpo");
	assert_true(costs[0].seconds == 0.5);
	assert_true(costs[1].seconds == 5 && costs[1].memory == 100 && costs[1].tasks == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"page__scripts_run_by_their_hash", scripts_run_by_their_hash, NULL, NULL, NULL},
		{"page__island_cannot_be_left", island_cannot_be_left, NULL, NULL, NULL},
		{"page__cells_are_text", cells_are_text, NULL, NULL, NULL},
		{"campaign_page__holds_text_only", campaign_page_holds_text_only, make_folder, remove_folder, NULL},
		{"campaign_page__is_of_so_far", campaign_page_is_of_so_far, make_folder, remove_folder, NULL},
		{"campaign_page__says_what_is_missing", campaign_page_says_what_is_missing, make_folder, remove_folder, NULL},
		{"charts__thin_out_long_searches", charts_thin_out_long_searches, make_folder, remove_folder, NULL},
		{"compare_page__holds_text_only", compare_page_holds_text_only, NULL, NULL, NULL},
		{"shap_part__shows_thousands", shap_part_shows_thousands, make_folder, remove_folder, NULL},
		{"stage_cost__adds_up", stage_costs_add_up, make_folder, remove_folder, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
