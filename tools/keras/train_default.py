"""Trains `default`, the model that coldstream embeds, in Keras 3.

    python tools/keras/teacher.py --work DIR
    python tools/keras/train_default.py --work DIR

writes models/default.keras (seed 0, no optimizer state),
models/default.tokenizer.json and tools/keras/results/default.json. Needs the
packages of requirements-default.txt. A seed whose model stands in DIR is not
trained again. `--arms` trains the variants of ARMS instead and
writes results/default_arms.json: validation figures only, no model. It wants
the seeds of the recipe in DIR; an arm whose model stands there is not trained
again, and `--ready` measures those that do without training the others.

The validation sets (TweetEval validation and the GOP validation split) choose;
the GOP test fold is read once, after the last seed is trained.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from transformers import AutoTokenizer

import corpora
import metrics
import negation
import posts
import probe
import student
import teacher
import vocabulary

import keras

SEEDS = (0, 1, 2)
HARD = 0.4  # share of the annotators' label in a target; the rest is the teacher's
COPY_WEIGHT = 0.7

# The recipe, and what was tried beside it: each arm changes some options.
OPTIONS = {"words": False, "negation": 1.0, "copies": 2, "hard": HARD, "start": True, "epochs": student.EPOCHS}
ARMS = {
    "no_negation": {"negation": 0.0},
    "words": {"words": True},
    "no_copies": {"copies": 0},
    "no_copies_random_start": {"copies": 0, "start": False},
    "no_copies_no_teacher": {"copies": 0, "hard": 1.0},
    "five_epochs": {"epochs": 5},
    "more_teacher": {"hard": 0.2},
}


class Material:
    """Everything that is the same for all seeds and arms with one kind of vocabulary."""

    def __init__(self, work, words=False):
        data = corpora.data_directory()
        self.posts = corpora.gop(data)
        examples, self.counts = corpora.training_examples(data, self.posts)
        tokenizer = AutoTokenizer.from_pretrained(teacher.model_path())
        labels = np.load(work / "teacher.npz")
        if len(labels["train"]) != len(examples):
            raise SystemExit(f"{work}: labels of {len(labels['train'])} texts, {len(examples)} texts now: run teacher.py again")
        augmented = json.loads((work / "augmented.json").read_text())
        negated = negation.examples()

        if words:
            self.pieces = vocabulary.most_frequent([e.text for e in examples])
            self.vocabulary = vocabulary.Words(self.pieces)
        else:
            self.pieces = vocabulary.build([e.text for e in examples], tokenizer)
            self.vocabulary = posts.Vocabulary(self.pieces)
        self.start = vocabulary.start(self.pieces, tokenizer, labels["word_embeddings"], student.WIDTH)
        self.ids = student.encode(self.vocabulary, [e.text for e in examples])
        self.hard = np.array([e.target for e in examples], np.float32)
        self.soft = teacher.softmax(labels["train"])
        self.weight = np.array([e.weight for e in examples], np.float32)
        self.copy_ids = student.encode(self.vocabulary, augmented["texts"])
        self.copy_soft = teacher.softmax(labels["augmented"])
        self.copy_weight = COPY_WEIGHT * self.weight[augmented["sources"]]
        self.negation_ids = student.encode(self.vocabulary, [t for t, _ in negated])
        self.negation_target = np.array([y for _, y in negated], np.float32)

        tweets, self.tweet_labels = corpora.tweeteval_validation(data)
        self.tweet_labels = np.array(self.tweet_labels)
        # Its publisher left the characters outside ASCII escaped: see corpora.unescape.
        self.tweet_ids = student.encode(self.vocabulary, [corpora.unescape(t) for t in tweets])
        self.validation_ids, self.validation_labels = self.representatives("val")
        self.probe = probe.sentences()
        self.probe_ids = student.encode(self.vocabulary, [r["text"] for r in self.probe])

    def representatives(self, split):
        rows = corpora.representatives(self.posts, split)
        return student.encode(self.vocabulary, [p.text for p in rows]), np.array([p.label for p in rows])

    def fit(self, seed, negation, copies, hard, start, epochs):
        """Returns (weights of a fitted model, seconds); the keywords are those of OPTIONS but words."""
        started = time.time()
        n = copies * len(self.ids)
        ids = [self.ids, self.copy_ids[:n]]
        targets = [hard * self.hard + (1 - hard) * self.soft, self.copy_soft[:n]]
        weights = [self.weight, self.copy_weight[:n]]
        if negation:
            ids.append(self.negation_ids)
            targets.append(self.negation_target)
            weights.append(np.full(len(self.negation_ids), negation, np.float32))
        vectors = self.start if start else np.zeros_like(self.start)
        model = student.train(vectors, np.concatenate(ids), np.concatenate(targets), np.concatenate(weights), seed, epochs)
        return model.get_weights(), round(time.time() - started)

    def model(self, weights):
        """Returns the network with these weights, not compiled: it has no optimizer to save."""
        model = student.network(len(self.pieces))
        model.set_weights(weights)
        return model

    def validate(self, model):
        """Returns the figures that may choose a recipe."""
        return self.figures(self.answers(model))

    def answers(self, model):
        return [student.predict(model, ids) for ids in (self.tweet_ids, self.validation_ids, self.probe_ids)]

    def figures(self, answers):
        tweet, validation, probed = answers
        return {
            "tweeteval_validation": metrics.report(tweet, self.tweet_labels),
            "gop_validation": metrics.report(validation, self.validation_labels),
            "negation_probe": probe.report(self.probe, probed),
        }


def fitted(material, runs, workers):
    """Returns one model for each (file, seed, options); a file that stands is not made again.

    One small recurrent network keeps one core busy: two processes are faster
    than as many threads.
    """
    missing = [run for run in runs if not run[0].exists()]
    if missing:
        spawn = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(workers, spawn) as pool:
            jobs = [(file, pool.submit(material.fit, seed, **{k: v for k, v in options.items() if k != "words"}))
                    for file, seed, options in missing]
            for file, job in jobs:
                weights, seconds = job.result()
                material.model(weights).save(file)
                print(file.name, seconds, "s", flush=True)
    return [keras.models.load_model(file) for file, _, _ in runs]


def save(file, pieces):
    """Puts a trained model and the vocabulary where they are committed."""
    models = corpora.REPOSITORY / "models"
    models.mkdir(exist_ok=True)
    shutil.copyfile(file, models / "default.keras")
    config = {"kind": "wordpiece", "clean": ["posts"], "oov_token": posts.RESERVED[posts.UNKNOWN],
              "maxlen": posts.MAXLEN, "padding": "post", "truncating": "post"}
    (models / "default.tokenizer.json").write_text(
        json.dumps({"config": config, "vocab": pieces}, ensure_ascii=False) + "\n", encoding="utf-8")


def write(name, results):
    out = Path(__file__).parent / "results" / name
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(results, indent=1) + "\n")


def seeds(work):
    """Returns the runs of the recipe."""
    return [(work / f"default.{seed}.keras", seed, OPTIONS) for seed in SEEDS]


def ship(work, workers):
    """Trains every seed of the recipe, saves the first, then measures all on the test fold."""
    material = Material(work)
    models = fitted(material, seeds(work), workers)
    save(work / f"default.{SEEDS[0]}.keras", material.pieces)
    validation = [material.validate(m) for m in models]
    test_ids, test_labels = material.representatives("test")
    test = [student.predict(m, test_ids) for m in models]
    tweet = [student.predict(m, material.tweet_ids) for m in models]
    print("negation probe of seed 0:")
    for row, p in zip(material.probe, student.predict(models[0], material.probe_ids)):
        print(f"{row['label']:8} {p[0]:.2f} {p[1]:.2f} {p[2]:.2f} {row['kind']:16} {row['text']}")
    write("default.json", {
        "made_by": "tools/keras/train_default.py",
        "versions": {"keras": keras.__version__, "backend": keras.backend.backend(), "numpy": np.__version__,
                     "python": sys.version.split()[0]},
        "parameters": models[0].count_params(),
        "options": OPTIONS,
        "training": {**material.counts, "augmented copies": len(material.copy_ids), "negation sentences": len(material.negation_ids)},
        "gop_test_representatives": metrics.summary(test, test_labels),
        "tweeteval_validation": metrics.summary(tweet, material.tweet_labels),
        "validation_per_seed": validation,
        "teacher": json.loads((work / "teacher.json").read_text()),
    })


def compare(work, workers, ready):
    """Trains the arms and measures them beside the recipe on the validation sets."""
    runs = {"recipe": seeds(work)}
    for name, changes in ARMS.items():
        runs[name] = [(work / f"arm.{name}.{SEEDS[0]}.keras", SEEDS[0], {**OPTIONS, **changes})]
    arms = {}
    for words in (False, True):
        material = None
        for name, of in runs.items():
            of = [run for run in of if run[2]["words"] == words and (run[0].exists() or not ready)]
            if not of:
                continue
            material = material or Material(work, words)
            models = fitted(material, of, workers)
            arms[name] = {"changes": ARMS.get(name, {}), "seeds": [seed for _, seed, _ in of],
                          "unknown_share": round(float((material.ids == posts.UNKNOWN).sum() / (material.ids != posts.PAD).sum()), 5),
                          "validation_per_seed": [material.validate(model) for model in models]}
            if name == "recipe":
                together = [np.mean(p, axis=0) for p in zip(*map(material.answers, models))]
                arms["recipe, probabilities of all seeds averaged"] = material.figures(together)
    write("default_arms.json", {"made_by": "tools/keras/train_default.py --arms", "options": OPTIONS, "arms": arms})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder that teacher.py wrote to")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time")
    parser.add_argument("--arms", action="store_true", help="train the variants for comparison instead")
    parser.add_argument("--ready", action="store_true", help="with --arms: only those that are trained already")
    args = parser.parse_args()
    if args.arms:
        compare(args.work, args.workers, args.ready)
    else:
        ship(args.work, args.workers)


if __name__ == "__main__":
    main()
