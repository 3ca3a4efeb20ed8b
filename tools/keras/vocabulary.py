"""The word pieces of `default` and the vectors they start from.

`build` chooses the pieces from the training texts, `start` places them in 48
dimensions by the teacher's input embeddings; `most_frequent` and Words are the
whole words that pieces are compared with. The teacher's own tokenizer is
needed here, in training, and nowhere else.
"""

import unicodedata
from collections import Counter

import numpy as np

import posts

SIZE = 9000
WHOLE = 8  # a word seen this often may become a piece of its own

FIXED = (
    [posts.URL, posts.USER, posts.HASH, posts.NUM, posts.ELONG, posts.NOT]
    + ["'" + s for s in posts.SUFFIXES]
    + ["!", "!!", "?", "??", "?!", ".", "..."]
    + sorted(set(posts.MOUTHS.values())) + list(posts.HEARTS)
    + sorted(posts.LETTERS) + ["##" + c for c in sorted(posts.LETTERS)]
)

# What the teacher reads where we have a token of our own.
SPELLED = {posts.URL: "http", posts.USER: "@ user", posts.HASH: "#", posts.NUM: "5 10 100", posts.ELONG: "so very !",
           posts.NOT: "not", "!!": "! !", "??": "? ?", "?!": "? !", "...": "..."}


def build(texts, teacher_tokenizer):
    """Returns SIZE pieces in id order, the reserved and fixed ones first, then by falling use."""
    words, others = Counter(), Counter()
    for text in texts:
        for token in posts.tokens(text):
            (words if posts.is_word(token) else others)[token] += 1
    candidates = set()
    for word, n in sorted(words.items()):
        if n >= WHOLE:
            candidates.add(word)
        else:
            candidates.update(p for p in teacher_tokenizer.tokenize(word) if p != "[UNK]")
    # Longest match over our pieces cuts differently than the teacher does:
    # count what is really used and keep the most frequent, twice.
    keep = candidates
    for limit in (2 * SIZE, SIZE):
        cutter = posts.Vocabulary([*posts.RESERVED, *dict.fromkeys(FIXED), *sorted(keep - set(FIXED))])
        used = Counter({t: n for t, n in others.items() if t not in FIXED})
        for word, n in words.items():
            for i in cutter.word(word):
                used[cutter.pieces[i]] += n
        for piece in FIXED:
            used.pop(piece, None)
        room = limit - len(posts.RESERVED) - len(FIXED)
        best = sorted(used, key=lambda p: (-used[p], p))[:room]
        keep = {p for p in best if posts.is_word(p) or p.startswith("##") and len(p) > 2}
    return [*posts.RESERVED, *FIXED, *best]


def most_frequent(texts):
    """Returns SIZE whole words and other tokens, for comparison with pieces."""
    used = Counter(token for text in texts for token in posts.tokens(text))
    return [*posts.RESERVED, *sorted(used, key=lambda t: (-used[t], t))[:SIZE - len(posts.RESERVED)]]


class Words(posts.Vocabulary):
    """Words that are looked up whole: one that is not in the list is unknown."""

    def word(self, word):
        return [self.ids.get(word, posts.UNKNOWN)]


def _teacher_pieces(piece, tokenizer, known):
    """Returns the ids of the teacher's pieces that stand for one of ours; known maps its pieces to ids."""
    if piece.startswith("##") and len(piece) > 2:
        if piece in known:
            return [known[piece]]
        first, *rest = tokenizer.tokenize(piece[2:])
        return tokenizer.convert_tokens_to_ids(["##" + first if "##" + first in known else first, *rest])
    if len(piece) == 1 and not piece.isascii():
        piece = unicodedata.name(piece, "symbol").lower()
    return tokenizer.convert_tokens_to_ids(tokenizer.tokenize(SPELLED.get(piece, piece))) or [tokenizer.unk_token_id]


def start(pieces, tokenizer, word_embeddings, width, deviation=0.3):
    """Returns [pieces, width] float32: the mean of the teacher's input vectors of
    each piece, reduced by principal components and scaled to one deviation."""
    known = tokenizer.get_vocab()
    rows = np.stack([word_embeddings[_teacher_pieces(p, tokenizer, known)].mean(0) for p in pieces[len(posts.RESERVED):]])
    rows = rows.astype(np.float64) - rows.mean(0)
    _, _, axes = np.linalg.svd(rows, full_matrices=False)
    # An axis may come out either way round: fix its sign by its largest part.
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]
    reduced = rows @ axes[:width].T
    out = np.zeros((len(pieces), width), np.float32)
    out[len(posts.RESERVED):] = reduced / reduced.std() * deviation
    return out
