#!/bin/sh
# Remakes every trained model and every figure of docs/models.md, from the data
# sets alone. Usage:
#
#   tools/keras/remake.sh [WORK]
#
# WORK keeps the teacher, its labels and the models of all seeds: what stands
# there is not trained again. By default it is a folder for temporary files. Two
# environments are made in it, one for each file of requirements, which were
# pinned under Python 3.11. The data sets are looked for in ../shared/data
# beside the repository, or in COLDSTREAM_DATA. Takes about two hours on two cores.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=${1:-${TMPDIR:-/tmp}/coldstream-training}
mkdir -p "$work"

# Keras writes some of a tokenizer's fields in the order of a set.
export PYTHONHASHSEED=0

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

"$origin" "$here/train_origin.py" --work "$work/origin-seeds"
"$default" "$here/baselines.py"
"$default" "$here/teacher.py" --work "$work/default-seeds"
"$default" "$here/train_default.py" --work "$work/default-seeds"
"$default" "$here/train_default.py" --work "$work/default-seeds" --arms
"$default" "$here/posts_vectors.py"

# The converted files, with Keras' own outputs as check vectors.
cd "$here/../.."
"$origin" "$here/export_check.py" models/origin.h5 >"$work/origin.check.json"
"$default" "$here/export_check.py" models/default.keras >"$work/default.check.json"
go run ./tools convert models/origin.h5 --tokenizer models/origin.tokenizer.json --clean origin \
	--labels Negative,Neutral,Positive --check "$work/origin.check.json" -o models/origin.safetensors.zst
go run ./tools convert models/default.keras --tokenizer models/default.tokenizer.json \
	--labels Negative,Neutral,Positive --check "$work/default.check.json" -o weights/pretrained/default.safetensors.zst
