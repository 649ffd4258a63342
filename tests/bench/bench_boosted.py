"""XGBoost's own classes, scikit-learn's boosting, lofo-importance with LightGBM: the peer's side of bench_boosted.c."""
import lightgbm
import numpy as np
import pandas
import xgboost
from joblib import Parallel, delayed
from lofo import Dataset, LOFOImportance
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV

import peers

GRID = {"n_estimators": [50, 100, 200], "max_depth": [3, 5, 7], "learning_rate": [0.01, 0.1, 0.3], "subsample": [0.8, 1.0]}


def search():
    x, y = peers.wide(5000, 20, "class", np.float32)
    model = xgboost.XGBClassifier(tree_method="hist", n_jobs=1, base_score=0.5)
    grid = GridSearchCV(model, GRID, scoring="neg_log_loss", cv=peers.folds(len(y), 5), refit=False, n_jobs=peers.CORES)
    with peers.Clock() as clock:
        grid.fit(x, y.astype(int))
    peers.result(clock.seconds, [-np.mean(grid.cv_results_["mean_test_score"])])


def search_sklearn():
    """Depth and subsample as they are, 50 trees, rate 0.1: time is proportional to trees (350 in all to 50), and there are three rates."""
    x, y = peers.wide(5000, 20, "class", np.float32)
    train, test = peers.folds(len(y), 5)[0]
    kinds = [GradientBoostingClassifier(n_estimators=50, max_depth=d, subsample=s) for d in GRID["max_depth"] for s in GRID["subsample"]]

    def fit(model):
        return log_loss(y[test], model.fit(x[train], y[train]).predict_proba(x[test]))

    with peers.Clock() as clock:
        scores = Parallel(n_jobs=peers.CORES)(delayed(fit)(model) for model in kinds)
    peers.result(clock.seconds * 7 * 3 * 5, [np.mean(scores)])


def lofo(rows, features, depth, measured, count=2):
    def run():
        x, y = peers.wide(rows, features, dtype=np.float32)
        folds = peers.folds(rows, 5)[:count]

        def fit(left_out, train, test):
            kept = np.delete(np.arange(features), left_out)
            model = xgboost.XGBRegressor(tree_method="hist", n_estimators=100, max_depth=depth, n_jobs=1, base_score=float(y[train].mean()))
            model.fit(x[np.ix_(train, kept)], y[train])
            return np.mean((model.predict(x[np.ix_(test, kept)]).astype(float) - y[test]) ** 2)

        Parallel(n_jobs=peers.CORES)(delayed(int)(i) for i in range(4))  # its processes are there before the clock starts
        with peers.Clock() as clock:
            scores = Parallel(n_jobs=peers.CORES)(delayed(fit)(f, *fold) for f in range(measured) for fold in folds)
        peers.result(clock.seconds / measured * features, np.reshape(scores, (measured, count)).mean(axis=1))
    return run


def lofo_lightgbm():
    """As get_importance does it, for three features of the 164 and once for all; time is per fit, for 165. Trees as those of depth 3."""
    x, y = peers.wide(100000, 164, dtype=np.float32)
    table = pandas.DataFrame(x, columns=[f"f{i}" for i in range(164)])
    table["y"] = y
    model = lightgbm.LGBMRegressor(n_estimators=100, num_leaves=8, max_depth=3, learning_rate=0.3, n_jobs=peers.CORES, verbose=-1)
    data = Dataset(table, target="y", features=list(table.columns[:164]))
    importance = LOFOImportance(data, cv=[peers.folds(len(y), 5)[0]], scoring="neg_mean_squared_error", model=model)
    with peers.Clock() as clock:
        scores = [importance._get_cv_score(left_out)[0] for left_out in (None, "f0", "f1", "f2")]
    peers.result(clock.seconds / 4 * 165, [-score for score in scores[1:]])


if __name__ == "__main__":
    peers.main({"hpo_boosted": search, "hpo_boosted_sklearn": search_sklearn, "boosted_lofo_6": lofo(20000, 50, 6, 4),
                "boosted_lofo_3": lofo(20000, 50, 3, 10), "boosted_lofo_164": lofo_lightgbm})
