"""Writes reference_elasticnet.h: predictions of scikit-learn's ElasticNet for test_elasticnet.c.

    python3 tests/numeric/reference_elasticnet.py > tests/numeric/reference_elasticnet.h     (scikit-learn 1.9.1)
"""
import numpy as np
from sklearn.linear_model import ElasticNet
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROWS, COLUMNS = 24, 4
rng = np.random.default_rng(7)
X = np.round(rng.normal(size=(ROWS, COLUMNS)) * [1, 50, 0.01, 3] + [0, 1000, 0.5, -2], 4)
Y = np.round(np.c_[X @ [1, 0.1, 30, -1], X @ [0, -0.2, 10, 2]] + rng.normal(size=(ROWS, 2)), 4)
W = 1.0 + np.arange(ROWS) % 4
test = np.arange(ROWS) % 3 == 0


def predict(alpha, ratio, intercept, standardize, weights, without_b):
    keep = [0, 2, 3] if without_b else [0, 1, 2, 3]
    w = W[~test] if weights else None
    a, b = X[~test][:, keep], X[test][:, keep]
    if standardize:
        scaler = StandardScaler(with_mean=intercept).fit(a, sample_weight=w)
        a, b = scaler.transform(a), scaler.transform(b)
    out = []
    for o in range(2):
        model = ElasticNet(alpha=alpha, l1_ratio=ratio, fit_intercept=intercept, tol=1e-14, max_iter=10**6)
        out.append(model.fit(a, Y[~test][:, o], sample_weight=w).predict(b))
    return np.concatenate(out)


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


print("/* Written by reference_elasticnet.py with scikit-learn. The table is the one of reference_ridge.h. */")
print("#include \"tests/numeric/reference_ridge.h\"\n")
print("static const struct net_case {\n\tdouble alpha, l1_ratio;\n\tbool intercept, standardize, weights, without_b;")
print("\tdouble prediction[2 * REFERENCE_TEST];\n} net_cases[] = {")
for alpha, ratio in ((0.01, 0.5), (0.3, 1.0), (0.3, 0.2), (2, 0.9)):
    for intercept, standardize in ((True, True), (True, False), (False, True)):
        for weights in (False, True):
            for without_b in (False, True):
                flags = ", ".join(str(f).lower() for f in (intercept, standardize, weights, without_b))
                values = predict(alpha, ratio, intercept, standardize, weights, without_b)
                print(f"\t{{{alpha}, {ratio}, {flags}, {numbers(values)}}},")
print("};")
