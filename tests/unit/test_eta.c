/* The time that is left, from rates made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "orchestrator/eta.h"

static void eta__nothing_known(void **state)
{
	struct eta_rate rates[ETA_STAGES] = {{0}};
	struct eta_work work = {.left = {[1] = 10}, .workers = 2, .guess = NAN};
	double low, high;

	(void)state;
	eta_left(rates, &work, &low, &high);
	assert_true(isnan(low) && isnan(high));
	work.guess = 4; /* the plan's word, until something is measured */
	eta_left(rates, &work, &low, &high);
	assert_true(low == 10 && high == 30);
}

static void eta__from_what_fits_took(void **state)
{
	struct eta_rate rates[ETA_STAGES] = {{0}};
	struct eta_work work = {.left = {[1] = 100}, .workers = 2, .guess = 1000};
	double low, high;

	(void)state;
	for (int i = 0; i < 50; i++)
		eta_note(&rates[1], 4, 2);
	eta_left(rates, &work, &low, &high);
	assert_true(low > 80 && low < 100 && high > 100 && high < 120); /* 100 fits of 2 s on two workers */
}

static void eta__recent_ones_count(void **state)
{
	struct eta_rate rates[ETA_STAGES] = {{0}};
	struct eta_work work = {.left = {[1] = 100}, .workers = 1, .guess = NAN};
	double low, high;

	(void)state;
	for (int i = 0; i < 1000; i++)
		eta_note(&rates[1], 1, 1);
	for (int i = 0; i < 200; i++)
		eta_note(&rates[1], 10, 1); /* the slow ones have begun: half an hour ago */
	eta_left(rates, &work, &low, &high);
	assert_true((low + high) / 2 > 950 && (low + high) / 2 < 1050);
}

static void eta__varying_fits_widen_the_range(void **state)
{
	struct eta_rate even[ETA_STAGES] = {{0}}, uneven[ETA_STAGES] = {{0}};
	struct eta_work work = {.left = {[1] = 100}, .workers = 1, .guess = NAN};
	double low, high, wide_low, wide_high;

	(void)state;
	for (int i = 0; i < 50; i++) {
		eta_note(&even[1], 5, 1);
		eta_note(&uneven[1], i % 2 ? 1 : 9, 1);
	}
	eta_left(even, &work, &low, &high);
	eta_left(uneven, &work, &wide_low, &wide_high);
	assert_true(wide_high / wide_low > 1.5 * (high / low));
}

static void eta__later_rounds(void **state)
{
	struct eta_rate rates[ETA_STAGES] = {{0}};
	struct eta_work work = {.left = {[1] = 10}, .later = {[1] = 90}, .workers = 1, .guess = NAN};
	double low, high, sure_low, sure_high;

	(void)state;
	eta_note(&rates[1], 1, 1);
	eta_left(rates, &work, &low, &high);
	work.later_sure = true;
	eta_left(rates, &work, &sure_low, &sure_high);
	assert_true(low < 10 && high > 100); /* perhaps this round is the last */
	assert_true(sure_low > 80 && sure_high == high);
}

static void eta__a_stage_that_has_not_run(void **state)
{
	struct eta_rate rates[ETA_STAGES] = {{0}};
	struct eta_work work = {.left = {[1] = 0, [4] = 10}, .workers = 1, .guess = NAN};
	double low, high;

	(void)state;
	eta_note(&rates[1], 3, 1);
	eta_left(rates, &work, &low, &high);
	assert_true(low < 30 && high > 30);
}

static void eta__rates_outlive_a_resume(void **state)
{
	struct eta_rate rates[ETA_STAGES] = {{0}}, again[ETA_STAGES] = {{0}};
	json_t *json;

	(void)state;
	eta_note(&rates[1], 3, 2);
	eta_note(&rates[1], 4, 2);
	eta_note(&rates[4], 8, 1);
	json = eta_rates_json(rates);
	eta_rates_read(json, again);
	assert_memory_equal(rates, again, sizeof rates);
	json_decref(json);
	json = json_pack("[s, [f, f, f], {}, i]", "x", -1.0, 2.0, 3.0, 7); /* what is no rate changes nothing */
	eta_rates_read(json, again);
	assert_memory_equal(rates, again, sizeof rates);
	eta_rates_read(NULL, again);
	assert_memory_equal(rates, again, sizeof rates);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(eta__nothing_known),
	        cmocka_unit_test(eta__from_what_fits_took),
	        cmocka_unit_test(eta__recent_ones_count),
	        cmocka_unit_test(eta__varying_fits_widen_the_range),
	        cmocka_unit_test(eta__later_rounds),
	        cmocka_unit_test(eta__a_stage_that_has_not_run),
	        cmocka_unit_test(eta__rates_outlive_a_resume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
