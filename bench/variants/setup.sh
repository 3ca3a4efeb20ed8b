#!/usr/bin/env bash
# Makes the programs that the zip is compared with runnable as processes, without
# Docker. Usage:
#
#   bench/variants/setup.sh [published] [tuned] [onnxruntime] [tract] [ec2]
#
# Without a name it makes them all. What would be uploaded goes to
# out/bench/variants/NAME/app, how to start it and what it weighs to variant.json
# beside it, which is written last. Environments of Python and the build of Rust
# stay in ${XDG_CACHE_HOME:-~/.cache}/coldstream-bench (about 6 GB for all) and are
# remade only when the pinned packages change. Needs Linux and Python 3.11, which
# is what the functions run on; cargo 1.91 or later for tract, which is left out
# without it. The first time it takes 10 to 15 minutes on two cores.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/coldstream-bench
lambda=$here/container setup=$here/container/setup models=$root/models
# Lambda's limit on what a zip unpacks to.
unzipped_limit=$((250 * 1024 * 1024))

fail() {
	echo "bench/variants/setup.sh: $*" >&2
	exit 1
}

say() { echo "bench/variants/setup.sh: $*" >&2; }

# find_python sets $python to a Python 3.11 that can make environments.
find_python() {
	for python in python3.11 python3; do
		"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || continue
		"$python" -c 'import ensurepip, venv' 2>/dev/null ||
			fail "$python cannot make environments; install its venv module (Debian: apt-get install python3.11-venv)"
		return
	done
	fail "no Python 3.11 found as python3.11 or python3; TensorFlow 2.15 and the pinned packages need it"
}

# run LOG WHAT COMMAND...: runs a command quietly; its failure ends the script
# with the last line that it wrote.
run() {
	local log=$1 what=$2
	shift 2
	"$@" >"$log" 2>&1 || fail "$what failed: $(grep -v '^[[:space:]]*$' "$log" | tail -n 1) (all of it: $log)"
}

pip_install() { # PYTHON LOG NAME ARGUMENT...
	local interpreter=$1 log=$2 name=$3
	shift 3
	run "$log" "$name: installing packages (network?)" "$interpreter" -m pip install --quiet \
		--disable-pip-version-check --no-input --only-binary :all: "$@"
}

# place NAME FILE...: the folder in the cache for what these files say. Sets
# $placed. What an earlier version of the files asked for is removed.
place() {
	local name=$1 old
	shift
	placed=$cache/$name-$({ uname -m; "$python" -V; cat "$@"; } | sha256sum | cut -c 1-12)
	for old in "$cache/$name"-????????????; do
		if [ -e "$old" ] && [ "$old" != "$placed" ]; then rm -rf "$old" "$old.complete"; fi
	done
}

# environment NAME [REQUIREMENTS]: an environment with these packages and the
# client of the Runtime API, and the sizes of the packages alone as a layer of an
# image: Lambda's base image has the client and pip. Sets $placed.
environment() {
	local name=$1 log=$cache/$1.log site
	shift
	place "$name" "$@" "$setup/runtime.txt"
	[ -e "$placed/complete" ] && return
	say "$name: making its environment"
	rm -rf "$placed"
	run "$log" "$name: python -m venv" "$python" -m venv "$placed"
	site=$placed/lib/python3.11/site-packages
	if [ $# -gt 0 ]; then
		pip_install "$placed/bin/python" "$log" "$name" --requirement "$1"
		layer "$site" --exclude=./pip --exclude='./pip-*' >"$placed/upload"
		du -s --block-size=1 --exclude=pip --exclude='pip-*' "$site" | cut -f 1 >"$placed/disk"
	fi
	pip_install "$placed/bin/python" "$log" "$name" --requirement "$setup/runtime.txt"
	touch "$placed/complete"
}

# packages NAME REQUIREMENTS UNUSED...: a folder of packages for a zip, without
# tests and without the parts that are named as not used. Sets $placed.
packages() {
	local name=$1-packages requirements=$2
	place "$name" "$requirements" <(printf '%s\n' "${@:3}")
	[ -e "$placed.complete" ] && return
	say "$1: installing the packages of its zip"
	rm -rf "$placed"
	pip_install "$runtime/bin/python" "$cache/$name.log" "$1" --no-compile --target "$placed" --requirement "$requirements"
	shift 2
	(cd "$placed" && rm -rf bin "$@" && find . -type d -name tests -prune -exec rm -rf {} +)
	compile "$placed"
	touch "$placed.complete"
}

# compile FOLDER: compiles Python for a place that cannot be written to. Python
# does not look at the times of the files then, which unpacking changes.
compile() {
	run "$cache/compile.log" "compiling $1" "$python" -m compileall -q -s "$1" --invalidation-mode unchecked-hash "$1"
}

# layer FOLDER ARGUMENT...: bytes of a folder as a layer of an image.
layer() {
	local folder=$1
	shift
	tar -C "$folder" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner "$@" -cf - . | gzip -6 | wc -c
}

disk() { du -s --block-size=1 "$1" | cut -f 1; }

# begin NAME: an empty folder for the app beside the present one, which is no
# longer announced. Sets $dir and $app.
begin() {
	dir=$root/out/bench/variants/$1
	app=$dir/app.new
	mkdir -p "$dir"
	rm -rf "$dir/variant.json" "$app"
	mkdir "$app"
}

# settle [VENV]: puts the app in its place.
settle() {
	rm -rf "$dir/app"
	mv "$app" "$dir/app"
	app=$dir/app
	if [ $# -gt 0 ]; then ln -sfn "$1" "$dir/venv"; fi
}

# describe NAME ARGUMENT...: writes variant.json.
describe() {
	local name=$1
	shift
	"$python" "$setup/describe.py" "$dir/variant.json" --name "$name" --dir "$app" "$@"
	say "$name: made in out/bench/variants/$name"
}

# Of a function's folder nothing is written on Lambda, and its messages are not
# measured. KERAS_HOME is where Keras looks for its settings, of which there are none.
python_env=(--env PYTHONDONTWRITEBYTECODE=1)
tensorflow_env=("${python_env[@]}" --env TF_CPP_MIN_LOG_LEVEL=2 --env CUDA_VISIBLE_DEVICES=-1)

container() { # NAME TITLE KEY=VALUE PACKAGE...
	local name=$1 title=$2 env=$3 package versions=()
	shift 3
	for package; do versions+=(--package "$package"); done
	describe "$name" --title "$title" --kind container --site "$venv/lib/python3.11/site-packages" "${versions[@]}" \
		"${tensorflow_env[@]}" --env "$env" \
		--upload $(($(cat "$venv/upload") + $(layer "$app"))) --disk $(($(cat "$venv/disk") + $(disk "$app"))) \
		--note "layers without the base image, gzip -6" \
		-- "$dir/venv/bin/python" -m awslambdaric handler.handler
}

posts() { run "$cache/posts.log" "making posts.csv" "$python" "$setup/make_posts.py" "$models/origin.tokenizer.json" "$1/posts.csv"; }

vocabulary() { run "$cache/vocabulary.log" "making vocabulary.json" "$python" "$setup/make_vocabulary.py" "$models/origin.tokenizer.json" "$1/vocabulary.json"; }

# onnx FOLDER: the model as ONNX, made once in an environment that is removed.
onnx() {
	place onnx "$models/origin.h5" "$setup/make_onnx.py" "$setup/export.txt"
	if [ ! -e "$placed" ]; then
		local made=$work/onnx
		say "making model.onnx"
		run "$cache/onnx.log" "python -m venv" "$python" -m venv "$work/export"
		pip_install "$work/export/bin/python" "$cache/onnx.log" onnx --requirement "$setup/export.txt"
		run "$cache/onnx.log" "making model.onnx" "$work/export/bin/python" "$setup/make_onnx.py" "$models/origin.h5" "$made"
		rm -rf "$work/export"
		mv "$made" "$placed"
	fi
	cp "$placed" "$1/model.onnx"
}

# zipped NAME: checks the limit of Lambda and gives the sizes of a zip.
zipped() {
	local bytes
	bytes=$(du -s --apparent-size --block-size=1 "$app" | cut -f 1)
	[ "$bytes" -le "$unzipped_limit" ] || fail "$1: the zip unpacks to $bytes bytes, Lambda takes $unzipped_limit"
	zip_sizes=(--upload "$("$python" "$setup/zip_bytes.py" "$app")" --disk "$(disk "$app")" --note "zip, best compression")
}

make_published() {
	say "published: Python container with TensorFlow 2.15 and pandas, one predict per record"
	environment published "$lambda/published/requirements.txt"
	venv=$placed
	begin published
	cp "$lambda/published/handler.py" "$models/origin.h5" "$app"
	posts "$app"
	settle "$venv"
	container published "Python container, TensorFlow 2.15, one predict per record" \
		"KERAS_HOME=$dir/keras" tensorflow keras numpy pandas
}

make_tuned() {
	say "tuned: Python container with TensorFlow 2.15, frozen graph, one call per event"
	environment tuned "$lambda/tuned/requirements.txt"
	venv=$placed
	begin tuned
	cp "$lambda/tuned/handler.py" "$lambda/posts.py" "$app"
	vocabulary "$app"
	run "$cache/tuned.log" "tuned: freezing the model" env KERAS_HOME="$work/keras" \
		"$venv/bin/python" "$lambda/tuned/freeze.py" "$models/origin.h5" "$app/graph.pb"
	compile "$app"
	settle "$venv"
	# TensorFlow imports Keras unless told to take the older tf_keras, which is not
	# there, and then goes on without: 0.17 s less.
	container tuned "Python container, TensorFlow 2.15 tuned: frozen graph, one call per event" \
		TF_USE_LEGACY_KERAS=1 tensorflow-cpu numpy
}

make_onnxruntime() {
	say "onnxruntime: Python zip with ONNX Runtime, one call per 64 posts"
	environment runtime
	runtime=$placed
	packages onnxruntime "$lambda/onnxruntime/requirements.txt" \
		onnxruntime/{quantization,tools,transformers} numpy/{distutils,f2py}
	local from=$placed
	begin onnxruntime
	cp -R "$from/." "$app"
	cp "$lambda/onnxruntime/handler.py" "$lambda/posts.py" "$app"
	vocabulary "$app"
	onnx "$app"
	compile "$app"
	settle "$runtime"
	zipped onnxruntime
	describe onnxruntime --title "Python zip, ONNX Runtime, posts in batches" --kind zip --site "$app" \
		--package onnxruntime --package numpy "${python_env[@]}" "${zip_sizes[@]}" \
		-- "$dir/venv/bin/python" -m awslambdaric handler.handler
}

make_tract() {
	if ! command -v cargo >/dev/null; then
		say "tract: left out, there is no cargo (https://rustup.rs)"
		return
	fi
	say "tract: Rust zip with tract, posts in chunks of 4"
	run "$cache/tract.log" "tract: cargo build" cargo build --quiet --release --locked \
		--manifest-path "$lambda/tract/Cargo.toml" --target-dir "$cache/tract-target"
	begin tract
	cp "$cache/tract-target/release/bootstrap" "$app"
	vocabulary "$app"
	onnx "$app"
	settle
	zipped tract
	describe tract --title "Rust zip, tract, posts in batches" --kind zip "${zip_sizes[@]}" \
		--version "rustc=$(rustc --version | cut -d ' ' -f 2)" \
		--lock "$lambda/tract/Cargo.lock" --package tract-onnx --package lambda_runtime \
		-- "$app/bootstrap"
}

make_ec2() {
	say "ec2: FastAPI server with TensorFlow 2.15 and the thin function before it"
	environment ec2 "$here/ec2/server/requirements.txt"
	venv=$placed
	environment runtime
	runtime=$placed
	packages ec2 "$here/ec2/thin/requirements.txt"
	local from=$placed server
	begin ec2
	server=$dir/server
	rm -rf "$server"
	mkdir "$server"
	cp "$here/ec2/server/app.py" "$here/ec2/server/start.sh" "$models/origin.h5" "$server"
	posts "$server"
	ln -sfn "$venv" "$dir/server-venv"
	cp -R "$from/." "$app"
	cp "$here/ec2/thin/handler.py" "$app"
	settle "$runtime"
	zipped ec2
	describe ec2 --title "Python zip that asks a FastAPI server with TensorFlow 2.15, one request per record" --kind ec2 \
		--site "$venv/lib/python3.11/site-packages" --package tensorflow --package keras --package fastapi --package uvicorn \
		--site "$app" --package requests "${python_env[@]}" "${zip_sizes[@]}" \
		--server "$server/start.sh" --server-env "PYTHON=$dir/server-venv/bin/python" \
		--server-env PYTHONDONTWRITEBYTECODE=1 --server-env TF_CPP_MIN_LOG_LEVEL=2 \
		--server-env CUDA_VISIBLE_DEVICES=-1 --server-env "KERAS_HOME=$dir/keras" \
		-- "$dir/venv/bin/python" -m awslambdaric handler.handler
}

all=(published tuned onnxruntime tract ec2)
case ${1-} in
-h | --help)
	sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
	exit
	;;
esac
for name; do
	case " ${all[*]} " in
	*" $name "*) ;;
	*) fail "there is no variant \"$name\"; there are ${all[*]}" ;;
	esac
done
[ "$(uname -s)" = Linux ] || fail "the functions' packages are Linux's; this is $(uname -s)"
find_python
mkdir -p "$cache"
exec 9>"$cache/lock"
flock -n 9 || fail "another set-up is running (it holds $cache/lock)"
rm -rf "$cache"/work.?????? # of a run that was killed
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- "${all[@]}"
for name; do "make_$name"; done
