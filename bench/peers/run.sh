#!/bin/sh
# Measures coldstream against ONNX Runtime, OpenVINO, TensorFlow, LiteRT, PyTorch
# and tract: one thread each, interleaved rounds, same weights and inputs. Writes
# bench/results/peers.txt (for benchstat) and peers.md. Usage:
#
#   bench/peers/run.sh [--rounds N] [--cpu N] [--net reference,origin,default]
#                      [--batch 1,32,500] [--engines NAME,...] [--work DIR]
#   bench/peers/run.sh --sweep [--rounds N] [--cpu N] [--work DIR]
#
# DIR keeps the environment of Python (5 GB with PyTorch), the builds and the data;
# by default coldstream-peers in the user's cache. Needs Linux, Go and Python 3.11
# or later; cargo for tract, which is left out without it.
# PEERS_WITHOUT_PYTORCH=1 leaves out PyTorch's download.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=${XDG_CACHE_HOME:-$HOME/.cache}/coldstream-peers
take=
for arg in "$@"; do
	case $take$arg in
	--work=*) work=${arg#--work=} ;;
	--work) take=yes; continue ;;
	yes*) work=$arg ;;
	esac
	take=
done
mkdir -p "$work"
work=$(cd "$work" && pwd)

if ! command -v python3 >/dev/null; then
	echo "bench/peers: python3 is needed" >&2
	exit 1
fi
python=$work/venv/bin/python
[ -x "$python" ] || python3 -m venv "$work/venv"

# install NAME: what is pinned in a file of requirements, unless it is there.
install() {
	cmp -s "$here/$1" "$work/venv/$1" && return
	echo "bench/peers: installing $1" >&2
	"$python" -m pip install --quiet --requirement "$here/$1" >&2 && cp "$here/$1" "$work/venv/$1"
}

install requirements.txt
if [ -z "${PEERS_WITHOUT_PYTORCH:-}" ]; then
	install requirements-pytorch.txt || echo "bench/peers: PyTorch is left out" >&2
fi
# The reference outputs too are computed on the one processor.
export OPENBLAS_NUM_THREADS=1
exec "$python" "$here/run.py" "$@" --work "$work"
