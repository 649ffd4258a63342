"""train.py --data FILE --features FILE --fold N --depth D: a scikit-learn forest as the model of a campaign (needs pandas, pyarrow, scikit-learn)."""
import argparse
import json

import pandas as pd
from sklearn.ensemble import RandomForestRegressor

parser = argparse.ArgumentParser()
parser.add_argument("--data")
parser.add_argument("--features")
parser.add_argument("--fold", type=int)
parser.add_argument("--depth")
arguments = parser.parse_args()

data = pd.read_parquet(arguments.data)
features = json.load(open(arguments.features))
train, test = data[data["__fold"] != arguments.fold], data[data["__fold"] == arguments.fold]
depth = None if arguments.depth == "null" else int(arguments.depth)
model = RandomForestRegressor(50, max_depth=depth, random_state=1).fit(train[features], train["y"])
pd.DataFrame({"row": test["__row"], "prediction": model.predict(test[features])}).to_csv("predictions.csv", index=False)
print(json.dumps({"predictions": "predictions.csv"}))
