"""Peers that record trials: what each of them costs when the trial itself costs nothing."""
import os
import shutil
import subprocess
import sys
import tempfile

import peers

FOLDER = tempfile.mkdtemp(prefix="scale-peer.")


def optuna_trials(storage, measured, asked):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=1))
    with peers.Clock() as clock:
        study.optimize(lambda t: (t.suggest_float("x", 0, 1) - 0.3) ** 2 + (t.suggest_float("y", 0, 1) - 0.7) ** 2, n_trials=measured)
    peers.result(clock.seconds * asked / measured, note=f"{measured / clock.seconds:.0f} trials/s")


def sqlite():
    optuna_trials(f"sqlite:///{FOLDER}/optuna.db", 200, 1000)


def journal():
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna_trials(JournalStorage(JournalFileBackend(f"{FOLDER}/journal.log")), 1000, 10000)


def grid():
    import numpy as np
    from sklearn.dummy import DummyRegressor
    from sklearn.model_selection import GridSearchCV

    rng = np.random.default_rng(1)
    x, y = rng.random((200, 3)), rng.random(200)
    search = GridSearchCV(DummyRegressor(strategy="constant"), {"constant": list(np.linspace(0, 1, 5000))}, cv=2, refit=False, n_jobs=2)
    with peers.Clock() as clock:
        search.fit(x, y)
    peers.result(clock.seconds * 100000 / 5000, note=f"{10000 / clock.seconds:.0f} fits/s")


def parallel():
    if not shutil.which("parallel"):
        sys.exit("GNU parallel is not installed")
    with peers.Clock() as clock:
        subprocess.run(["parallel", "-j2", "--joblog", f"{FOLDER}/joblog", "true", ":::", *map(str, range(500))], check=True, env=dict(os.environ, PARALLEL_HOME=FOLDER))
    peers.result(clock.seconds * 200000 / 500, note=f"{500 / clock.seconds:.0f} jobs/s")


try:
    peers.main({"scale_1k": sqlite, "scale_10k": journal, "scale_100k": grid, "scale_200k": parallel})
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
