"""scikit-learn's forests: the peer's side of bench_forest.c. Its rows are float32 already, as it wants them."""
import itertools
import shutil
import subprocess
import sys

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.metrics import r2_score

import peers

TRAININGS = {
    "forest_et_all": (ExtraTreesRegressor, 50, 1.0),
    "forest_et_sqrt": (ExtraTreesRegressor, 100, "sqrt"),
    "forest_rf_third": (RandomForestRegressor, 20, 1 / 3),
    "forest_rf_sqrt": (RandomForestRegressor, 100, "sqrt"),
}


def training(kind, trees, features):
    def run():
        x, y = peers.wide(18750, 164, dtype=np.float32)
        train, test = peers.folds(len(y), 5)[0]
        a, b, c = x[train], y[train], x[test]
        model = kind(n_estimators=trees, max_features=features, min_samples_leaf=5, n_jobs=peers.CORES, random_state=1)
        with peers.Clock() as clock:
            guess = model.fit(a, b).predict(c)
        peers.result(clock.seconds, [r2_score(y[test], guess)])
    return run


def ranger():
    """Its min.node.size is the size of nodes that it still splits: 10 gives trees of about the depth that leaves of 5 give."""
    if not shutil.which("Rscript"):
        sys.exit("R is not installed: make bench-deps")
    peers.wide(18750, 164)
    script = f"""
    suppressMessages(library(ranger))
    file <- file("{peers.DATA}/reg_18750x164.f32", "rb")
    all <- matrix(readBin(file, "numeric", 18750 * 165, size = 4), nrow = 18750)
    test <- scan("{peers.DATA}/ranger_test.txt", quiet = TRUE) + 1
    x <- all[, 1:164]; y <- all[, 165]
    colnames(x) <- paste0("f", 1:164)
    start <- proc.time()[["elapsed"]]
    model <- ranger(x = x[-test, ], y = y[-test], num.trees = 100, mtry = 12, min.node.size = 10, num.threads = {peers.CORES}, seed = 1)
    guess <- predict(model, x[test, ], num.threads = {peers.CORES})$predictions
    seconds <- proc.time()[["elapsed"]] - start
    cat("\nresult", seconds, 1 - sum((y[test] - guess)^2) / sum((y[test] - mean(y[test]))^2), "\n")
    """
    np.savetxt(f"{peers.DATA}/ranger_test.txt", peers.folds(18750, 5)[0][1], fmt="%d")
    text = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True).stdout
    seconds, score = text.split("result")[-1].split()
    peers.result(float(seconds), [float(score)])


def lofo():
    x, y = peers.wide(20000, 164, dtype=np.float32)
    train, test = peers.folds(len(y), 5)[0]
    seconds, scores = 0, []
    for left_out in range(0, 160, 20):
        kept = np.delete(np.arange(164), left_out)
        a, b, c = x[np.ix_(train, kept)], y[train], x[np.ix_(test, kept)]
        model = RandomForestRegressor(n_estimators=20, max_features=1 / 3, min_samples_leaf=5, n_jobs=peers.CORES, random_state=1)
        with peers.Clock() as clock:
            guess = model.fit(a, b).predict(c)
        seconds += clock.seconds
        scores.append(r2_score(y[test], guess))
    peers.result(seconds / 8 * 165, [np.mean(scores)])


def grid():
    x, y = peers.wide(1500, 20, dtype=np.float32)
    train, test = peers.folds(len(y), 5)[0]
    seconds, scores = 0, []
    for trees, split, leaf, features, depth in itertools.product((60, 100), (2, 5), (1, 2), ("sqrt", 0.5), (40, 60, None)):
        model = RandomForestRegressor(n_estimators=trees, min_samples_split=split, min_samples_leaf=leaf, max_features=features, max_depth=depth,
                                      n_jobs=peers.CORES, random_state=1)
        with peers.Clock() as clock:
            guess = model.fit(x[train], y[train]).predict(x[test])
        seconds += clock.seconds
        scores.append(r2_score(y[test], guess))
    peers.result(seconds * 5, [np.mean(scores)])


peers.main({**{name: training(*what) for name, what in TRAININGS.items()}, "forest_rf_ranger": ranger, "forest_lofo": lofo, "forest_grid": grid})
