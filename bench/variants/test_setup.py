#!/usr/bin/env python3
"""What of the variants can be tested without their packages. Needs Python 3.11."""

import base64
import json
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ORIGIN = HERE.parents[1] / "models/origin.tokenizer.json"
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE / "container"), str(HERE / "container/setup")]

import make_posts  # noqa: E402
import posts  # noqa: E402


def encoded(data):
    return base64.b64encode(data).decode()


class Row(list):
    def argmax(self):
        return self.index(max(self))


class Posts(unittest.TestCase):
    def test_text(self):
        for data, want in {
            b"hello": "hello",
            b"hello\n": "hello",
            b"hello\r\n": "hello",
            b"hello\n\n": "hello\n",
            b"hello\r": "hello\r",
            b"": "",
            b' ["a"]': ' ["a"]',
            b' \n{"id": 1, "text": "caf\\u00e9"}\n': "caf\u00e9",
        }.items():
            self.assertEqual(posts.text({"data": encoded(data)}), want, data)
        for data in (None, 7, "%%%%", "aGVsbG8", "\u00e9", encoded(b"\xff"), encoded(b"{"), encoded(b"{}"), encoded(b'{"text":null}')):
            with self.assertRaises(ValueError, msg=data):
                posts.text({"data": data})

    def test_one_bad_record_fails_alone(self):
        deep = encoded(b'{"text":"a","b":' + b"[" * 200000)
        records = [{"recordId": "a", "data": encoded(b"x")}, {"recordId": "b", "data": deep}, {"recordId": "c", "data": encoded(b"y")}]
        calls = []

        def score(texts):
            calls.append(texts)
            return [Row([0.1, 0.2, 0.7]), Row([0.5, 0.25, 0.25])]

        got = posts.transform({"records": records}, score)["records"]
        self.assertEqual(calls, [["x", "y"]])
        self.assertEqual([(r["recordId"], r["result"]) for r in got], [("a", "Ok"), ("b", "ProcessingFailed"), ("c", "Ok")])
        self.assertEqual(json.loads(base64.b64decode(got[0]["data"])), {"message": "x", "sentiment": "Positive", "score": 0.7})
        self.assertEqual(json.loads(base64.b64decode(got[2]["data"])), {"message": "y", "sentiment": "Negative", "score": 0.5})


class Tokens(unittest.TestCase):
    def test_ids(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "vocabulary.json")
            script = HERE / "container/setup/make_vocabulary.py"
            subprocess.run([sys.executable, script, ORIGIN, path], check=True)
            words, tokenizer = json.loads(path.read_text(encoding="utf-8")), posts.Tokenizer(path)
        self.assertEqual(len(words), 1999)
        self.assertEqual(words[:3], ["gopdebate", "the", "gopdebates"])
        self.assertEqual(tokenizer.ids("The PaRty-of_the unknownword #GOPDebate"), [0] * 25 + [2, 2, 1])
        self.assertEqual(tokenizer.ids(" ".join(words[:40])), list(range(13, 41)))


class MadePosts(unittest.TestCase):
    def test_cleaning_undoes_the_writing(self):
        rng = random.Random(7)
        for word in ("the", "rt", "artist", "a\xa0b", "tt", "rrt"):
            for _ in range(60):
                written = make_posts.as_posted(word, rng)
                got = [w for w in make_posts.clean(written).split(" ") if w]
                self.assertEqual(got, [word], written)

    def test_other_ids_are_refused(self):
        config = json.loads(ORIGIN.read_text(encoding="utf-8"))["config"]
        rows = list(make_posts.texts(config, random.Random(make_posts.SEED)))
        self.assertEqual(len(rows), make_posts.ROWS)
        make_posts.check(config, rows)
        with self.assertRaises(SystemExit):
            make_posts.check(config, rows[::-1])


class Shell(unittest.TestCase):
    def test_unknown_names_and_help(self):
        got = subprocess.run([HERE / "setup.sh", "tensorflow"], capture_output=True, text=True)
        self.assertNotEqual(got.returncode, 0)
        self.assertEqual(got.stderr.count("\n"), 1, got.stderr)
        self.assertIn("published tuned onnxruntime tract ec2", got.stderr)
        got = subprocess.run([HERE / "setup.sh", "--help"], capture_output=True, text=True)
        self.assertEqual(got.returncode, 0)
        self.assertIn("variant.json", got.stdout)


if __name__ == "__main__":
    unittest.main()
