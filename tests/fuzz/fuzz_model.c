/* A saved model: forests and linear models are read and used; the first byte says which. (XGBoost's own files are XGBoost's to read.) */
#include <math.h>
#include <stdlib.h>

#include "engines/model/saved_model.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	static const char *const engines[] = {"forest", "ridge", "elasticnet", "logistic"};
	static const char *const levels[] = {"a", "b"};
	static const struct saved_input inputs[] = {{"x", 0, NULL}, {"y", 0, NULL}, {"c", 2, levels}};
	static const double values[] = {0.5, -1e300, 1, NAN, 3, NAN};
	struct saved_source source = {.where = "fuzz", .inputs = inputs, .input_count = 3, .outputs = 1};
	struct saved_model *model = NULL;
	struct orch_err err = {0};
	double out[16];

	if (count < 1)
		return 0;
	source.engine = engines[bytes[0] % 4];
	source.classes = bytes[0] % 4 == 3 ? 2 : bytes[0] / 4 % 3 ? 0 : 2;
	source.text = (const char *)bytes + 1;
	source.length = count - 1;
	if (saved_model_read(&source, &model, &err))
		return *err.text ? 0 : (abort(), 0);
	saved_model_predict(model, values, 2, out, &err);
	saved_model_close(model);
	return 0;
}
