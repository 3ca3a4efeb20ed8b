"""Writes variant.json, which tells the harness how to start a variant and what
it weighs. Usage: describe.py FILE --name NAME ... -- COMMAND...
"""

import argparse
import json
import os
import platform
import re
from importlib import metadata


def versions(args):
    """Returns the versions of the packages that stand in a site or a Cargo.lock."""
    found = dict(v.split("=", 1) for v in args.version)
    if args.site:
        found["python"] = platform.python_version()
        for name in args.package:
            found[name] = next(metadata.distributions(name=name, path=args.site)).version
    if args.lock:
        with open(args.lock, encoding="utf-8") as f:
            locked = dict(re.findall(r'^name = "(.+)"\nversion = "(.+)"$', f.read(), re.M))
        found.update((name, locked[name]) for name in args.package)
    return found


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("file")
    for name in ("name", "title", "kind", "dir", "note"):
        parse.add_argument("--" + name, required=True)
    for name in ("upload", "disk"):
        parse.add_argument("--" + name, type=int, required=True)
    for name in ("env", "site", "package", "version", "server-env"):
        parse.add_argument("--" + name, action="append", default=[])
    for name in ("lock", "server"):
        parse.add_argument("--" + name)
    parse.add_argument("command", nargs="+")
    args = parse.parse_args()
    server = None
    if args.server:
        server = {
            "command": [args.server],
            "dir": os.path.dirname(args.server),
            "env": args.server_env,
            "url_env": "ENDPOINT_URL",
            "port_env": "PORT",
        }
    variant = {
        "name": args.name,
        "title": args.title,
        "kind": args.kind,
        "command": args.command,
        "dir": args.dir,
        "env": args.env,
        "model": "origin",
        "upload_bytes": args.upload,
        "disk_bytes": args.disk,
        "upload_note": args.note,
        "versions": versions(args),
        "server": server,
    }
    with open(args.file + ".new", "w", encoding="utf-8") as f:
        json.dump(variant, f, indent=1)
        f.write("\n")
    os.replace(args.file + ".new", args.file)


if __name__ == "__main__":
    main()
