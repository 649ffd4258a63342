#!/bin/bash
# How near to the least the samplers that learn get, beside Optuna's recorded figures: ten functions, three real data sets (bench_samplers.py).
# @row samplers_tpe | TPE: 10 functions, 100 trials, and models on 3 data sets, 50 trials, 20 seeds | - | no median worse than Optuna's | - | 1
# @row samplers_gp | GP: 10 functions, 60 trials, and models on 3 data sets, 50 trials, 20 seeds | - | no median worse than Optuna's | - | 1
export BENCH_SAMPLERS="${BUILD:-build}/tests/bench/bench_samplers"
exec python3 "${0%.sh}.py" --row "${1#samplers_}"
