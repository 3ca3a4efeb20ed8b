#!/usr/bin/env bash
# Makes what the FastAPI server needs on an instance that reaches S3 only: program,
# model, posts, unit and all packages as wheels in one archive, for the endpoint
# stack with server = "fastapi". Usage:
#
#   bench/variants/ec2/bundle.sh [-o OUT.tar.gz]
#
# Without -o it writes out/bench/variants/ec2/bundle.tar.gz, about 600 MB. The same
# files give the same bytes. Needs Python 3.9 or later with pip, and the network for
# the wheels of requirements.txt, which are those of Python 3.11 on x86_64 whatever
# machine this is.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
out=$root/out/bench/variants/ec2/bundle.tar.gz
server=$here/server

fail() {
	echo "bench/variants/ec2/bundle.sh: $*" >&2
	exit 1
}

while [ $# -gt 0 ]; do
	case $1 in
	-h | --help)
		sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
		exit
		;;
	-o)
		[ $# -ge 2 ] && [ -n "$2" ] || fail "-o needs a file"
		out=$2
		shift 2
		;;
	*) fail "there is no argument \"$1\"; try --help" ;;
	esac
done
python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip; install it (Debian: apt-get install python3-pip)"

mkdir -p "$(dirname "$out")"
work=$(mktemp -d "$(dirname "$out")/bundle.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/endpoint" "$work/endpoint/app"

# glibc 2.34, which Amazon Linux 2023 has, runs all of these.
platforms=()
for libc in 2014 _2_17 _2_24 _2_26 _2_27 _2_28 _2_31 _2_34; do platforms+=(--platform "manylinux${libc}_x86_64"); done
python3 -m pip download --quiet --disable-pip-version-check --no-input --no-deps --only-binary :all: \
	--implementation cp --python-version 3.11 --abi cp311 --abi abi3 --abi none "${platforms[@]}" \
	--dest "$work/endpoint/wheels" --requirement "$server/requirements.txt" >"$work/log" 2>&1 ||
	fail "downloading the wheels of $server/requirements.txt failed (network?): $(grep -v '^[[:space:]]*$' "$work/log" | tail -n 1)"

cp "$server/app.py" "$server/start.sh" "$root/models/origin.h5" "$work/endpoint/app"
cp "$server/requirements.txt" "$server/coldstream-endpoint.service" "$work/endpoint"
python3 "$here/../container/setup/make_posts.py" "$root/models/origin.tokenizer.json" "$work/endpoint/app/posts.csv" >"$work/log" 2>&1 ||
	fail "making posts.csv failed: $(grep -v '^[[:space:]]*$' "$work/log" | tail -n 1)"
chmod -R u=rwX,go=rX "$work/endpoint"
chmod 0755 "$work/endpoint/app/start.sh"
tar -C "$work/endpoint" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - . | gzip -n -1 >"$work/bundle.tar.gz"
mv "$work/bundle.tar.gz" "$out"
echo "$out"
