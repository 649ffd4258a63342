"""scikit-learn's and glmnet's ridge: the peer's side of bench_ridge.c. The penalty of both is that of the sum of squares."""
import shutil
import subprocess
import sys

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

import peers


def squares(model, x, y, folds):
    """The sum over folds of the held-out squared errors."""
    return sum(np.sum((y[test] - model.fit(x[train], y[train]).predict(x[test])) ** 2) for train, test in folds)


def grid():
    x, y = peers.wide(100000, 164)
    folds = peers.folds(len(y), 5)
    alphas = [10 ** (-3 + v / 25) for v in (0, 50, 100, 150)]
    search = GridSearchCV(Ridge(), {"alpha": alphas}, scoring="neg_mean_squared_error", cv=folds, refit=False, n_jobs=peers.CORES)
    with peers.Clock() as clock:
        search.fit(x, y)
    sizes = np.array([len(test) for _, test in folds])
    scores = np.array([search.cv_results_[f"split{f}_test_score"] for f in range(5)])
    peers.result(clock.seconds * 50, -(scores * sizes[:, None]).sum(axis=0))


def glmnet():
    if not shutil.which("Rscript"):
        sys.exit("R is not installed: make bench-deps")
    peers.wide(100000, 164)
    script = f"""
    suppressMessages(library(glmnet))
    file <- file("{peers.DATA}/reg_100000x164.f32", "rb")
    all <- matrix(readBin(file, "numeric", 100000 * 165, size = 4), nrow = 100000)
    start <- proc.time()[["elapsed"]]
    cv.glmnet(all[, 1:164], all[, 165], alpha = 0, nlambda = 200, foldid = rep(1:5, 20000))
    cat("\\nseconds", proc.time()[["elapsed"]] - start, "\\n")
    """
    text = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True).stdout
    peers.result(float(text.split("seconds")[-1]))


def lofo(features, measured):
    def run():
        x, y = peers.wide(100000, features)
        folds = peers.folds(len(y), 5)
        answers, seconds = [], 0
        for left_out in range(measured):
            kept = np.delete(x, left_out, axis=1)
            with peers.Clock() as clock:
                answers.append(squares(Ridge(alpha=1), kept, y, folds))
            seconds += clock.seconds
        peers.result(seconds / measured * features, answers)
    return run


def path():
    x, y = peers.wide(100000, 164)
    train, _ = peers.folds(len(y), 5)[0]
    x, y = x[train], y[train]
    with peers.Clock() as clock:
        Ridge(alpha=1).fit(x, y)
    peers.result(clock.seconds)


peers.main({"ridge_grid": grid, "ridge_grid_glmnet": glmnet, "ridge_lofo": lofo(164, 4), "ridge_lofo_500": lofo(500, 1), "ridge_path": path})
