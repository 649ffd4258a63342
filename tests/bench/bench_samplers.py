"""orch's samplers and Optuna's on the same functions and as many trials: the median over 20 seeds of the best value's distance to the least.
Ten are standard test functions, three are what models score on real data (samplers_tables.py).

    make build/tests/bench/bench_samplers && python3 tests/bench/bench_samplers.py [--peers] [SAMPLER ...] [FUNCTION ...]

make bench BENCH=samplers does the same (--row: its result line). Optuna's figures are kept in tests/bench/samplers_optuna.json, because its
Gaussian process takes most of an hour; --peers measures them again, with the Python that PEERS_PYTHON names (default build/peers/bin/python; it
needs optuna, scipy and torch). The values come from our own program, so that both see the same functions. A ratio below 1: orch got closer;
p is small where it is worse beyond chance.
"""
import json
import math
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get("BENCH_SAMPLERS", "build/tests/bench/bench_samplers")
RECORD = os.environ.get("BENCH_SAMPLERS_RECORD", os.path.join(HERE, "samplers_optuna.json"))
FUNCTIONS = "branin hartmann3 hartmann6 ackley5 rosenbrock4 levy5 griewank5 rastrigin4 styblinski_tang4 mixed".split()
TABLES = "breast_cancer diabetes diamonds".split()  # models on real data: samplers_tables.json
TRIALS = {"tpe": 100, "gp": 60}
TABLE_TRIALS = 50
SEEDS = 20


def median(values):
    values = sorted(values)
    return 0.5 * (values[(len(values) - 1) // 2] + values[len(values) // 2])


def worse(ours, theirs):
    """One-sided p of the rank sum test that ours are larger (Mann and Whitney 1947; normal approximation)."""
    a, b = len(ours), len(theirs)
    wins = sum((x > y) + 0.5 * (x == y) for x in ours for y in theirs)
    return 0.5 * math.erfc((wins - 0.5 - a * b / 2) / math.sqrt(a * b * (a + b + 1) / 12) / math.sqrt(2))


def write_record(record):
    """A line for each function."""
    samplers = []
    for sampler, functions in record.items():
        lines = ",\n".join(f'  "{name}": {json.dumps(result)}' for name, result in functions.items())
        samplers.append(f' "{sampler}": {{\n{lines}\n }}')
    with open(RECORD, "w") as file:
        file.write("{\n" + ",\n".join(samplers) + "\n}\n")


def suggest(trial, space):
    params = {}
    for name, axis in space.items():
        axis = {"list": axis} if isinstance(axis, list) else axis
        if any(params.get(parent) != value for parent, value in axis.get("when", {}).items()):
            continue
        if "list" in axis:
            params[name] = trial.suggest_categorical(name, axis["list"])
        elif "int" in axis:
            params[name] = trial.suggest_int(name, *axis["int"], step=axis.get("step", 1), log=axis.get("log", False))
        else:
            params[name] = trial.suggest_float(name, *axis["float"], step=axis.get("step"), log=axis.get("log", False))
    return params


def peer(sampler, function, trials, seeds):
    """Runs under PEERS_PYTHON."""
    import warnings

    import optuna

    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kinds = {
        "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
        "gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
    }
    if sampler == "gp":
        import torch

        torch.set_num_threads(1)
    server = subprocess.Popen([PROGRAM, "serve", function], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    space = json.loads(server.stdout.readline())

    def objective(trial):
        server.stdin.write(json.dumps(suggest(trial, space)) + "\n")
        server.stdin.flush()
        return float(server.stdout.readline())

    best = []
    for seed in range(1, seeds + 1):
        study = optuna.create_study(sampler=kinds[sampler](seed))
        study.optimize(objective, n_trials=trials)
        best.append(float("%.6g" % study.best_value))
    server.stdin.close()
    server.wait()
    print(json.dumps({"version": optuna.__version__, "trials": trials, "median": median(best), "seeds": sorted(best)}))


def trials_of(sampler, function):
    return TABLE_TRIALS if function in TABLES else TRIALS[sampler]


def record_peers(samplers, functions, record):
    python = os.environ.get("PEERS_PYTHON", "build/peers/bin/python")
    for sampler in samplers:
        for function in functions:
            text = subprocess.run([python, __file__, "peer", sampler, function, str(trials_of(sampler, function)), str(SEEDS)],
                                  stdout=subprocess.PIPE, text=True, check=True).stdout
            record.setdefault(sampler, {})[function] = json.loads(text)
            write_record(record)
            print(sampler, function, record[sampler][function]["median"], flush=True)


def compare(sampler, functions, record):
    """For each function a line to read, whether the median is no larger, whether the results are worse beyond chance."""
    for function in functions:
        theirs = record[sampler][function]
        ours = json.loads(subprocess.run([PROGRAM, "run", sampler, function, str(theirs["trials"]), str(len(theirs["seeds"]))],
                                         stdout=subprocess.PIPE, text=True, check=True).stdout)
        ratio = ours["median"] / theirs["median"] if theirs["median"] else math.inf if ours["median"] else 1
        chance = worse(ours["seeds"], theirs["seeds"])
        yield (f"{sampler} {function:17} {theirs['trials']:3} trials: orch {ours['median']:<10.4g} {ours['ms']:.2f} ms a trial; optuna {theirs['version']} "
               f"{theirs['median']:<10.4g} ratio {ratio:.2f}, p of worse {chance:.2f}"), ratio <= 1, chance < 0.05


def main():
    words = [w for w in sys.argv[1:] if not w.startswith("-")]
    if words[:1] == ["peer"]:
        return peer(words[1], words[2], int(words[3]), int(words[4]))
    unknown = [w for w in words if w not in FUNCTIONS + TABLES + list(TRIALS)]
    if unknown:
        sys.exit(f"{unknown[0]}: there are {', '.join(list(TRIALS) + FUNCTIONS + TABLES)}")
    functions = [w for w in words if w in FUNCTIONS + TABLES] or FUNCTIONS + TABLES
    samplers = [w for w in words if w in TRIALS] or list(TRIALS)
    record = json.load(open(RECORD)) if os.path.exists(RECORD) else {}
    if "--peers" in sys.argv:
        return record_peers(samplers, functions, record)
    lines, good, beyond = [], [], []
    for sampler in samplers:
        for line, reached, worse_beyond in compare(sampler, functions, record):
            lines.append(line)
            good.append(reached)
            beyond.append(worse_beyond)
            if "--row" not in sys.argv:
                print(line, flush=True)
    if "--row" in sys.argv:
        note = "".join("\n    " + line for line in lines)
        print(json.dumps({"reached": all(good), "note": f"{sum(good)} of {len(good)} medians are no worse, {sum(beyond)} worse beyond chance{note}"}))
    return None


if __name__ == "__main__":
    main()
