#!/usr/bin/env python3
"""Every variant that setup.sh has made gives the labels and scores of
`coldstream predict`, and fails the records that cannot be scored alone. Each is
run as on Lambda: variant.json's command, behind a Runtime API, with nothing of
this process's environment. Usage: test_handlers.py [NAME...]
"""

import base64
import contextlib
import http.server
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = ROOT / "out/bench/variants"
TOLERANCE = 1e-5
START, ANSWER = 120, 120  # seconds until a process is given up

TEXTS = [
    "what a wonderful day",
    "",
    "RT @someone: I liked her answer on immigration #GOPDebate https://t.co/abc",
    "Trump was the worst of all, what a joke \U0001f602\U0001f602",
    "\U0001f600 \u2764\ufe0f \U0001f44d\U0001f3fd",
    "Party starts at the airport: rrtt rt RT rT",
    "caf\u00e9 na\u00efve \u0130stanbul \u212aelvin \u4f60\u597d the debate",
    "tabs\tand\u00a0hard\u2003spaces\u3000the\x1cgop debate",
    "brackets[and]back\\slash^caret_under`tick the^debate _the_",
    "numbers 2016 100% $5 #1 @2",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9",
    "the " * 3000,
    "GOPDEBATE " + "unknownword" * 2000 + " last night",
    "not bad at all",
    '["no", "object"]',
    "he said {this} was great",
    "   leading and trailing   ",
    "carriage\rreturn the debate",
    "Fox News moderators did a great job tonight!!!",
    "I hate this. Hate hate hate.",
    "&amp; thank you @realDonaldTrump",
    "null",
]


def expected():
    """Returns what coldstream says of each text."""
    command = ["go", "run", "./tools", "predict", "--model", "models/origin.safetensors.zst", "--format", "jsonl"]
    lines = "".join(text + "\n" for text in TEXTS).encode()
    out = subprocess.run(command, cwd=ROOT, input=lines, stdout=subprocess.PIPE, check=True).stdout
    answers = [json.loads(line) for line in out.decode().splitlines()]
    assert len(answers) == len(TEXTS), f"{len(answers)} answers to {len(TEXTS)} texts"
    return answers


def event():
    """Returns an event and, for each of its records, the number of its text, or
    None where the record has to fail."""

    def encoded(data):
        return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()

    records, wanted = [], []

    def add(data, number):
        record = {"recordId": f"r{len(records)}", "approximateArrivalTimestamp": 1495072949453}
        records.append(record if data is None else record | {"data": data})
        wanted.append(number)

    broken = [
        None,
        "%%%%",
        "aGVsbG8",
        encoded(b"\xff\xfe"),
        encoded('{"text": "no end"'),
        encoded('{"id": 1}'),
        encoded('{"text": 7}'),
    ]
    for n, text in enumerate(TEXTS):
        add(encoded(text), n)
        add(encoded(json.dumps({"id": n, "lang": "en", "text": text}) + "\n"), n)
        if n < len(broken):
            add(broken[n], None)
    add(encoded(TEXTS[0] + "\n"), 0)
    head = {"invocationId": "i", "deliveryStreamArn": "arn:aws:firehose:us-east-1:0:deliverystream/posts", "region": "us-east-1"}
    return head | {"records": records}, wanted


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A function that is ended resets its connections."""


class RuntimeAPI:
    """Speaks with one function: answers its next with the events, keeps what it
    answers."""

    def __init__(self):
        self.events, self.answers = queue.Queue(), queue.Queue()
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = api.events.get()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "1")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + ANSWER) * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:0:function:f")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                api.answers.put((self.path.rsplit("/", 1)[1], body))

            def log_message(self, *args):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def invoke(self, payload, process, log):
        self.events.put(json.dumps(payload).encode())
        give_up = time.monotonic() + START + ANSWER
        while time.monotonic() < give_up:
            with contextlib.suppress(queue.Empty):
                kind, body = self.answers.get(timeout=0.2)
                assert kind == "response", f"the function reports an error: {body.decode()}"
                return json.loads(body)
            assert process.poll() is None, f"the function ended:\n{tail(log)}"
        raise AssertionError(f"no answer:\n{tail(log)}")


def tail(log):
    log.seek(0)
    return log.read().decode(errors="replace")[-2000:]


@contextlib.contextmanager
def started(command, folder, env):
    """Runs a process with this environment and nothing else, and ends it."""
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin"} | dict(pair.split("=", 1) for pair in env)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process, log
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def server_of(variant):
    """Runs the variant's server, if it has one; yields what the function's
    environment says about it."""
    server = variant["server"]
    if not server:
        yield []
        return
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with started(server["command"], server["dir"], [*server["env"], f"{server['port_env']}={port}"]) as (process, log):
        give_up = time.monotonic() + START
        while True:
            with contextlib.suppress(urllib.error.URLError):
                if urllib.request.urlopen(url + "/", timeout=5).status == 200:
                    break
            assert process.poll() is None and time.monotonic() < give_up, f"the server does not answer:\n{tail(log)}"
            time.sleep(0.2)
        yield [f"{server['url_env']}={url}"]


def check(answer, payload, wanted, truth):
    """Compares an answer with what it has to be; returns the largest difference
    of a score."""
    sent, got = payload["records"], answer["records"]
    assert [r["recordId"] for r in got] == [r["recordId"] for r in sent], "the ids differ"
    largest = 0.0
    for record, number in zip(got, wanted):
        if number is None:
            assert record["result"] == "ProcessingFailed", f"a broken record came back as {record}"
            continue
        assert record["result"] == "Ok", f"{TEXTS[number][:40]!r}: {record}"
        data = base64.b64decode(record["data"], validate=True)
        assert data.endswith(b"}\n"), data
        line, want = json.loads(data), truth[number]
        assert set(line) == {"message", "sentiment", "score"}, line
        assert line["message"] == TEXTS[number], f"message {line['message'][:40]!r} of {TEXTS[number][:40]!r}"
        assert line["sentiment"] == want["sentiment"], f"{TEXTS[number][:40]!r}: {line['sentiment']}, want {want['sentiment']}"
        difference = abs(line["score"] - want["score"])
        assert difference <= TOLERANCE, f"{TEXTS[number][:40]!r}: {line['score']}, want {want['score']}"
        largest = max(largest, difference)
    return largest


def run(variant, truth):
    payload, wanted = event()
    api = RuntimeAPI()
    try:
        with server_of(variant) as more:
            env = [*variant["env"], *more, f"AWS_LAMBDA_RUNTIME_API={api.address}", f"LAMBDA_TASK_ROOT={variant['dir']}"]
            env += ["AWS_LAMBDA_FUNCTION_NAME=f", "AWS_LAMBDA_FUNCTION_VERSION=1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=4096", "AWS_REGION=us-east-1", "LANG=en_US.UTF-8"]
            with started(variant["command"], variant["dir"], env) as (process, log):
                largest = check(api.invoke(payload, process, log), payload, wanted, truth)
                # More posts than any variant scores in one call, on more than one thread.
                many = dict(payload, records=payload["records"] * 4 if variant["kind"] == "zip" else payload["records"])
                check(api.invoke(many, process, log), many, wanted * 4, truth)
                empty = api.invoke(dict(payload, records=[]), process, log)
                assert empty == {"records": []}, empty
    finally:
        api.server.shutdown()
        api.server.server_close()
    return f"{len(wanted)} records, largest difference of a score {largest:.1e}"


def main(names):
    made = sorted(path.parent.name for path in MADE.glob("*/variant.json"))
    if not made:
        sys.exit("test_handlers.py: no variant is made; run bench/variants/setup.sh")
    truth, failed = expected(), 0
    for name in names or made:
        with open(MADE / name / "variant.json", encoding="utf-8") as f:
            variant = json.load(f)
        before = sorted(os.listdir(variant["dir"]))
        try:
            print(f"ok   {name}: {run(variant, truth)}", flush=True)
            assert sorted(os.listdir(variant["dir"])) == before, "it wrote into its folder"
        except AssertionError as err:
            failed += 1
            print(f"FAIL {name}: {err}", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main(sys.argv[1:])
