/* See xgboost_adapter.h. Nothing else includes <xgboost/c_api.h>. */
#include "engines/model/xgboost_adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xgboost/c_api.h>

#include "storage/base/json.h"
#include "storage/base/library.h"
#include "storage/base/mem.h"

#define XGBOOST_FLOAT 1 /* xgboost::DataType::kFloat32 */

struct xgboost_matrix {
	DMatrixHandle handle;
	size_t rows, columns;
};
struct xgboost_model {
	BoosterHandle handle;
};

#define XGBOOST_CALLS(X) \
	X(XGBGetLastError) X(XGBSetGlobalConfig) X(XGBoosterCreate) X(XGBoosterDumpModelExWithFeatures) \
	X(XGBoosterFree) X(XGBoosterEvalOneIter) X(XGBoosterGetAttr) X(XGBoosterGetStrFeatureInfo) X(XGBoosterLoadModelFromBuffer) \
	X(XGBoosterPredictFromDense) X(XGBoosterPredictFromDMatrix) X(XGBoosterSaveJsonConfig) X(XGBoosterSetAttr) X(XGBoosterSaveModelToBuffer) X(XGBoosterSetParam) \
	X(XGBoosterSetStrFeatureInfo) X(XGBoosterSlice) X(XGBoosterUpdateOneIter) X(XGDMatrixCreateFromDense) X(XGDMatrixFree) \
	X(XGDMatrixGetDataAsCSR) X(XGDMatrixSetDenseInfo) X(XGDMatrixSetStrFeatureInfo) X(XGProxyDMatrixCreate) \
	X(XGProxyDMatrixSetDataDense) X(XGQuantileDMatrixCreateFromCallback) X(XGBoostVersion)
#define XGBOOST_POINTER(name) __typeof__(name) *name;
#define XGBOOST_NAME(name) #name,
static struct {
	XGBOOST_CALLS(XGBOOST_POINTER)
} xgboost;

static int xgboost_load(struct orch_err *err)
{
	static const char *const names[] = {XGBOOST_CALLS(XGBOOST_NAME)};
	static const char *const files[] = {"libxgboost.so.0", "libxgboost.so", NULL};
	static const struct library library = {"XGBoost", files, "install Debian's libxgboost0, or choose another engine"};

	return xgboost.XGBoosterFree ? 0 : library_load(&library, names, sizeof names / sizeof *names, &xgboost, err);
}

/* The library's text is "[12:34:56] ./src/file.cc:12: what\nStack trace:\n...": a clock and addresses must not get into
 * a result, and the user needs no more than what. */
static int xgboost_fail(struct orch_err *err, const char *doing)
{
	const char *text = xgboost.XGBGetLastError();
	const char *trace = strstr(text, "\nStack trace");
	const char *end = trace ? trace : text + strlen(text);
	const char *place = strstr(text, ": ");
	size_t length;

	if (text[0] == '[' && place && place < end)
		text = place + 2;
	length = (size_t)(end - text);
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
		length--;
	if (strstr(text, "bad_alloc"))
		return orch_fail(err, ORCH_ENOMEM, "XGBoost, %s: out of memory", doing);
	return orch_fail(err, ORCH_EFIT, "XGBoost, %s: %.*s", doing, (int)(length < 1500 ? length : 1500), text);
}

/* Verbosity belongs to the thread. */
static int xgboost_quiet(struct orch_err *err)
{
	int code = xgboost_load(err);

	if (code == 0 && xgboost.XGBSetGlobalConfig("{\"verbosity\": 0}") != 0)
		code = xgboost_fail(err, "setting up");
	return code;
}

/* A block of cells as the library reads it: column-major, so the stride along a row is the block's height. */
static void xgboost_array(const float *cells, size_t rows, size_t columns, char out[200])
{
	snprintf(out, 200,
	        "{\"data\":[%zu,true],\"shape\":[%zu,%zu],\"strides\":[4,%zu],\"typestr\":\"<f4\",\"version\":3}",
	        (size_t)cells, rows, columns, 4 * rows);
}

/* The library pulls the rows in blocks, several times over. */
struct xgboost_feed {
	const struct xgboost_source *source;
	DMatrixHandle proxy;
	const char **types;
	float *cells;
	size_t next;
	bool failed; /* a call inside the callback failed: its text is the one to report */
};

static void xgboost_feed_reset(DataIterHandle handle)
{
	((struct xgboost_feed *)handle)->next = 0;
}

static int xgboost_feed_block(struct xgboost_feed *feed, size_t first, size_t count)
{
	const struct xgboost_source *source = feed->source;
	char array[200];

	source->gather(source->context, first, count, feed->cells);
	xgboost_array(feed->cells, count, source->columns, array);
	if (xgboost.XGProxyDMatrixSetDataDense(feed->proxy, array) != 0)
		return -1;
	if (xgboost.XGDMatrixSetStrFeatureInfo(feed->proxy, "feature_type", feed->types, source->columns) != 0)
		return -1;
	if (xgboost.XGDMatrixSetDenseInfo(feed->proxy, "label", source->label + first, count, XGBOOST_FLOAT) != 0)
		return -1;
	if (source->weight &&
	        xgboost.XGDMatrixSetDenseInfo(feed->proxy, "weight", source->weight + first, count, XGBOOST_FLOAT) != 0)
		return -1;
	return 0;
}

/* 1: a block was set; 0: no more. */
static int xgboost_feed_next(DataIterHandle handle)
{
	struct xgboost_feed *feed = handle;
	size_t left = feed->source->rows - feed->next, count = left < XGBOOST_BLOCK ? left : XGBOOST_BLOCK;

	if (count == 0 || feed->failed)
		return 0;
	if (xgboost_feed_block(feed, feed->next, count) != 0) {
		feed->failed = true;
		return 0;
	}
	feed->next += count;
	return 1;
}

int xgboost_matrix_create(const struct xgboost_source *source, unsigned max_bin, unsigned threads,
        struct xgboost_matrix **out, struct orch_err *err)
{
	struct xgboost_feed feed = {.source = source};
	struct xgboost_matrix *matrix = mem_array(1, sizeof(*matrix));
	size_t block = source->rows < XGBOOST_BLOCK ? source->rows : XGBOOST_BLOCK;
	char config[100];
	int code = 0;

	feed.cells = mem_array(block * source->columns, sizeof(*feed.cells));
	feed.types = mem_array(source->columns, sizeof(*feed.types));
	if (!matrix || !feed.cells || !feed.types) {
		code = orch_fail(err, ORCH_ENOMEM, "no memory for a block of %zu x %zu cells", block, source->columns);
		goto out;
	}
	for (size_t c = 0; c < source->columns; c++)
		feed.types[c] = source->category[c] ? "c" : "q";
	matrix->rows = source->rows;
	matrix->columns = source->columns;
	snprintf(config, sizeof(config), "{\"missing\": NaN, \"max_bin\": %u, \"nthread\": %u}", max_bin, threads);
	if ((code = xgboost_quiet(err)) != 0)
		goto out;
	if (xgboost.XGProxyDMatrixCreate(&feed.proxy) != 0 ||
	        xgboost.XGQuantileDMatrixCreateFromCallback(
	                &feed, feed.proxy, NULL, xgboost_feed_reset, xgboost_feed_next, config, &matrix->handle) != 0 ||
	        feed.failed) {
		code = xgboost_fail(err, "reading the rows");
		goto out;
	}
	*out = matrix;
	matrix = NULL;
out:
	if (feed.proxy)
		xgboost.XGDMatrixFree(feed.proxy);
	xgboost_matrix_release(matrix);
	free(feed.cells);
	free(feed.types);
	return code;
}

int xgboost_matrix_plain(const float *cells, size_t rows, size_t columns, const float *label, const float *weight, unsigned threads,
        struct xgboost_matrix **out, struct orch_err *err)
{
	struct xgboost_matrix *matrix = mem_array(1, sizeof(*matrix));
	char array[200], config[100];
	int code = 0;

	if (!matrix)
		return orch_fail(err, ORCH_ENOMEM, "no memory for a matrix");
	xgboost_array(cells, rows, columns, array);
	snprintf(config, sizeof(config), "{\"missing\": NaN, \"nthread\": %u}", threads);
	if (xgboost.XGDMatrixCreateFromDense(array, config, &matrix->handle) != 0 ||
	        xgboost.XGDMatrixSetDenseInfo(matrix->handle, "label", label, rows, XGBOOST_FLOAT) != 0 ||
	        (weight && xgboost.XGDMatrixSetDenseInfo(matrix->handle, "weight", weight, rows, XGBOOST_FLOAT) != 0)) {
		code = xgboost_fail(err, "reading the rows held back");
		xgboost_matrix_release(matrix);
		return code;
	}
	matrix->rows = rows;
	matrix->columns = columns;
	*out = matrix;
	return 0;
}

int xgboost_matrix_label(struct xgboost_matrix *matrix, const float *label, struct orch_err *err)
{
	if (xgboost.XGDMatrixSetDenseInfo(matrix->handle, "label", label, matrix->rows, XGBOOST_FLOAT) != 0)
		return xgboost_fail(err, "setting the target");
	return 0;
}

int xgboost_matrix_column_weights(struct xgboost_matrix *matrix, const float *weight, struct orch_err *err)
{
	if (xgboost.XGDMatrixSetDenseInfo(matrix->handle, "feature_weights", weight, matrix->columns, XGBOOST_FLOAT) != 0)
		return xgboost_fail(err, "weighting the columns");
	return 0;
}

bool xgboost_version_known(void)
{
	int major, minor, patch;

	if (xgboost_load(NULL) != 0)
		return false;
	xgboost.XGBoostVersion(&major, &minor, &patch);
	return major == 1 && minor == 7;
}

/* Where value is among the edges, or would be. */
static size_t xgboost_edge(const float *edge, size_t count, float value)
{
	size_t low = 0;

	while (count > 0) {
		size_t half = count / 2;

		if (edge[low + half] < value) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return low;
}

/* The distinct values of a column, ascending, and each row's among them. False: too many. */
static bool xgboost_column_bins(const float *cells, size_t rows, size_t columns, float *edge, size_t *count, uint8_t *bin)
{
	size_t known = 0;

	for (size_t i = 0; i < rows; i++) {
		float value = cells[i * columns];
		size_t at = xgboost_edge(edge, known, value);

		if (at < known && edge[at] == value)
			continue;
		if (known == HIST_BINS_MOST)
			return false;
		memmove(edge + at + 1, edge + at, (known - at) * sizeof(*edge));
		edge[at] = value;
		known++;
	}
	for (size_t i = 0; i < rows; i++)
		bin[i] = (uint8_t)xgboost_edge(edge, known, cells[i * columns]);
	*count = known;
	return true;
}

static int xgboost_bins_make(const float *cells, size_t rows, size_t columns, struct hist_bins *out, struct orch_err *err)
{
	struct hist_bins bins = {.rows = rows, .columns = columns};
	bool fits = true;

	bins.bin = mem_array(rows * columns, sizeof(*bins.bin));
	bins.offset = mem_array(columns + 1, sizeof(*bins.offset));
	bins.edge = mem_array(columns * HIST_BINS_MOST, sizeof(*bins.edge));
	if (!bins.bin || !bins.offset || !bins.edge) {
		hist_bins_release(&bins);
		return orch_fail(err, ORCH_ENOMEM, "no memory for the bins of %zu x %zu cells", rows, columns);
	}
	for (size_t c = 0; c < columns && fits; c++) {
		size_t count = 0;
		float edge[HIST_BINS_MOST];

		fits = xgboost_column_bins(cells + c, rows, columns, edge, &count, bins.bin + c * rows);
		memcpy(bins.edge + bins.offset[c], edge, count * sizeof(*edge));
		bins.offset[c + 1] = bins.offset[c] + (uint32_t)count;
	}
	if (!fits) {
		hist_bins_release(&bins);
		return orch_fail(err, ORCH_EFIT, "a column has more than %d bins", HIST_BINS_MOST);
	}
	*out = bins;
	return 0;
}

/* The library gives a binned matrix back with the smallest value of each cell's bin. */
int xgboost_matrix_bins(struct xgboost_matrix *matrix, struct hist_bins *out, struct orch_err *err)
{
	size_t rows = matrix->rows, columns = matrix->columns;
	bst_ulong *start = mem_array(rows + 1, sizeof(*start));
	unsigned *column = mem_array(rows * columns, sizeof(*column));
	float *cells = mem_array(rows * columns, sizeof(*cells));
	int code = start && column && cells ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for the bins of %zu x %zu cells", rows, columns);

	if (code == 0 && xgboost.XGDMatrixGetDataAsCSR(matrix->handle, "{}", start, column, cells) != 0)
		code = xgboost_fail(err, "giving its bins");
	for (size_t i = 0; i < rows * columns && code == 0; i++)
		if (column[i] != i % columns || start[i / columns] != i / columns * columns)
			code = orch_fail(err, ORCH_EFIT, "XGBoost gave other cells than a full matrix has");
	free(start);
	free(column);
	if (code == 0)
		code = xgboost_bins_make(cells, rows, columns, out, err);
	free(cells);
	return code;
}

void xgboost_matrix_release(struct xgboost_matrix *matrix)
{
	if (!matrix)
		return;
	if (matrix->handle)
		xgboost.XGDMatrixFree(matrix->handle);
	free(matrix);
}

static int xgboost_model_set(
        struct xgboost_model *model, const struct xgboost_setting *settings, size_t count, struct orch_err *err)
{
	for (size_t i = 0; i < count; i++)
		if (xgboost.XGBoosterSetParam(model->handle, settings[i].name, settings[i].value) != 0)
			return xgboost_fail(err, settings[i].name);
	return 0;
}

int xgboost_model_create(struct xgboost_matrix *matrix, const struct xgboost_setting *settings, size_t count,
        struct xgboost_model **out, struct orch_err *err)
{
	struct xgboost_model *model = mem_array(1, sizeof(*model));
	int code;

	if (!model)
		return orch_fail(err, ORCH_ENOMEM, "no memory for a model");
	code = xgboost_quiet(err);
	if (code == 0 && xgboost.XGBoosterCreate(&matrix->handle, 1, &model->handle) != 0)
		code = xgboost_fail(err, "creating a model");
	if (code == 0)
		code = xgboost_model_set(model, settings, count, err);
	if (code == 0)
		*out = model;
	else
		xgboost_model_release(model);
	return code;
}

int xgboost_model_train(
        struct xgboost_model *model, struct xgboost_matrix *matrix, unsigned first, unsigned end, struct orch_err *err)
{
	for (unsigned round = first; round < end; round++)
		if (xgboost.XGBoosterUpdateOneIter(model->handle, (int)round, matrix->handle) != 0)
			return xgboost_fail(err, "training");
	return 0;
}

/* The library's text is "[round]\theld-rmse:0.25", with all digits of a double. */
int xgboost_model_loss(struct xgboost_model *model, struct xgboost_matrix *matrix, unsigned round, double *out, struct orch_err *err)
{
	const char *name = "held", *text, *colon;

	if (xgboost.XGBoosterEvalOneIter(model->handle, (int)round, &matrix->handle, &name, 1, &text) != 0)
		return xgboost_fail(err, "scoring the rows held back");
	colon = strrchr(text, ':');
	if (!colon)
		return orch_fail(err, ORCH_EFIT, "XGBoost gave no loss of the rows held back: %s", text);
	*out = strtod(colon + 1, NULL);
	return 0;
}

int xgboost_model_slice(struct xgboost_model *model, unsigned end, const struct xgboost_setting *settings, size_t count,
        struct xgboost_model **out, struct orch_err *err)
{
	struct xgboost_model *slice = mem_array(1, sizeof(*slice));
	int code = 0;

	if (!slice)
		return orch_fail(err, ORCH_ENOMEM, "no memory for a model");
	if (end == 0) /* means all of them to the library */
		orch_bug("a slice of no rounds is a new model");
	if (xgboost.XGBoosterSlice(model->handle, 0, (int)end, 1, &slice->handle) != 0)
		code = xgboost_fail(err, "keeping the first trees");
	if (code == 0)
		code = xgboost_model_set(slice, settings, count, err);
	if (code == 0)
		*out = slice;
	else
		xgboost_model_release(slice);
	return code;
}

int xgboost_model_predict(struct xgboost_model *model, const float *cells, size_t rows, size_t columns, unsigned rounds,
        size_t width, float *out, struct orch_err *err)
{
	char array[200], config[160];
	const bst_ulong *shape;
	const float *result;
	bst_ulong dimensions, total = 1;

	xgboost_array(cells, rows, columns, array);
	snprintf(config, sizeof(config),
	        "{\"type\": 0, \"training\": false, \"iteration_begin\": 0, \"iteration_end\": %u, \"strict_shape\": "
	        "true, \"missing\": NaN, \"cache_id\": 0}",
	        rounds);
	if (xgboost.XGBoosterPredictFromDense(model->handle, array, config, NULL, &shape, &dimensions, &result) != 0)
		return xgboost_fail(err, "predicting");
	for (bst_ulong d = 0; d < dimensions; d++)
		total *= shape[d];
	if (total != rows * width)
		return orch_fail(
		        err, ORCH_EFIT, "XGBoost gave %zu predictions where %zu were due", (size_t)total, rows * width);
	memcpy(out, result, rows * width * sizeof(*out));
	return 0;
}

int xgboost_model_contributions(struct xgboost_model *model, const float *cells, size_t rows, size_t columns, size_t width, float *out, struct orch_err *err)
{
	static const char config[] = "{\"type\": 2, \"training\": false, \"iteration_begin\": 0, \"iteration_end\": 0, \"strict_shape\": true}";
	DMatrixHandle matrix = NULL;
	char array[200];
	const bst_ulong *shape;
	const float *result;
	bst_ulong dimensions, total = 1;
	int code = 0;

	xgboost_array(cells, rows, columns, array);
	if (xgboost.XGDMatrixCreateFromDense(array, "{\"missing\": NaN, \"nthread\": 1}", &matrix) != 0 ||
	        xgboost.XGBoosterPredictFromDMatrix(model->handle, matrix, config, &shape, &dimensions, &result) != 0) {
		code = xgboost_fail(err, "asking for contributions");
		goto out;
	}
	for (bst_ulong d = 0; d < dimensions; d++)
		total *= shape[d];
	if (total == rows * width * (columns + 1))
		memcpy(out, result, total * sizeof(*out));
	else
		code = orch_fail(err, ORCH_EFIT, "XGBoost gave %zu contributions where %zu were due", (size_t)total, rows * width * (columns + 1));
out:
	if (matrix)
		xgboost.XGDMatrixFree(matrix);
	return code;
}

int xgboost_model_objective(struct xgboost_model *model, char **out, struct orch_err *err)
{
	bst_ulong length;
	const char *text, *name;
	json_t *config = NULL;
	int code = xgboost.XGBoosterSaveJsonConfig(model->handle, &length, &text) == 0 ? json_parse(text, length, "the model's settings", &config, err) :
	        xgboost_fail(err, "reading the model's settings");

	if (code)
		return code;
	name = json_get_text(json_object_get(json_object_get(config, "learner"), "objective"), "name", "");
	*out = mem_text(name);
	json_decref(config);
	return 0;
}

/* A split in a text dump is "3:[f12<0.5] yes=..." or "3:[f12:{0,2}] yes=...". */
static void xgboost_tree_uses(const char *tree, size_t columns, uint32_t round, uint32_t *first)
{
	for (const char *at = strstr(tree, "[f"); at; at = strstr(at, "[f")) {
		char *end;
		unsigned long column = strtoul(at + 2, &end, 10);

		if (column < columns && first[column] > round)
			first[column] = round;
		at = end;
	}
}

/* The columns as the library is to name them, whatever the model calls them: "f0", "f1"... and their types. */
struct xgboost_names {
	const char **names, **types;
	char (*text)[24];
};

static int xgboost_names_make(const bool *category, size_t columns, struct xgboost_names *out, struct orch_err *err)
{
	out->names = mem_array(columns, sizeof(*out->names));
	out->types = mem_array(columns, sizeof(*out->types));
	out->text = mem_array(columns, sizeof(*out->text));
	if (!out->names || !out->types || !out->text)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the names of %zu columns", columns);
	for (size_t c = 0; c < columns; c++) {
		snprintf(out->text[c], sizeof(out->text[c]), "f%zu", c);
		out->names[c] = out->text[c];
		out->types[c] = category[c] ? "c" : "q";
	}
	return 0;
}

int xgboost_model_first_use(struct xgboost_model *model, const bool *category, size_t columns, unsigned groups,
        uint32_t *first, struct orch_err *err)
{
	struct xgboost_names names = {0};
	const char **trees;
	bst_ulong count = 0;
	int code = xgboost_names_make(category, columns, &names, err);

	if (code == 0 && xgboost.XGBoosterDumpModelExWithFeatures(
	                         model->handle, (int)columns, names.names, names.types, 0, "text", &count, &trees) != 0)
		code = xgboost_fail(err, "listing the trees");
	for (size_t c = 0; c < columns && code == 0; c++)
		first[c] = UINT32_MAX;
	for (bst_ulong t = 0; t < count && code == 0; t++)
		xgboost_tree_uses(trees[t], columns, (uint32_t)(t / groups), first);
	free(names.names);
	free(names.types);
	free(names.text);
	return code;
}

int xgboost_model_json(struct xgboost_model *model, const char *const *names, const bool *category, size_t columns,
        struct text_buf *out, struct orch_err *err)
{
	const char **types = mem_array(columns, sizeof(*types));
	const char *bytes;
	bst_ulong length;
	int code = 0;

	if (!types)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %zu feature types", columns);
	for (size_t c = 0; c < columns; c++)
		types[c] = category[c] ? "c" : "q";
	if (xgboost.XGBoosterSetStrFeatureInfo(model->handle, "feature_name", (const char **)names, columns) != 0 ||
	        xgboost.XGBoosterSetStrFeatureInfo(model->handle, "feature_type", types, columns) != 0 ||
	        xgboost.XGBoosterSaveModelToBuffer(model->handle, "{\"format\": \"json\"}", &length, &bytes) != 0)
		code = xgboost_fail(err, "saving the model");
	else
		text_add_bytes(out, bytes, length);
	free(types);
	return code;
}

int xgboost_model_load(const void *bytes, size_t length, struct xgboost_model **out, struct orch_err *err)
{
	struct xgboost_model *model = mem_must(1, sizeof(*model));
	int code = xgboost_quiet(err);

	if (code == 0 && xgboost.XGBoosterCreate(NULL, 0, &model->handle) != 0)
		code = xgboost_fail(err, "creating a model");
	if (code == 0 && xgboost.XGBoosterLoadModelFromBuffer(model->handle, bytes, length) != 0)
		code = xgboost_fail(err, "reading the model");
	if (code == 0 && xgboost.XGBoosterSetParam(model->handle, "nthread", "1") != 0)
		code = xgboost_fail(err, "setting up");
	if (code == 0)
		*out = model;
	else
		xgboost_model_release(model);
	return code;
}

int xgboost_model_features(struct xgboost_model *model, char ***names, size_t *count, struct orch_err *err)
{
	const char **found;
	bst_ulong length = 0;

	if (xgboost.XGBoosterGetStrFeatureInfo(model->handle, "feature_name", &length, &found) != 0)
		return xgboost_fail(err, "listing the features");
	*names = mem_must(length + 1, sizeof(**names));
	for (bst_ulong i = 0; i < length; i++)
		(*names)[i] = mem_text(found[i]);
	*count = length;
	return 0;
}

int xgboost_model_attribute_set(struct xgboost_model *model, const char *name, const char *value, struct orch_err *err)
{
	return xgboost.XGBoosterSetAttr(model->handle, name, value) != 0 ? xgboost_fail(err, "noting an attribute") : 0;
}

int xgboost_model_attribute(struct xgboost_model *model, const char *name, char **value, struct orch_err *err)
{
	const char *found = NULL;
	int there = 0;

	if (xgboost.XGBoosterGetAttr(model->handle, name, &found, &there) != 0)
		return xgboost_fail(err, "reading an attribute");
	*value = there ? mem_text(found) : NULL;
	return 0;
}

void xgboost_model_release(struct xgboost_model *model)
{
	if (!model)
		return;
	if (model->handle)
		xgboost.XGBoosterFree(model->handle);
	free(model);
}
