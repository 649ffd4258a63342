#!/bin/sh
# trainer.sh DEGREE SHRINK FOLD: stands for a training program; its score is a known function of its parameters, so that the winner is known.
echo "training with degree $1 and shrink $2 on fold $3" >&2
awk -v d="$1" -v s="$2" -v f="$3" 'BEGIN { printf "{\"score\": %.6f}\n", (d - 2) * (d - 2) + s + 0.01 * f }'
