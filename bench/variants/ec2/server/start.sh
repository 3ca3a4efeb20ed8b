#!/bin/sh
# Starts the endpoint: PYTHON has the packages, HOST and PORT say where it listens.
cd "$(dirname "$0")" || exit 1
exec "${PYTHON:-python3}" -m uvicorn app:app --host "${HOST:-127.0.0.1}" --port "${PORT:-8000}" --log-level warning
