"""Scores of a grid of configurations on three real data sets, by orch's own engines: tests/bench/samplers_tables.json, from which
bench_samplers makes functions that samplers search as they would search the models, without a fit.

    make && python3 tests/bench/samplers_tables.py [PROBLEM ...]

A problem's axes: `list` of choices, or `grid`, the points of a range ("int" or "float", perhaps log) at which the models were scored.
Scores are means over three folds to six digits, in order of the configurations, the last axis fastest. A few minutes on two cores.
"""
import csv
import itertools
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TABLES = os.path.join(HERE, "samplers_tables.json")
ORCH = os.path.abspath(os.environ.get("ORCH", "build/orch"))
PROBLEMS = {
    "breast_cancer": {
        "target": "y", "metric": "logloss", "model": {"engine": "xgboost", "trees": 60},
        "axes": [
            {"name": "max_depth", "kind": "int", "grid": [1, 2, 3, 4, 6]},
            {"name": "learning_rate", "kind": "float", "log": True, "grid": [0.01, 0.03, 0.1, 0.2, 0.4, 1]},
            {"name": "min_child_weight", "kind": "float", "log": True, "grid": [0.1, 1, 4, 16]},
            {"name": "reg_lambda", "kind": "float", "log": True, "grid": [0.01, 0.1, 1, 10]},
            {"name": "colsample_bytree", "kind": "float", "grid": [0.1, 0.3, 1]},
        ],
    },
    "diabetes": {
        "target": "y", "metric": "rmse", "model": {"engine": "forest", "trees": 60},
        "axes": [
            {"name": "kind", "list": ["random_forest", "extra_trees"]},
            {"name": "bootstrap", "list": [True, False]},
            {"name": "max_features", "kind": "float", "grid": [0.1, 0.2, 0.35, 0.5, 0.75, 1]},
            {"name": "min_samples_leaf", "kind": "int", "log": True, "grid": [1, 2, 4, 8, 16, 32]},
            {"name": "max_depth", "kind": "int", "grid": [2, 3, 4, 6, 8, 12]},
        ],
    },
    "diamonds": {
        "target": "price", "metric": "rmse", "model": {"engine": "xgboost", "trees": 60},
        "axes": [
            {"name": "max_depth", "kind": "int", "grid": [2, 3, 4, 6, 8]},
            {"name": "learning_rate", "kind": "float", "log": True, "grid": [0.02, 0.05, 0.1, 0.2, 0.4, 0.8]},
            {"name": "min_child_weight", "kind": "float", "log": True, "grid": [1, 4, 16, 64]},
            {"name": "reg_lambda", "kind": "float", "log": True, "grid": [0.1, 1, 10, 100]},
            {"name": "subsample", "kind": "float", "grid": [0.4, 0.7, 1]},
        ],
    },
}


def data(name):
    return os.path.join(HERE, "../data", name + ("_sample" if name == "diamonds" else "") + ".csv")


def plain(value):
    """As trials.csv has it, for comparison."""
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else float(value)


def score(name, problem, folder):
    """Runs the grid; scores by configuration, in order."""
    values = {axis["name"]: axis.get("grid") or axis["list"] for axis in problem["axes"]}
    spec = {
        "data": {"source": os.path.abspath(data(name)), "target": problem["target"]},
        "split": {"folds": {"k": 3}}, "metric": problem["metric"], "model": problem["model"],
        "hpo": {"sampler": "grid", "space": values}, "lofo": {"enabled": False}, "resources": {"workers": 2, "threads": 1},
    }
    with open(os.path.join(folder, name + ".yaml"), "w") as file:
        json.dump(spec, file)
    subprocess.run([ORCH, "start", name + ".yaml"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    scored = {}
    with open(os.path.join(folder, name, "rounds/round_000/01_hpo/trials.csv")) as file:
        for row in csv.DictReader(file):
            cells = [row["param_" + axis] for axis in values]
            scored[tuple(float(cell) if cell[0].isdigit() else cell for cell in cells)] = float("%.6g" % float(row["mean"]))
    return [scored[tuple(plain(value) for value in key)] for key in itertools.product(*values.values())]


def write(tables):
    """A line for each axis, a line for twelve scores."""
    parts = []
    for name, table in tables.items():
        axes = ",\n   ".join(json.dumps(axis) for axis in table["axes"])
        rows = [", ".join("%.6g" % s for s in table["scores"][at:at + 12]) for at in range(0, len(table["scores"]), 12)]
        parts.append(f' "{name}": {{\n  "metric": "{table["metric"]}", "model": {json.dumps(table["model"])},\n  "axes": [\n   {axes}],\n'
                     + '  "scores": [\n   ' + ",\n   ".join(rows) + "]}")
    with open(TABLES, "w") as file:
        file.write("{\n" + ",\n".join(parts) + "\n}\n")


def main():
    tables = json.load(open(TABLES)) if os.path.exists(TABLES) else {}
    for name in sys.argv[1:] or PROBLEMS:
        with tempfile.TemporaryDirectory() as folder:
            problem = PROBLEMS[name]
            tables[name] = {key: problem[key] for key in ("metric", "model", "axes")} | {"scores": score(name, problem, folder)}
        best = min(tables[name]["scores"])
        print(f"{name}: {len(tables[name]['scores'])} configurations, {problem['metric']} from {best:g} to {max(tables[name]['scores']):g}")
    write({name: tables[name] for name in PROBLEMS if name in tables})


if __name__ == "__main__":
    main()
