#!/usr/bin/env bash
# Every kept seed of every fuzz target, cases that were found included, once more.
source "$(dirname "$0")/../e2e/lib.sh"
here=$(cd "$OLDPWD" && cd tests/fuzz && pwd)
for folder in "$here"/seeds/*/; do
	name=$(basename "$folder")
	check "fuzz_${name}__$(ls "$folder" | wc -l)_kept_inputs" "${BUILD:-$OLDPWD/build}/tests/fuzz/replay_$name" "$folder"*
done
finish
