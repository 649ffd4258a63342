#!/usr/bin/env bash
# peers.sh FOLDER REQUIREMENTS: what `make bench` measures against. A Python environment in FOLDER, and R's caret, ranger and glmnet and GNU parallel by apt where
# they can be had.
set -euo pipefail
folder=$1 requirements=$2
for python in "${PYTHON:-}" python3.11 python3.12 python3.10 python3; do # the pinned versions are built for 3.10 to 3.12
	if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then break; fi
	python=
done
if [ -z "$python" ]; then
	echo "bench-deps: no Python 3.10 to 3.12 was found: set PYTHON to one" >&2
	exit 1
fi
"$python" -m venv "$folder" || { echo "bench-deps: $python -m venv failed; on Debian install python3-venv" >&2; exit 1; }
"$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
"$folder/bin/python" -c 'import lightgbm, lofo, matplotlib, optuna, sklearn, xgboost'
echo "Python's peers are in $folder: $(grep -c == "$requirements") packages"
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
by_apt() { # name, packages...
	local name=$1
	shift
	if command -v apt-get >/dev/null && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >>"$folder/apt.log" 2>&1; then
		echo "$name: installed ($*)"
	else
		echo "$name cannot be had here (see $folder/apt.log): its rows stay empty"
	fi
}
by_apt "R" r-base-core r-cran-caret r-cran-ranger r-cran-glmnet
by_apt "GNU parallel" parallel
