"""scikit-learn's side of bench_parity.c."""
import csv

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor

import peers

SEEDS = 10
TABLES = [("diabetes", "y", False), ("breast_cancer", "y", True), ("diamonds_sample", "price", False)]


def read(name, target):
    rows = list(csv.reader(open(f"tests/data/{name}.csv")))
    words = [{} for _ in rows[0]]

    def number(column, cell):
        try:
            return float(cell)
        except ValueError:
            return float(words[column].setdefault(cell, len(words[column])))

    table = np.array([[number(c, cell) for c, cell in enumerate(row)] for row in rows[1:]])
    at = rows[0].index(target)
    return np.delete(table, at, axis=1), table[:, at]


def parity():
    answers = []
    with peers.Clock() as clock:
        for name, target, classes in TABLES:
            x, y = read(name, target)
            train, test = peers.folds(len(y), 5)[0]
            for kind in ((RandomForestClassifier, ExtraTreesClassifier) if classes else (RandomForestRegressor, ExtraTreesRegressor)):
                errors = []
                for seed in range(SEEDS):
                    model = kind(n_estimators=50, max_features=0.5, n_jobs=peers.CORES, random_state=seed).fit(x[train], y[train])
                    guess = model.predict_proba(x[test])[:, 1] if classes else model.predict(x[test])
                    square = np.mean((guess - y[test]) ** 2)
                    errors.append(square if classes else np.sqrt(square))
                answers += [np.mean(errors), np.std(errors) / np.sqrt(SEEDS - 1)]
    peers.result(clock.seconds, answers)


peers.main({"forest_parity": parity})
