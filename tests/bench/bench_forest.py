"""scikit-learn's forests and orch's on the same data and cores, in turns, so that whatever else the machine does hits both.

    make build/tests/bench/bench_forest && python3 tests/bench/bench_forest.py DATA.f64 [TURNS]

DATA.f64: column-major doubles, 15,000 rows of 164 features and the target. Needs scikit-learn; orch itself never does. orch's time
includes ranking the columns and writing the model as JSON; scikit-learn's is fit() on float32 rows it has already.
"""
import re
import statistics
import subprocess
import sys
import time

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

ROWS, FEATURES = 15000, 164
CASES = {
    "et_all": (ExtraTreesRegressor, 50, 1.0),
    "et_sqrt": (ExtraTreesRegressor, 100, "sqrt"),
    "rf_third": (RandomForestRegressor, 20, 1 / 3),
    "rf_sqrt": (RandomForestRegressor, 100, "sqrt"),
}


def main():
    path, turns = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    data = np.fromfile(path).reshape(FEATURES + 1, ROWS)
    x, y = np.ascontiguousarray(data[:FEATURES].T.astype(np.float32)), data[FEATURES].copy()
    for name, (kind, trees, candidates) in CASES.items():
        theirs, ours, their_work, our_work = [], [], [], []
        for turn in range(turns):
            model = kind(n_estimators=trees, max_features=candidates, min_samples_leaf=5, n_jobs=2, random_state=turn)
            start, work = time.time(), time.process_time()
            model.fit(x, y)
            theirs.append(time.time() - start)
            their_work.append(time.process_time() - work)
            text = subprocess.run(["build/tests/bench/bench_forest", path, name], capture_output=True, text=True, check=True).stdout
            ours.append(float(re.search(r"([0-9.]+) s", text).group(1)))
            our_work.append(float(re.search(r"processors ([0-9.]+) s", text).group(1)))
        print(f"{name}: scikit-learn {statistics.median(theirs):.2f} s, orch {statistics.median(ours):.2f} s, "
              f"median ratio {statistics.median(a / b for a, b in zip(theirs, ours)):.1f}; processors' time "
              f"{statistics.median(their_work):.2f} and {statistics.median(our_work):.2f} s, "
              f"{statistics.median(a / b for a, b in zip(their_work, our_work)):.1f}", flush=True)


if __name__ == "__main__":
    main()
