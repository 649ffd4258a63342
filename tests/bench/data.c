/* data: a synthetic wide table for benchmarks, the same bytes for the same arguments.
 *     data ROWS FEATURES reg|class FILE
 * 20 informative columns (8 linear, 4 quadratic, 4 sine, 2 products of two), 5 of them with four noisy copies each, the rest noise;
 * columns in an order drawn from the seed. FILE: column-major float32, the target last; when it ends in .csv, a table with the columns
 * f0, f1 ... y. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/mem.h"

#define INFORMATIVE 20
#define STRUCTURED 40

static uint64_t state = 0x2545f4914f6cdd1du + 1;

/* SplitMix64 (Steele et al., 2014). */
static uint64_t draw(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static double unit(void)
{
	return ((double)(draw() >> 11) + 0.5) * 0x1p-53;
}

static double gauss(void) /* Box and Muller, two at a time */
{
	static bool have;
	static double keep;
	double radius, angle;

	if (have) {
		have = false;
		return keep;
	}
	radius = sqrt(-2 * log(unit()));
	angle = 6.283185307179586 * unit();
	keep = radius * sin(angle);
	have = true;
	return radius * cos(angle);
}

static void structured(double z[STRUCTURED])
{
	static const double rho[4] = {.95, .9, .8, .6};

	for (size_t j = 0; j < INFORMATIVE; j++)
		z[j] = gauss();
	for (size_t g = 0; g < 5; g++)
		for (size_t c = 0; c < 4; c++)
			z[INFORMATIVE + g * 4 + c] = rho[c] * z[g * 4] + sqrt(1 - rho[c] * rho[c]) * gauss();
}

static double target(const double z[STRUCTURED])
{
	double t = 0.6 * z[16] * z[17] + 0.6 * z[18] * z[19] + gauss();

	for (int j = 0; j < 8; j++)
		t += (1.0 - .1 * j) * z[j];
	for (int j = 8; j < 12; j++)
		t += .4 * (z[j] * z[j] - 1) + .7 * sin(2 * z[j + 4]);
	return t;
}

/* The structured columns come first: narrow tables lack the last of them, though their targets know them. */
static void fill(float *x, size_t rows, size_t features, bool classes)
{
	size_t *place = mem_must(features, sizeof(*place));
	double z[STRUCTURED];

	for (size_t j = 0; j < features; j++)
		place[j] = j;
	for (size_t j = features - 1; j > 0; j--) {
		size_t k = draw() % (j + 1), t = place[j];

		place[j] = place[k];
		place[k] = t;
	}
	for (size_t i = 0; i < rows; i++) {
		structured(z);
		for (size_t j = 0; j < features; j++)
			x[place[j] * rows + i] = (float)(j < STRUCTURED ? z[j] : gauss());
		double t = target(z);
		x[features * rows + i] = (float)(classes ? t > 0 : t);
	}
	free(place);
}

static int write_csv(FILE *file, const float *x, size_t rows, size_t features)
{
	for (size_t j = 0; j < features; j++)
		fprintf(file, "f%zu,", j);
	fputs("y\n", file);
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j <= features; j++)
			fprintf(file, "%.9g%c", (double)x[j * rows + i], j < features ? ',' : '\n');
	return ferror(file);
}

static int write_floats(FILE *file, const float *x, size_t rows, size_t features)
{
	return fwrite(x, sizeof(*x), rows * (features + 1), file) != rows * (features + 1);
}

int main(int argc, char **argv)
{
	size_t rows = argc == 5 ? strtoull(argv[1], NULL, 10) : 0, features = rows ? strtoull(argv[2], NULL, 10) : 0;
	char temporary[4096];

	if (rows == 0 || features == 0) {
		fprintf(stderr, "usage: data ROWS FEATURES reg|class FILE\n");
		return 2;
	}
	float *x = mem_must(rows * (features + 1), sizeof(*x));
	fill(x, rows, features, strcmp(argv[3], "class") == 0);
	snprintf(temporary, sizeof(temporary), "%s.new", argv[4]);
	FILE *file = fopen(temporary, "wb");
	size_t length = strlen(argv[4]);
	int (*write_table)(FILE *, const float *, size_t, size_t) =
	        length > 4 && strcmp(argv[4] + length - 4, ".csv") == 0 ? write_csv : write_floats;
	if (!file || write_table(file, x, rows, features) != 0 || fclose(file) != 0 || rename(temporary, argv[4]) != 0) {
		perror(argv[4]);
		return 1;
	}
	free(x);
	return 0;
}
