"""Measures what the two models must be compared with: the majority class, and
TF-IDF of words and characters with logistic regression.

    python tools/keras/baselines.py

writes tools/keras/results/baselines.json. Two regressions are fitted: on GOP
train alone and on the whole training material of `default`. Its strength of
regularisation is chosen on the validation set.
"""

import json

import numpy as np
import sklearn
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import corpora
import metrics
import probe

STRENGTHS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # scikit-learn's C: a small one holds the weights down


class Features:
    """Words and pairs of words beside character 2- to 5-grams within words."""

    def __init__(self, texts):
        self.words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"[^\s]+")
        self.characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True, max_features=200_000)
        self.words.fit(texts)
        self.characters.fit(texts)

    def __call__(self, texts):
        return hstack([self.words.transform(texts), self.characters.transform(texts)]).tocsr()


def fit(texts, labels, weights, validation_texts, validation_labels):
    """Returns (predict, strength): the regression with the best validation likelihood.

    The likelihood has one peak over the strengths: the search ends behind it.
    """
    features = Features(texts)
    x, v = features(texts), features(validation_texts)
    best = None
    for c in STRENGTHS:
        model = LogisticRegression(C=c, max_iter=300).fit(x, labels, sample_weight=weights)
        loss = metrics.nll(model.predict_proba(v), validation_labels)
        if best and loss > best[0]:
            break
        best = (loss, c, model)
    return lambda t: best[2].predict_proba(features(t)), best[1]


def main():
    data = corpora.data_directory()
    posts = corpora.gop(data)
    train = [p for p in posts if p.split == "train"]
    validation, test = corpora.representatives(posts, "val"), corpora.representatives(posts, "test")
    texts, labels = [p.text for p in test], np.array([p.label for p in test])
    tweets, tweet_labels = corpora.tweeteval_validation(data)
    tweets, tweet_labels = [corpora.unescape(t) for t in tweets], np.array(tweet_labels)
    val_texts, val_labels = [p.text for p in validation], np.array([p.label for p in validation])

    probed = probe.sentences()
    share = np.bincount([p.label for p in train], minlength=3) / len(train)
    results = {
        "made_by": "tools/keras/baselines.py",
        "versions": {"scikit-learn": sklearn.__version__},
        "majority": {"gop_test_representatives": metrics.summary([np.tile(share, (len(labels), 1))], labels),
                     "tweeteval_validation": metrics.summary([np.tile(share, (len(tweet_labels), 1))], tweet_labels)},
    }
    examples, _ = corpora.training_examples(data, posts)
    for name, x, y, w in (
        ("tfidf_gop", [p.text for p in train], [p.label for p in train], np.ones(len(train))),
        ("tfidf_all", [e.text for e in examples], [int(np.argmax(e.target)) for e in examples], np.array([e.weight for e in examples])),
    ):
        predict, strength = fit(x, np.array(y), w, val_texts, val_labels)
        results[name] = {"C": strength, "gop_test_representatives": metrics.summary([predict(texts)], labels),
                         "tweeteval_validation": metrics.summary([predict(tweets)], tweet_labels),
                         "negation_probe": probe.report(probed, predict([r["text"] for r in probed]))}
        print(name, strength, json.dumps(results[name]["gop_test_representatives"]["mean"]),
              json.dumps(results[name]["tweeteval_validation"]["mean"]), flush=True)
    out = corpora.REPOSITORY / "tools" / "keras" / "results" / "baselines.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
