"""server.py: a scikit-learn forest that stays alive and takes fits as JSON lines (needs pandas, pyarrow, scikit-learn). The data is read once.
It grows in steps and reports its error after each, so that hpo.pruner can end a fit that is not worth the rest."""
import functools
import json
import os
import select
import sys

import pandas as pd
from sklearn.ensemble import RandomForestRegressor

read = functools.lru_cache(maxsize=4)(pd.read_parquet)


def tell(**answer):
    print(json.dumps(answer), flush=True)


def told_to_stop():  # {"type": "stop", "id": ..} comes on stdin, only after a progress line
    return bool(select.select([sys.stdin], [], [], 0)[0]) and "stop" in sys.stdin.readline()


def fit(task):
    data, target = read(task["data"]), task["target"][0]
    train, test = data[data["__fold"] != task["fold"]], data[data["__fold"] == task["fold"]]
    model = RandomForestRegressor(max_depth=task["params"]["depth"], random_state=task["seed"], n_jobs=task["threads"], warm_start=True)
    for trees in (10, 20, 30, 40, 50):
        model.n_estimators = trees
        prediction = model.fit(train[task["features"]], train[target]).predict(test[task["features"]])
        value = ((prediction - test[target]) ** 2).mean() ** 0.5  # the campaign's metric: it is compared with other trials' at the same step
        tell(type="progress", id=task["id"], step=trees, value=value)
        if told_to_stop():
            return tell(type="stopped", id=task["id"])
    pd.DataFrame({"row": test["__row"], "prediction": prediction}).to_csv(os.path.join(task["scratch"], "predictions.csv"), index=False)
    tell(type="result", id=task["id"], predictions="predictions.csv")


for line in sys.stdin:
    task = json.loads(line)
    if task["type"] == "fit":
        fit(task)
