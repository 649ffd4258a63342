"""Writes reference_ridge.h: predictions of scikit-learn's Ridge for test_ridge.c.

    python3 tests/numeric/reference_ridge.py > tests/numeric/reference_ridge.h     (recorded with scikit-learn 1.9.1)
"""
import numpy as np
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROWS, COLUMNS = 24, 4
rng = np.random.default_rng(7)
X = np.round(rng.normal(size=(ROWS, COLUMNS)) * [1, 50, 0.01, 3] + [0, 1000, 0.5, -2], 4)
Y = np.round(np.c_[X @ [1, 0.1, 30, -1], X @ [0, -0.2, 10, 2]] + rng.normal(size=(ROWS, 2)), 4)
W = 1.0 + np.arange(ROWS) % 4
test = np.arange(ROWS) % 3 == 0


def predict(alpha, intercept, standardize, weights, without_b):
    keep = [0, 2, 3] if without_b else [0, 1, 2, 3]
    w = W[~test] if weights else None
    model = Ridge(alpha=alpha, fit_intercept=intercept, solver="svd") if alpha else LinearRegression(fit_intercept=intercept)
    a, b = X[~test][:, keep], X[test][:, keep]
    if standardize:
        scaler = StandardScaler(with_mean=intercept).fit(a, sample_weight=w)
        a, b = scaler.transform(a), scaler.transform(b)
    return model.fit(a, Y[~test], sample_weight=w).predict(b)


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


print("/* Written by reference_ridge.py with scikit-learn. */")
print(f"#define REFERENCE_ROWS {ROWS}\n#define REFERENCE_COLUMNS {COLUMNS}\n#define REFERENCE_TEST {int(test.sum())}")
print("static const double reference_x[REFERENCE_COLUMNS][REFERENCE_ROWS] = {")
for j in range(COLUMNS):
    print("\t" + numbers(X[:, j]) + ",")
print("};\nstatic const double reference_y[2][REFERENCE_ROWS] = {")
for o in range(2):
    print("\t" + numbers(Y[:, o]) + ",")
print("};\nstatic const struct reference_case {\n\tdouble alpha;\n\tbool intercept, standardize, weights, without_b;")
print("\tdouble prediction[2 * REFERENCE_TEST];\n} reference_cases[] = {")
for alpha in (0, 0.5, 20):
    for intercept in (True, False):
        for standardize in (False, True):
            for weights in (False, True):
                for without_b in (False, True):
                    flags = ", ".join(str(f).lower() for f in (intercept, standardize, weights, without_b))
                    values = predict(alpha, intercept, standardize, weights, without_b).T.ravel()
                    print(f"\t{{{alpha}, {flags}, {numbers(values)}}},")
print("};")
