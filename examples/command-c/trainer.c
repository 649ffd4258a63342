/* A model in C that stays alive: reads data.csv once, then a fit a line on stdin, and answers each with the predictions of its fold.
 * Ridge regression by gradient descent, reporting its loss on the way. Needs nothing but the C library: cc -O2 -o trainer trainer.c -lm */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 1000
#define COLUMNS_MAX 16

static char names[COLUMNS_MAX][32];
static double table[ROWS_MAX][COLUMNS_MAX];
static int rows, columns;

static void read_table(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[1024], *word;

	if (!file || !fgets(line, sizeof line, file)) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(1);
	}
	for (word = strtok(line, ",\n"); word && columns < COLUMNS_MAX; word = strtok(NULL, ",\n"))
		snprintf(names[columns++], sizeof names[0], "%s", word);
	while (rows < ROWS_MAX && fgets(line, sizeof line, file)) {
		int c = 0;

		for (word = strtok(line, ",\n"); word && c < columns; word = strtok(NULL, ",\n"))
			table[rows][c++] = atof(word);
		rows++;
	}
	fclose(file);
}

static int column(const char *name)
{
	for (int c = 0; c < columns; c++)
		if (!strcmp(names[c], name))
			return c;
	fprintf(stderr, "no column %s\n", name);
	exit(1);
}

/* What follows "key": in the line; enough of JSON for what orch writes. */
static const char *value_of(const char *line, const char *key)
{
	char quoted[64];
	const char *at;

	snprintf(quoted, sizeof quoted, "\"%s\":", key);
	at = strstr(line, quoted);
	if (!at) {
		fprintf(stderr, "the task has no %s: %s", key, line);
		exit(1);
	}
	return at + strlen(quoted) + strspn(at + strlen(quoted), " ");
}

static int read_features(const char *list, int *features)
{
	int count = 0;

	while (*list && *list != ']') {
		const char *start = strchr(list, '"'), *end = start ? strchr(start + 1, '"') : NULL;
		char name[32];

		if (!end || strchr(list, ']') < start)
			break;
		snprintf(name, sizeof name, "%.*s", (int)(end - start - 1), start + 1);
		features[count++] = column(name);
		list = end + 1;
	}
	return count;
}

static double predict(const double *weights, const int *features, int count, int row)
{
	double sum = weights[count];

	for (int f = 0; f < count; f++)
		sum += weights[f] * table[row][features[f]];
	return sum;
}

static void train(double *weights, const int *features, int count, int fold, double lambda)
{
	int folds = column("fold"), target = column("y");

	for (int step = 0; step <= 200; step++) {
		double gradient[COLUMNS_MAX] = {0}, loss = 0;
		int used = 0;

		for (int r = 0; r < rows; r++) {
			double error;

			if ((int)table[r][folds] == fold)
				continue;
			error = predict(weights, features, count, r) - table[r][target];
			loss += error * error;
			used++;
			for (int f = 0; f < count; f++)
				gradient[f] += error * table[r][features[f]];
			gradient[count] += error;
		}
		for (int f = 0; f <= count; f++)
			weights[f] -= 0.5 * (gradient[f] / used + (f < count ? lambda * weights[f] : 0));
		if (step % 50 == 0)
			printf("{\"type\": \"progress\", \"step\": %d, \"value\": %.6f}\n", step, loss / used);
	}
}

static void answer(const char *line)
{
	int features[COLUMNS_MAX], fold = atoi(value_of(line, "fold")), folds = column("fold"), count = read_features(value_of(line, "features"), features);
	double weights[COLUMNS_MAX + 1] = {0}, lambda = atof(value_of(line, "lambda"));
	const char *scratch = value_of(line, "scratch") + 1;
	char path[4096];
	FILE *out;

	train(weights, features, count, fold, lambda);
	snprintf(path, sizeof path, "%.*s/predictions.csv", (int)strcspn(scratch, "\""), scratch);
	out = fopen(path, "w");
	if (!out) {
		printf("{\"type\": \"error\", \"text\": \"cannot write the predictions\"}\n");
		return;
	}
	fprintf(out, "row,prediction\n");
	for (int r = 0; r < rows; r++)
		if (fold < 0 || (int)table[r][folds] == fold)
			fprintf(out, "%d,%.17g\n", r, predict(weights, features, count, r));
	fclose(out);
	printf("{\"type\": \"result\", \"predictions\": \"predictions.csv\"}\n");
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t room = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: trainer DATA\n");
		return 2;
	}
	read_table(argv[1]);
	fprintf(stderr, "trainer: %d rows\n", rows);
	while (getline(&line, &room, stdin) > 0) {
		answer(line);
		fflush(stdout); /* orch waits for the line */
	}
	free(line);
	return 0;
}
