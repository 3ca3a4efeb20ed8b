"""The network of `default` in Keras 3, how it is fed and fitted.

`train` returns a fitted model; `predict` its probabilities for texts. Nothing
here knows where targets come from: train_default.py does.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Threads do not help products this small, and without them sums have one order.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import keras
import numpy as np

import posts

WIDTH, UNITS = 48, 48
SPATIAL_DROPOUT, DROPOUT, WORD_DROPOUT = 0.25, 0.4, 0.05
EPOCHS, BATCH = 8, 128
RATE, LAST_RATE, CLIP = 2e-3, 1e-4, 5.0
LENGTHS = (12, 20, 28, posts.MAXLEN)  # a batch is padded to the first that fits


def network(vocab_size):
    """Token ids [posts, maxlen] to probabilities [posts, 3].

    Padding is masked and only final states are read, so the answer does not
    depend on how much padding there is, nor on which side.
    """
    layers = keras.layers
    return keras.Sequential([
        keras.Input((posts.MAXLEN,), dtype="int32", name="ids"),
        layers.Embedding(vocab_size, WIDTH, mask_zero=True, name="embedding"),
        layers.SpatialDropout1D(SPATIAL_DROPOUT, name="spatial_dropout"),
        layers.Bidirectional(layers.LSTM(UNITS), name="bidirectional"),
        layers.Dropout(DROPOUT, name="dropout"),
        layers.Dense(3, activation="softmax", name="probabilities"),
    ], name="default")


class Batches(keras.utils.PyDataset):
    """Shuffled batches of posts of like length, with word dropout, made anew for each epoch."""

    def __init__(self, ids, targets, weights, seed):
        super().__init__()
        self.ids = np.asarray(ids, np.int32)
        self.targets = np.asarray(targets, np.float32)
        self.weights = np.asarray(weights, np.float32)
        self.lengths = (self.ids != posts.PAD).sum(1)
        self.rng = np.random.RandomState(seed)
        self.on_epoch_end()

    def on_epoch_end(self):
        order = self.rng.permutation(len(self.ids))
        bucket = np.searchsorted(LENGTHS, self.lengths[order])
        batches = []
        for b in range(len(LENGTHS)):
            rows = order[bucket == b]
            batches += [rows[i:i + BATCH] for i in range(0, len(rows) - BATCH + 1, BATCH)]
            # What is left over goes with rows drawn again: one shape per length.
            rest = rows[len(rows) - len(rows) % BATCH:]
            if len(rest):
                batches.append(np.concatenate([rest, self.rng.choice(rows, BATCH - len(rest))]))
        self.batches = [batches[i] for i in self.rng.permutation(len(batches))]

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, i):
        rows = self.batches[i]
        longest = LENGTHS[np.searchsorted(LENGTHS, self.lengths[rows].max())]
        ids = self.ids[rows, :longest].copy()
        ids[(self.rng.random_sample(ids.shape) < WORD_DROPOUT) & (ids != posts.PAD)] = posts.UNKNOWN
        return ids, self.targets[rows], self.weights[rows]


def train(start, ids, targets, weights, seed, epochs=EPOCHS, callbacks=()):
    """Returns a model fitted to soft targets [posts, 3]; start is [pieces, WIDTH]."""
    keras.utils.set_random_seed(seed)
    model = network(len(start))
    batches = Batches(ids, targets, weights / np.mean(weights), seed)
    embedding = model.get_layer("embedding")
    # Rows without a start vector (padding, unknown) keep Keras' own.
    embedding.set_weights([np.where(np.any(start, axis=1, keepdims=True), start, embedding.get_weights()[0])])
    rate = keras.optimizers.schedules.PolynomialDecay(RATE, epochs * len(batches), LAST_RATE)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=CLIP), loss="categorical_crossentropy")
    model.fit(batches, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks))
    return model


def encode(vocabulary, texts):
    """Returns ids [texts, maxlen]."""
    return np.array([vocabulary.encode_padded(t) for t in texts], np.int32).reshape(len(texts), posts.MAXLEN)


def predict(model, ids):
    """Returns probabilities [texts, 3]."""
    return np.asarray(model.predict(ids, batch_size=512, verbose=0))
