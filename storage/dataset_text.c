/* Text columns of a CSV file: a column is text as soon as one value is. A few words among numbers are told, with the
 * row, rather than made a category of; words that mean "missing" are read as that where all else are numbers. */
#include <stdlib.h>
#include <string.h>

#include "storage/dataset_parts.h"

#define MOSTLY 0.8        /* of the values are numbers: the rest is a fault */
#define LEVELS_MAX 100000 /* of a feature: a category beyond that is a text */
#define WORDS_FOR_MISSING                                                                                              \
	"('NA', 'N/A', 'n/a', 'na', '#N/A', 'NaN', 'nan', 'null', 'NULL', 'None', 'none', '?', '-', '.')"

struct text_facts {
	int64_t filled, numbers, whole, words, commas, distinct;
	int64_t first; /* row of the first value that is neither number nor such a word, or -1 */
	char *value;
};

static int look(struct preparation *preparation, const struct source_column *column, struct text_facts *facts,
        struct orch_err *err)
{
	struct text_buf sql = {0};
	int code;

	text_add(&sql, "SELECT count(v), count(n), count_if(n IS NOT NULL AND regexp_full_match(v, "
	               "'\\s*[-+]?[0-9]{1,18}\\s*')), "
	               "count_if(n IS NULL AND w), count_if(regexp_full_match(v, '\\s*[-+]?[0-9]+,[0-9]+\\s*')), "
	               "count(DISTINCT v), "
	               "coalesce(min(__row) FILTER (WHERE v IS NOT NULL AND n IS NULL AND NOT w), -1), "
	               "arg_min(v, __row) FILTER (WHERE v IS NOT NULL AND n IS NULL AND NOT w) FROM (SELECT __row, v, "
	               "TRY_CAST(v AS DOUBLE) AS n, "
	               "trim(v) IN " WORDS_FOR_MISSING " AS w");
	preparation_add_from(preparation, column, &sql);
	text_add(&sql, ")");
	code = dataset_row(preparation->duck, sql.data, err, "iiiiiiit", &facts->filled, &facts->numbers, &facts->whole,
	        &facts->words, &facts->commas, &facts->distinct, &facts->first, &facts->value);
	text_buf_release(&sql);
	return code;
}

/* Numbers, and words that mean there is none. */
static void read_as_numbers(
        struct preparation *preparation, struct source_column *column, const struct text_facts *facts)
{
	bool whole = facts->whole == facts->numbers;
	char *number = text_format("nullif(TRY_CAST(%s AS DOUBLE), CAST('nan' AS DOUBLE))", column->own);

	free(column->value);
	free(column->infinite);
	column->kind = whole ? VALUE_INT : VALUE_DOUBLE;
	column->value = whole ? text_format("TRY_CAST(%s AS BIGINT)", column->own) : mem_text(number);
	column->infinite = whole ? NULL : text_format("isinf(%s)", number);
	column->filled = facts->numbers;
	if (facts->words)
		preparation_note(preparation,
		        "column %s: %lld values that are no numbers (NA and the like) are read as missing",
		        column->name, (long long)facts->words);
	free(number);
}

static void tell_spoilt(
        struct preparation *preparation, const struct source_column *column, const struct text_facts *facts)
{
	char *row = preparation_row_name(preparation, facts->first);

	preparation_problem(preparation,
	        "column \"%s\" holds numbers, but %lld of its %lld values are text, the first is \"%.60s\" in %s: mend "
	        "the file, "
	        "exclude the column, declare it in data.categories, or clean it with data.features: NAME: "
	        "TRY_CAST(\"%s\" AS DOUBLE)",
	        column->name, (long long)(facts->filled - facts->numbers), (long long)facts->filled, facts->value, row,
	        column->name);
	free(row);
}

static void tell_category(
        struct preparation *preparation, const struct source_column *column, const struct text_facts *facts)
{
	double mostly = MOSTLY * (double)facts->filled;

	if ((double)facts->commas >= mostly && facts->commas > 1)
		preparation_problem(preparation,
		        "column \"%s\" holds numbers with a decimal comma, as \"%.60s\": derive them with "
		        "data.features: NAME: "
		        "CAST(replace(\"%s\", ',', '.') AS DOUBLE), and exclude the column",
		        column->name, facts->value, column->name);
	else if (column->roles & COLUMN_FEATURE && facts->distinct > LEVELS_MAX)
		preparation_problem(preparation,
		        "column \"%s\" has %lld different texts, too many for a category: exclude it, or derive a "
		        "feature from it in "
		        "data.features",
		        column->name, (long long)facts->distinct);
	else if (column->roles & COLUMN_FEATURE && facts->distinct > 20 &&
	         (double)facts->distinct > 0.5 * (double)facts->filled)
		preparation_note(preparation,
		        "column %s has %lld different texts in %lld rows: if it names the rows, exclude it",
		        column->name, (long long)facts->distinct, (long long)facts->filled);
}

/* A file type that knows types says text when it means text. */
static bool is_guessed(const struct preparation *preparation, const struct source_column *column)
{
	return !column->derived && (preparation->source == SOURCE_CSV || preparation->source == SOURCE_SQL);
}

int dataset_check_text(struct preparation *preparation, struct source_column *column, struct orch_err *err)
{
	struct text_facts facts = {0};
	bool guessed = is_guessed(preparation, column);
	int code = look(preparation, column, &facts, err);

	if (!code && guessed && facts.numbers && facts.first < 0 && (preparation->source == SOURCE_CSV || facts.words))
		read_as_numbers(preparation, column, &facts);
	else if (!code && guessed && facts.numbers && facts.first >= 0 &&
	         (double)facts.numbers >= MOSTLY * (double)facts.filled)
		tell_spoilt(preparation, column, &facts);
	else if (!code)
		tell_category(preparation, column, &facts);
	free(facts.value);
	return code;
}
