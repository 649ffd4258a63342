"""The fifty pictures of bench_plots.c by matplotlib, on two processes; importing it is not counted."""
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import peers

MODELS, ROWS = 10, 100000


def uniform(at):
    with np.errstate(over="ignore"):
        z = (at + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def save(figure, path):
    figure.savefig(path)
    plt.close(figure)


def draw(task):
    model, folder = task
    at = (np.arange(ROWS, dtype=np.uint64) + np.uint64(model * ROWS)) * np.uint64(4)
    truth = 900 * uniform(at) * uniform(at + np.uint64(1))
    guess = truth + 60 * (uniform(at + np.uint64(2)) + uniform(at + np.uint64(3)) - 1) * (1 + truth / 300)
    error = guess - truth
    for name, x, y in (("predicted_actual", truth, guess), ("residuals_fitted", guess, error)):
        figure, axes = plt.subplots(figsize=(7.6, 4.2))
        axes.scatter(x, y, s=2, alpha=0.3)
        axes.set(title=name, xlabel="x", ylabel="y")
        save(figure, f"{folder}/{model}_{name}.svg")
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.8))
    left.hist(error, bins=60)
    p = (np.arange(201) + 0.5) / 201
    right.plot(np.quantile(np.random.default_rng(0).standard_normal(ROWS), p), np.quantile(error, p), ".")
    save(figure, f"{folder}/{model}_residuals.svg")
    figure, axes = plt.subplots(figsize=(6.4, 3.8))
    size = np.sort(np.abs(error))
    axes.plot(np.quantile(size, np.linspace(0, 1, 201)), np.linspace(0, 1, 201))
    save(figure, f"{folder}/{model}_rec.svg")
    figure, axes = plt.subplots(figsize=(7.6, 3.8))
    edges = np.quantile(truth, np.linspace(0, 1, 11))
    which = np.clip(np.searchsorted(edges, truth, side="right") - 1, 0, 9)
    axes.bar(range(10), [np.abs(error[which == b]).mean() for b in range(10)])
    save(figure, f"{folder}/{model}_error_by_target.svg")
    return float(np.sqrt(np.mean(error**2)))


def plots():
    folder = tempfile.mkdtemp(prefix="orch-bench-plots.")
    with ProcessPoolExecutor(peers.CORES) as pool:
        with peers.Clock() as clock:
            sums = list(pool.map(draw, [(m, folder) for m in range(MODELS)]))
    shutil.rmtree(folder)
    peers.result(clock.seconds, [sum(sums)])


peers.main({"plots_50": plots})
