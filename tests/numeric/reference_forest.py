"""Writes tests/numeric/forest_reference.h: scores of scikit-learn's forests for test_forest_reference.c to compare with.

    python3 tests/numeric/reference_forest.py [SEEDS] > tests/numeric/forest_reference.h

Run from the root of the repository, with scikit-learn installed; orch itself never needs it. Every fifth row (2, 7, 12, ...) is
held out; each case is fitted with SEEDS seeds (10) and 50 trees. Regression: root mean squared error over all outputs;
classes: Brier score, summed over classes.

Weights with bootstrap are not among the cases: scikit-learn up to 1.7 multiplies draws by weights, as orch does, and later draws rows
in proportion to their weights.
"""
import csv
import json
import sys

import numpy as np
import sklearn
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor

ORDER = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": ["D", "E", "F", "G", "H", "I", "J"],
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}
TREES = 50
CASES = [  # data, targets, parameters as in a campaign
    ("diabetes", "y", {"kind": "random_forest"}),
    ("diabetes", "y", {"kind": "extra_trees"}),
    ("diabetes", "y", {"kind": "random_forest", "max_features": "sqrt", "min_samples_leaf": 5}),
    ("diabetes", "y", {"kind": "extra_trees", "max_features": 0.5, "min_samples_leaf": 3, "bootstrap": True}),
    ("diabetes", "y", {"kind": "random_forest", "max_features": 0.34, "min_samples_split": 20, "bootstrap": False}),
    ("diabetes", "y", {"kind": "extra_trees", "max_features": 1.0, "max_depth": 5}),
    ("breast_cancer", "y", {"kind": "random_forest"}),
    ("breast_cancer", "y", {"kind": "extra_trees"}),
    ("breast_cancer", "y", {"kind": "random_forest", "criterion": "entropy", "max_features": 0.5, "min_samples_leaf": 4}),
    ("breast_cancer", "y", {"kind": "extra_trees", "criterion": "entropy", "max_features": "log2"}),
    ("breast_cancer", "y", {"kind": "random_forest", "class_weight": "balanced", "bootstrap": False, "max_depth": 4}),
    ("breast_cancer", "y", {"kind": "extra_trees", "max_features": "all", "min_samples_leaf": 5}),
    ("diamonds_sample", "price", {"kind": "random_forest"}),
    ("diamonds_sample", "price", {"kind": "extra_trees"}),
    ("diamonds_sample", "price", {"kind": "random_forest", "max_features": "sqrt", "min_samples_leaf": 2}),
    ("diamonds_sample", "price", {"kind": "extra_trees", "max_features": "sqrt"}),
    ("diamonds_sample", "cut", {"kind": "random_forest"}),
    ("diamonds_sample", "cut", {"kind": "extra_trees", "min_samples_leaf": 2}),
    ("diamonds_sample", "cut", {"kind": "random_forest", "class_weight": "balanced", "bootstrap": False, "criterion": "entropy"}),
    ("diamonds_sample", "cut", {"kind": "extra_trees", "class_weight": "balanced", "max_features": "all"}),
    ("diamonds_sample", "x,y,z", {"kind": "random_forest", "max_features": 0.5}),
    ("diamonds_sample", "x,y,z", {"kind": "extra_trees"}),
    ("diamonds_sample missing", "price", {"kind": "random_forest", "max_features": "all"}),
    ("diamonds_sample missing", "price", {"kind": "random_forest", "max_features": "sqrt", "min_samples_leaf": 3}),
]


def read(name):
    with open(f"tests/data/{name}.csv") as file:
        rows = list(csv.reader(file))
    columns = {}
    for i, column in enumerate(rows[0]):
        order = ORDER.get(column)
        columns[column] = np.array([order.index(r[i]) if order else float(r[i]) for r in rows[1:]])
    return columns


def problem(data, targets):
    name, *missing = data.split()
    columns = read(name)
    targets = targets.split(",")
    y = np.column_stack([columns.pop(t) for t in targets])
    x = np.column_stack(list(columns.values()))
    if missing:  # a sixth of each column, and the lower carats more often
        row, column = np.indices(x.shape)
        x[(row * 7 + column * 5) % 6 == 0] = np.nan
        x[(x[:, 0] < 0.5) & (np.arange(len(x)) % 2 == 0), 0] = np.nan
    held_out = np.arange(len(x)) % 5 == 2
    return x[~held_out], y[~held_out], x[held_out], y[held_out]


def score(data, targets, params, seed):
    x, y, x_test, y_test = problem(data, targets)
    params = dict(params)
    extra = params.pop("kind") == "extra_trees"
    classify = data == "breast_cancer" or targets == "cut"
    if params.get("max_features") == "all":
        params["max_features"] = None
    kind = (ExtraTreesClassifier if extra else RandomForestClassifier) if classify else (
        ExtraTreesRegressor if extra else RandomForestRegressor)
    model = kind(n_estimators=TREES, random_state=seed, n_jobs=2, **params)
    if classify:
        model.fit(x, y[:, 0])
        truth = y_test == model.classes_[None, :]
        return np.mean(np.sum((model.predict_proba(x_test) - truth) ** 2, axis=1))
    model.fit(x, y if y.shape[1] > 1 else y[:, 0])
    return np.sqrt(np.mean((model.predict(x_test).reshape(y_test.shape) - y_test) ** 2))


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    print(f"/* Made by reference_forest.py with scikit-learn {sklearn.__version__}: mean and standard deviation of the held-out score over seeds. */")
    print(f"#define REFERENCE_SEEDS {seeds}\n#define REFERENCE_TREES {TREES}")
    print("static const struct reference_case {\n\tconst char *data, *targets, *params;\n\tdouble mean, deviation;\n} reference_cases[] = {")
    for data, targets, params in CASES:
        scores = [score(data, targets, params, seed) for seed in range(seeds)]
        text = json.dumps(json.dumps(params))
        print(f'\t{{"{data}", "{targets}", {text}, {np.mean(scores):.8g}, {np.std(scores, ddof=1):.4g}}},', flush=True)
    print("};")


if __name__ == "__main__":
    main()
