"""server.py: a scikit-learn forest that stays alive and takes fits as JSON lines (needs pandas, pyarrow, scikit-learn). The data is read once."""
import functools
import json
import os
import sys

import pandas as pd
from sklearn.ensemble import RandomForestRegressor

read = functools.lru_cache(maxsize=4)(pd.read_parquet)

for line in sys.stdin:
    task = json.loads(line)
    data, target = read(task["data"]), task["target"][0]
    train, test = data[data["__fold"] != task["fold"]], data[data["__fold"] == task["fold"]]
    model = RandomForestRegressor(50, max_depth=task["params"]["depth"], random_state=task["seed"], n_jobs=task["threads"])
    model.fit(train[task["features"]], train[target])
    predictions = pd.DataFrame({"row": test["__row"], "prediction": model.predict(test[task["features"]])})
    predictions.to_csv(os.path.join(task["scratch"], "predictions.csv"), index=False)
    print(json.dumps({"type": "result", "id": task["id"], "predictions": "predictions.csv"}), flush=True)
