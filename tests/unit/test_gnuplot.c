/* Figures through gnuplot: texts arrive as they are and run nothing, shapes where they belong, the same bytes twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/chart.h"
#include "reports/gnuplot.h"
#include "storage/base/file.h"

static char *draw(const struct figure *figure, enum gnuplot_format format, size_t *length)
{
	struct orch_err err = {0};
	char *bytes = NULL;

	if (gnuplot_draw(figure, format, &bytes, length, &err))
		fail_msg("%s", err.text);
	return bytes;
}

static const struct figure_style plain = {.rgb = COLOUR_TEXT, .size = 11};

static void gnuplot__texts_arrive_as_they_are(void **state)
{
	static const struct { const char *text, *shown; } cases[] = {
		{"`touch orch-plot-was-here`", ">`touch orch-plot-was-here`<"}, {"$(touch orch-plot-was-here)", ">$(touch orch-plot-was-here)<"},
		{"a\\nb\\tc\\", ">a\\nb\\tc\\<"}, {"\"whole\"", ">\"whole\"<"}, {"\"half", ">\"half<"}, {"a\" and \"b", ">a\" and \"b<"}, {"'; system('x'); '", ">'; system('x'); '<"},
		{"{/Bold x}_2^3 @a &{b}", ">{/Bold x}_2^3 @a &amp;{b}<"}, {"<script>&amp;", ">&lt;script>&amp;amp;<"}, {"a]]>b", ">a]] >b<"}, {"# no comment", "># no comment<"},
		{"NaN", ">NaN<"}, {"-", ">-<"}, {"?", ">?<"}, {"%d %s 100%", ">%d %s 100%<"}, {"tab\there", ">tab\\x09here<"}, {"line\nbreak", ">line\\x0Abreak<"},
		{"\xc3\x9c" "ber \xe6\x97\xa5\xe6\x9c\xac", ">\xc3\x9c" "ber \xe6\x97\xa5\xe6\x9c\xac<"}, {"\xff", ">\xef\xbf\xbd<"},
	};
	size_t length;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int upright = 0; upright < 2; upright++) {
			struct figure *figure = figure_new("texts", 400, 200);
			struct figure_style style = plain;
			char *svg;

			style.upright = upright;
			figure_text(figure, &style, 100, 100, cases[i].text);
			svg = draw(figure, GNUPLOT_SVG, &length);
			if (!strstr(svg, cases[i].shown))
				fail_msg("%s became:\n%s", cases[i].text, svg);
			free(svg);
			free(draw(figure, GNUPLOT_PNG, &length));
			figure_release(figure);
		}
	assert_false(file_exists("orch-plot-was-here"));
}

static void gnuplot__shapes_stand_where_they_were_put(void **state)
{
	struct figure *figure = figure_new("shapes", 300, 200);
	const double x[] = {10, 20, NAN, 30, 40}, y[] = {50, 60, 0, 70, 80};
	size_t length;
	char *svg;

	(void)state;
	figure_line(figure, &(struct figure_style){.rgb = 0x123456, .size = 2}, x, y, 5);
	figure_rect(figure, 0x654321, 50, 5, 6, 7, 8);
	figure_dot(figure, COLOUR_BEST, 100, 3, 100, 150);
	figure_dot(figure, COLOUR_BEST, 100, 3, NAN, 150);
	svg = draw(figure, GNUPLOT_SVG, &length);
	assert_non_null(strstr(svg, "stroke=\"#123456\" stroke-width=\"2.00\""));
	assert_non_null(strstr(svg, "M10,50 L20,60 M30,70 L40,80"));
	assert_non_null(strstr(svg, "fill=\"#654321\" fill-opacity=\"0.50\""));
	assert_non_null(strstr(svg, "5,6 7,6 7,8 5,8"));
	assert_non_null(strstr(svg, "<circle cx=\"100\" cy=\"150\" r=\"3\"/>"));
	assert_null(strstr(svg, "nan"));
	assert_null(strstr(svg, " id="));
	assert_null(strstr(svg, "/dev/fd"));
	free(svg);
	figure_release(figure);
}

static struct figure *busy_figure(void)
{
	struct figure *figure = figure_new("busy", 700, 400);
	struct axis x = {.low = 0, .high = 100, .label = "x"}, y = {.low = 1e-3, .high = 1e5, .log = true, .label = "y"};
	struct chart chart;

	chart_begin(&chart, figure, chart_page(figure, "Busy", "a thousand dots", NULL, 0), &x, &y);
	for (int i = 0; i < 1000; i++)
		chart_dot(&chart, colour_viridis(i / 1000.0), 60, 2, i / 10.0, pow(10, i % 8 - 3));
	return figure;
}

static void gnuplot__same_bytes_twice_whatever_the_environment(void **state)
{
	struct figure *figure = busy_figure();

	(void)state;
	for (int format = GNUPLOT_SVG; format <= GNUPLOT_PNG; format++) {
		size_t length, again_length;
		char *first = draw(figure, format, &length), *again;

		setenv("LC_ALL", "de_DE.UTF-8", 1);
		setenv("GNUTERM", "dumb", 1);
		setenv("TZ", "Asia/Tokyo", 1);
		again = draw(figure, format, &again_length);
		assert_int_equal(length, again_length);
		assert_memory_equal(first, again, length);
		free(first);
		free(again);
	}
	figure_release(figure);
}

static void gnuplot__an_empty_figure_is_a_picture(void **state)
{
	struct figure *figure = figure_new("empty", 300, 200);
	size_t length;
	char *svg = draw(figure, GNUPLOT_SVG, &length);

	(void)state;
	assert_non_null(strstr(svg, "</svg>"));
	free(svg);
	figure_release(figure);
}

static void gnuplot__not_installed_is_told_with_what_to_install(void **state)
{
	struct orch_err err = {0};
	char *path = strdup(getenv("PATH"));

	(void)state;
	setenv("PATH", "/nonexistent", 1);
	assert_int_equal(gnuplot_check(&err), ORCH_EMISSING);
	setenv("PATH", path, 1);
	assert_non_null(strstr(err.text, "gnuplot is not installed"));
	assert_non_null(strstr(err.text, "apt-get install gnuplot-nox"));
	free(path);
}

static void gnuplot_svg__foreign_output_is_refused(void **state)
{
	struct figure *figure = figure_new("foreign", 300, 200);
	struct text_buf out = {0};
	struct orch_err err = {0};

	(void)state;
	assert_int_equal(gnuplot_svg_clean(figure, "<svg></svg>", &out, &err), ORCH_EIO);
	orch_err_clear(&err);
	assert_int_equal(gnuplot_svg_clean(figure, "<defs></defs><script>x</script>", &out, &err), ORCH_EIO);
	assert_non_null(strstr(err.text, "<script>"));
	text_buf_release(&out);
	figure_release(figure);
}

static void text_shortened__keeps_both_ends_and_fits(void **state)
{
	static const char *const names[] = {"a_very_long_name_of_a_column_that_somebody_made_with_a_tool_v2", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe5\x88\x97\xe5\x90\x8d\xe3\x81\xaf\xe9\x95\xb7\xe3\x81\x84"};

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (double width = 20; width < 300; width += 7) {
			char *text = text_shortened(names[i], 11, width);

			assert_true(text_is_utf8(text, strlen(text)));
			assert_true(text_width(text, 11, false) <= width + 1);
			assert_true(!strcmp(text, names[i]) || strstr(text, "\xe2\x80\xa6"));
			free(text);
		}
	{
		char *text = text_shortened(names[0], 11, 150);

		assert_memory_equal(text, "a_very", 6);
		assert_string_equal(text + strlen(text) - 2, "v2");
		free(text);
	}
}

static void chart_ticks__are_round_and_inside(void **state)
{
	double out[24], step;
	size_t count = chart_ticks(0.13, 0.97, 6, out, &step);

	(void)state;
	assert_true(fabs(step - 0.2) < 1e-12);
	assert_int_equal(count, 4);
	assert_true(fabs(out[0] - 0.2) < 1e-12);
	assert_true(fabs(out[3] - 0.8) < 1e-12);
	assert_int_equal(chart_ticks(5, 5, 6, out, &step), 0);
	assert_int_equal(chart_ticks(NAN, 5, 6, out, &step), 0);
	count = chart_ticks(-1e300, 1e300, 6, out, &step);
	assert_true(count >= 3 && count <= 9);
}

static void chart__lines_are_cut_at_the_edges(void **state)
{
	struct figure *figure = figure_new("cut", 300, 200);
	struct axis x = {.low = 0, .high = 1, .fixed = true, .none = true}, y = {.low = 0, .high = 1, .fixed = true, .none = true};
	const double far_x[] = {-1e9, 1e9}, far_y[] = {0.5, 0.5}, out_x[] = {2, 3}, out_y[] = {2, 3};
	struct chart chart;
	size_t length;
	char *svg, shown[80];

	(void)state;
	chart_begin(&chart, figure, (struct box){50, 50, 250, 150}, &x, &y);
	chart_line(&chart, 0x123456, 1, DASH_NONE, far_x, far_y, 2);
	chart_line(&chart, 0x654321, 1, DASH_NONE, out_x, out_y, 2);
	svg = draw(figure, GNUPLOT_SVG, &length);
	snprintf(shown, sizeof shown, "M%.4g,", chart.plot.left);
	assert_non_null(strstr(svg, shown));
	assert_null(strstr(svg, "#654321"));
	free(svg);
	figure_release(figure);
}

/* sRGB's curve as a plain power: near enough to show that the choice is the better one. */
static double luminance(unsigned rgb)
{
	return 0.2126 * pow((rgb >> 16 & 255) / 255.0, 2.2) + 0.7152 * pow((rgb >> 8 & 255) / 255.0, 2.2) + 0.0722 * pow((rgb & 255) / 255.0, 2.2);
}

static void assert_reads(unsigned cell)
{
	double text = luminance(colour_on(cell)), ground = luminance(cell), contrast = (fmax(text, ground) + 0.05) / (fmin(text, ground) + 0.05);

	if (contrast < 4.4)
		fail_msg("text #%06x on #%06x has a contrast of %.2f", colour_on(cell), cell, contrast);
}

static void colour_on__reads_on_every_shade(void **state)
{
	(void)state;
	for (int i = 0; i <= 63; i++)
		assert_reads(colour_viridis(i / 63.0));
	for (int i = -20; i <= 20; i++)
		assert_reads(colour_diverging(i / 20.0));
	assert_int_equal(colour_on(0x2fb47c), 0x000000); /* the green of two thirds: white has 2.6 there */
	assert_int_equal(colour_on(colour_viridis(0)), 0xffffff);
}

static void colour_on__stays_black_on_dark_pages(void **state)
{
	struct figure *figure = figure_new("cell", 200, 100);
	size_t length;
	char *svg;

	(void)state;
	figure_rect(figure, 0xfde725, 100, 20, 20, 180, 80);
	figure_text(figure, &(struct figure_style){.rgb = colour_on(0xfde725), .size = 11}, 100, 50, "77 %");
	svg = draw(figure, GNUPLOT_SVG, &length);
	assert_non_null(strstr(svg, "<g fill=\"#000000\""));
	assert_null(strstr(svg, ".orch-plot [fill=\"#000000\"]")); /* the cell is as bright there */
	free(svg);
	figure_release(figure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gnuplot__texts_arrive_as_they_are),
		cmocka_unit_test(gnuplot__shapes_stand_where_they_were_put),
		cmocka_unit_test(gnuplot__same_bytes_twice_whatever_the_environment),
		cmocka_unit_test(gnuplot__an_empty_figure_is_a_picture),
		cmocka_unit_test(gnuplot__not_installed_is_told_with_what_to_install),
		cmocka_unit_test(gnuplot_svg__foreign_output_is_refused),
		cmocka_unit_test(text_shortened__keeps_both_ends_and_fits),
		cmocka_unit_test(chart_ticks__are_round_and_inside),
		cmocka_unit_test(chart__lines_are_cut_at_the_edges),
		cmocka_unit_test(colour_on__reads_on_every_shade),
		cmocka_unit_test(colour_on__stays_black_on_dark_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
