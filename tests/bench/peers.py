"""What the peers' side of `make bench` shares: the same data and folds as tests/bench/bench.h, and the line with the result."""
import json
import os
import subprocess
import sys
import time

import numpy as np

CORES = 2
BUILD = os.environ.get("BUILD", "build")
DATA = os.environ.get("BENCH_DATA", os.path.join(BUILD, "bench"))


def wide(rows, features, kind="reg", dtype=np.float64):
    """x (rows by features) and y, as tests/bench/data.c makes them."""
    path = os.path.join(DATA, f"{kind}_{rows}x{features}.f32")
    if not os.path.exists(path):
        os.makedirs(DATA, exist_ok=True)
        subprocess.run([os.path.join(BUILD, "tests/bench/data"), str(rows), str(features), kind, path], check=True)
    table = np.fromfile(path, dtype=np.float32).reshape(features + 1, rows)
    return np.ascontiguousarray(table[:features].T.astype(dtype)), table[features].astype(np.float64)


def folds(rows, count):
    """Pairs of training and held-out rows, the same as bench_folds of bench.h."""
    fold = ((np.arange(rows, dtype=np.uint32) * np.uint32(2654435761)) >> np.uint32(8)) % np.uint32(count)
    return [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(count)]


class Clock:
    """with Clock() as clock: ...; clock.seconds"""

    def __enter__(self):
        self.start = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.start


def result(seconds, answer=(), note=None, **more):
    """The last line. seconds: None where the driver's own clock shall count."""
    line = dict(more)
    if seconds is not None:
        line["seconds"] = seconds
    line["answer"] = [float(a) for a in answer]
    if note:
        line["note"] = note
    print(json.dumps(line), flush=True)


def main(rows):
    """rows: functions by row name."""
    if len(sys.argv) < 2 or sys.argv[1] not in rows:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(rows)}")
    rows[sys.argv[1]]()
