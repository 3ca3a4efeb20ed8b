#!/bin/sh
# Remakes every trained model and every figure of docs/models.md, from the data
# sets alone. Usage:
#
#   tools/keras/remake.sh [WORK]
#
# WORK keeps the teacher and its labels between runs; a folder for temporary
# files by default. Two Python 3.11 environments are made in it, one for each
# file of requirements. The data sets are looked for in ../shared/data beside
# the repository, or in COLDSTREAM_DATA. Takes about an hour on two cores.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=${1:-${TMPDIR:-/tmp}/coldstream-training}
mkdir -p "$work"

environment() {
	if [ ! -x "$work/$1/bin/python" ]; then
		python3 -m venv "$work/$1"
		"$work/$1/bin/pip" install --quiet --requirement "$here/requirements-$1.txt"
	fi
}

environment origin
environment default
origin=$work/origin/bin/python
default=$work/default/bin/python

"$origin" "$here/train_origin.py"
"$default" "$here/baselines.py"
"$default" "$here/teacher.py" --work "$work/teacher"
"$default" "$here/train_default.py" --work "$work/teacher"
"$default" "$here/train_default.py" --work "$work/teacher" --arms
"$default" "$here/posts_vectors.py"
