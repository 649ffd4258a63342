/* Student's t against numbers of many more digits, and against the closed forms that small degrees of freedom have. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engines/lofo/student.h"

/* Made with mpmath (60 digits), its betainc and bisection on it. Numbers of t and x are meant as the nearest doubles. */
static const struct {
	double t, df, p;
} tails[] = {
	{1e-08, 1.0, 0.99999999363380227632},
	{0.1, 1.0, 0.93654896513889285747},
	{1.0, 1.0, 0.5},
	{2.5, 1.0, 0.24223788318168679745},
	{7.0, 1.0, 0.090334470601733096702},
	{40.0, 1.0, 0.015912179824051626637},
	{10000.0, 1.0, 0.000063661977024551544792},
	{1e-08, 2.0, 0.99999999292893218813},
	{0.1, 2.0, 0.92946543841414016922},
	{1.0, 2.0, 0.42264973081037423549},
	{2.5, 2.0, 0.12961172022151080911},
	{7.0, 2.0, 0.019803941180393137529},
	{40.0, 2.0, 0.0006244146721847406375},
	{10000.0, 2.0, 9.9999998500000025e-9},
	{1e-08, 2.5, 0.99999999276382551941},
	{0.1, 2.5, 0.92780654406248957595},
	{1.0, 2.5, 0.40406102727827346636},
	{2.5, 2.5, 0.10456996307815538725},
	{7.0, 2.5, 0.010572369527591409992},
	{40.0, 2.5, 0.00014195634290493382913},
	{10000.0, 2.5, 1.4386794031984423042e-10},
	{1e-08, 4.0, 0.9999999925},
	{0.1, 4.0, 0.92515584093945328146},
	{1.0, 4.0, 0.37390096630005888501},
	{2.5, 4.0, 0.066766544811988145039},
	{7.0, 4.0, 0.0021921298066929389916},
	{40.0, 4.0, 2.3340163226012685953e-6},
	{10000.0, 4.0, 5.999999600000021e-16},
	{1e-08, 9.0, 0.99999999223930182257},
	{0.1, 9.0, 0.92253644795668120401},
	{1.0, 9.0, 0.34343639613791351488},
	{2.5, 9.0, 0.03386182768298573921},
	{7.0, 9.0, 0.000063247389637366944057},
	{40.0, 9.0, 1.898299844933982647e-11},
	{10000.0, 9.0, 5.0917921995084639853e-33},
	{1e-08, 24.0, 0.99999999210381223573},
	{0.1, 24.0, 0.92117497794915979589},
	{1.0, 24.0, 0.32728688127978518872},
	{2.5, 24.0, 0.019654175116578746876},
	{7.0, 24.0, 3.0809274470527028914e-7},
	{40.0, 24.0, 1.7611536369074843199e-23},
	{10000.0, 24.0, 5.8863427139264349261e-81},
	{1e-08, 99.0, 0.99999999204127723152},
	{0.1, 99.0, 0.9205465507375822826},
	{1.0, 99.0, 0.31974847413930140376},
	{2.5, 99.0, 0.014062596921149057912},
	{7.0, 99.0, 3.0956156542999094405e-10},
	{40.0, 99.0, 6.3850851602872267953e-63},
	{10000.0, 99.0, 4.8634767079469494834e-299},
	{1e-08, 199.0, 0.99999999203117173158},
	{0.1, 199.0, 0.92044499553391089652},
	{1.0, 199.0, 0.31852491231977385093},
	{2.5, 199.0, 0.013227259966507702805},
	{7.0, 199.0, 3.8340697985559640887e-11},
	{40.0, 199.0, 4.3394585669291641108e-97},
	{1e-08, 1000.0, 0.99999999202314885372},
	{0.1, 1000.0, 0.92036436902360412671},
	{1.0, 1000.0, 0.31755241808467230708},
	{2.5, 1000.0, 0.01257856780109079681},
	{7.0, 1000.0, 4.6875025667714228453e-12},
	{40.0, 1000.0, 1.047885215517336094e-209},
};
static const struct {
	double a, b, x, value;
} betas[] = {
	{0.5, 0.5, 0.25, 0.33333333333333333333},
	{2, 3, 0.5, 0.6875},
	{10, 0.5, 0.9, 0.15164090963470996856},
	{0.5, 30, 0.01, 0.56066563109474878862},
	{12, 15, 0.4, 0.32632071343693027508},
	{200, 100, 0.7, 0.89115693435508984738},
	{1, 1, 0.3, 0.2999999999999999889},
	{5, 2, 0.999, 0.99998503995502399497},
	{0.1, 0.2, 0.6, 0.69285678232066698296},
	{40, 60, 0.1, 1.9574448199448017123e-15},
};
static const struct {
	double p, df, t;
} criticals[] = {
	{0.05, 1.0, 12.706204736174703938},
	{0.05, 2.0, 4.3026527297494637234},
	{0.05, 4.0, 2.7764451051977943036},
	{0.05, 9.0, 2.2621571627982055086},
	{0.05, 24.0, 2.0638985616280258222},
	{0.05, 199.0, 1.9719565442517538102},
	{0.5, 1.0, 1.0},
	{0.5, 2.0, 0.81649658092772603273},
	{0.5, 4.0, 0.74069708411268263298},
	{0.5, 9.0, 0.70272214675132636718},
	{0.5, 24.0, 0.68484962723698180614},
	{0.5, 199.0, 0.67572459561064572378},
	{0.001, 1.0, 636.61924876871960296},
	{0.001, 2.0, 31.599054576443620403},
	{0.001, 4.0, 8.6103015813792750499},
	{0.001, 9.0, 4.7809125859311390514},
	{0.001, 24.0, 3.7453986192900524523},
	{0.001, 199.0, 3.3400865561614309551},
	{1e-10, 1.0, 6366197723.6758131988},
	{1e-10, 2.0, 99999.999992499998178},
	{1e-10, 4.0, 494.91983285011579829},
	{1e-10, 9.0, 33.218654254619943448},
	{1e-10, 24.0, 10.836978360900003764},
	{1e-10, 199.0, 6.8314205839189822209},
};
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void near(double got, double want, double relative)
{
	if (!(fabs(got - want) <= relative * fabs(want)))
		fail_msg("%.17g is not %.17g", got, want);
}

static void student__tails_to_twelve_digits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tails); i++) {
		near(student_two_sided(tails[i].t, tails[i].df), tails[i].p, 1e-12);
		near(student_two_sided(-tails[i].t, tails[i].df), tails[i].p, 1e-12);
	}
}

static void student__critical_to_twelve_digits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(criticals); i++)
		near(student_critical(criticals[i].p, criticals[i].df), criticals[i].t, 1e-12);
}

static void student__beta_to_twelve_digits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(betas); i++) {
		near(beta_incomplete(betas[i].a, betas[i].b, betas[i].x), betas[i].value, 1e-12);
		assert_float_equal(beta_incomplete(betas[i].b, betas[i].a, 1 - betas[i].x), 1 - betas[i].value, 1e-12);
	}
}

/* One degree of freedom is Cauchy's distribution, two and four have roots only. */
static void student__closed_forms(void **state)
{
	(void)state;
	for (double t = 0.01; t < 60; t *= 1.3) {
		double r = t / sqrt(4 + t * t);

		near(student_two_sided(t, 1), 2 * atan2(1, t) / acos(-1), 1e-12);
		assert_float_equal(student_two_sided(t, 2), 1 - t / sqrt(2 + t * t), 1e-14);
		assert_float_equal(student_two_sided(t, 4), 1 - r * (1 + (1 - r * r) / 2), 1e-14);
	}
}

static void student__falls_with_t(void **state)
{
	(void)state;
	for (double df = 1; df < 300; df *= 2)
		for (double t = 0; t < 30; t += 0.37)
			assert_true(student_two_sided(t, df) > student_two_sided(t + 0.37, df));
}

static void student__edges(void **state)
{
	(void)state;
	assert_true(student_two_sided(0, 4) == 1);
	assert_true(student_two_sided(INFINITY, 4) == 0);
	assert_true(student_two_sided(-INFINITY, 4) == 0);
	assert_true(isnan(student_two_sided(NAN, 4)));
	assert_true(isnan(student_two_sided(1, 0)));
	assert_true(isnan(student_two_sided(1, NAN)));
	assert_true(student_critical(1, 3) == 0);
	assert_true(isnan(student_critical(0, 3)));
	assert_true(isnan(student_critical(0.05, 0)));
	assert_true(beta_incomplete(2, 3, 0) == 0);
	assert_true(beta_incomplete(2, 3, 1) == 1);
	assert_true(isnan(beta_incomplete(2, 3, 1.5)));
	assert_true(isnan(beta_incomplete(0, 3, 0.5)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(student__tails_to_twelve_digits),
		cmocka_unit_test(student__critical_to_twelve_digits),
		cmocka_unit_test(student__beta_to_twelve_digits),
		cmocka_unit_test(student__closed_forms),
		cmocka_unit_test(student__falls_with_t),
		cmocka_unit_test(student__edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
