"""Writes reference_logistic.h: probabilities of scikit-learn's LogisticRegression for test_logistic.c.

    python3 tests/numeric/reference_logistic.py > tests/numeric/reference_logistic.h     (scikit-learn 1.9.1)
"""
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

ROWS, COLUMNS = 42, 3
rng = np.random.default_rng(11)
X = np.round(rng.normal(size=(ROWS, COLUMNS)) * [1, 20, 0.1] + [0, 300, 0.5], 4)
Z = (X - [0, 300, 0.5]) / [1, 20, 0.1]
Y3 = np.argmax(np.c_[Z[:, 0] - Z[:, 1], Z[:, 2], -Z[:, 0]] + rng.gumbel(size=(ROWS, 3)), axis=1)
Y2 = (Z[:, 0] + 0.5 * Z[:, 1] + rng.logistic(size=ROWS) > 0).astype(int)
W = 1.0 + np.arange(ROWS) % 4
test = np.arange(ROWS) % 3 == 0


def predict(y, alpha, intercept, standardize, weights, without_b):
    keep = [0, 2] if without_b else [0, 1, 2]
    w = W[~test] if weights else None
    a, b = X[~test][:, keep], X[test][:, keep]
    if standardize:
        scaler = StandardScaler(with_mean=intercept).fit(a, sample_weight=w)
        a, b = scaler.transform(a), scaler.transform(b)
    elif intercept:  # the penalty does not see a shift, the solver's accuracy does
        mean = a.mean(axis=0)
        a, b = a - mean, b - mean
    model = LogisticRegression(C=1 / alpha, fit_intercept=intercept, solver="newton-cholesky", tol=1e-13, max_iter=1000)
    return model.fit(a, y[~test], sample_weight=w).predict_proba(b).T.ravel()


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


print("/* Written by reference_logistic.py with scikit-learn. */")
print(f"#define REFERENCE_ROWS {ROWS}\n#define REFERENCE_COLUMNS {COLUMNS}\n#define REFERENCE_TEST {int(test.sum())}")
print("static const double reference_x[REFERENCE_COLUMNS][REFERENCE_ROWS] = {")
for j in range(COLUMNS):
    print("\t" + numbers(X[:, j]) + ",")
print("};\nstatic const double reference_y[2][REFERENCE_ROWS] = {")
for y in (Y2, Y3):
    print("\t" + numbers(y) + ",")
print("};\nstatic const struct reference_case {\n\tunsigned classes;\n\tdouble alpha;")
print("\tbool intercept, standardize, weights, without_b;\n\tdouble probability[3 * REFERENCE_TEST];\n} reference_cases[] = {")
for classes, y in ((2, Y2), (3, Y3)):
    for alpha in (0.1, 5):
        for intercept, standardize in ((True, True), (True, False), (False, True)):
            for weights in (False, True):
                for without_b in (False, True):
                    flags = ", ".join(str(f).lower() for f in (intercept, standardize, weights, without_b))
                    values = predict(y, alpha, intercept, standardize, weights, without_b)
                    print(f"\t{{{classes}, {alpha}, {flags}, {numbers(values)}}},")
print("};")
