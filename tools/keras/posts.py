"""The text processing of `default`: a post becomes tokens, tokens become ids.

`tokens` is the normaliser, `Vocabulary` the word pieces over it. Both are
defined by code points that are written out here, never by a library's idea of
letters, white space or lower case, so that another language can repeat them
exactly. docs/design/default-text.md states the same rules in prose;
posts_vectors.json holds texts with their tokens and ids.
"""

import json

MAXLEN = 36
PAD, UNKNOWN = 0, 1  # ids
RESERVED = ("", "<unk>")  # vocabulary entries of those ids

URL, USER, HASH, NUM, ELONG = "<url>", "<user>", "<hash>", "<num>", "<elong>"

# 1. Entities. The ampersand goes first, in a pass of its own: double-escaped
# text (&amp;lt;) is common in tweets that went through an archive.
AMPERSAND = ("&amp;", "&")
ENTITIES = (("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&#39;", "'"), ("&nbsp;", " "))

# 2. Folding: one code point becomes one string.
# 2a. Latin-1 letters and Latin Extended-A, U+00C0..U+017F, 16 a line.
LATIN = (
    "a a a a a a ae c e e e e i i i i "  # U+00C0
    "d n o o o o o x o u u u u y th ss "  # U+00D0
    "a a a a a a ae c e e e e i i i i "  # U+00E0
    "d n o o o o o ÷ o u u u u y th y "  # U+00F0
    "a a a a a a c c c c c c c c d d "  # U+0100
    "d d e e e e e e e e e e g g g g "  # U+0110
    "g g g g h h h h i i i i i i i i "  # U+0120
    "i i ij ij j j k k k l l l l l l l "  # U+0130
    "l l l n n n n n n n n n o o o o "  # U+0140
    "o o oe oe r r r r r r s s s s s s "  # U+0150
    "s s t t t t t t u u u u u u u u "  # U+0160
    "u u u u w w y y y z z z z z z s "  # U+0170
).split()

# 2b. Punctuation that typewriters did not have.
PUNCTUATION = {
    "'": "\u2018\u2019\u201a\u201b\u2032\u0060\u00b4",
    '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212",
    "...": "\u2026",
}

# 2c. Ranges that vanish: soft hyphen, combining marks, zero-width and
# direction marks, variation selectors, skin tones, tag characters.
DROPPED = (
    (0x00AD, 0x00AD), (0x0300, 0x036F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x20D0, 0x20FF),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0x1F3FB, 0x1F3FF), (0xE0000, 0xE0FFF),
)

# 2d. Ranges that become a space: controls and Unicode's white space.
SPACES = (
    (0x0000, 0x0020), (0x007F, 0x00A0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
    (0x205F, 0x205F), (0x3000, 0x3000),
)


def _folds():
    table = {0xC0 + i: s for i, s in enumerate(LATIN)}
    table.update({ord("A") + i: chr(ord("a") + i) for i in range(26)})
    table.update({ord(c): s for s, cs in PUNCTUATION.items() for c in cs})
    for low, high in DROPPED:
        table.update(dict.fromkeys(range(low, high + 1), ""))
    for low, high in SPACES:
        table.update(dict.fromkeys(range(low, high + 1), " "))
    # Full-width forms of ! to ~, folded as the ASCII character they stand for.
    for c in range(0x21, 0x7F):
        table[0xFEE0 + c] = table.get(c, chr(c))
    return table


FOLDS = _folds()

# 3. Classes of the folded text. Everything else is a symbol.
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
DIGITS = frozenset("0123456789")
NAME = LETTERS | DIGITS | {"_"}

# Emoticons: eyes, an optional nose, a mouth that may repeat.
EYES = frozenset(":;=")
NOSES = frozenset("-'")
MOUTHS = {
    ")": ":)", "]": ":)", "}": ":)", "d": ":)", "(": ":(", "[": ":(", "{": ":(",
    "/": ":/", "\\": ":/", "|": ":/", "p": ":p", "*": ":*", "o": ":o",
}
HEARTS = ("</3", "<3")

# Contractions written without their apostrophe, and those whose stem changes.
CONTRACTED = {
    "aint": "ai", "arent": "are", "cant": "can", "couldnt": "could", "didnt": "did", "doesnt": "does", "dont": "do",
    "hadnt": "had", "hasnt": "has", "havent": "have", "isnt": "is", "shouldnt": "should", "wasnt": "was",
    "werent": "were", "wont": "will", "wouldnt": "would", "cannot": "can",
}
STEMS = {"ca": "can", "wo": "will", "sha": "shall"}
NOT = "n't"
SUFFIXES = ("s", "m", "re", "ve", "ll", "d")


def unescape(text):
    """Rule 1: two passes from left to right; what a pass wrote it does not read again."""
    text = text.replace(*AMPERSAND)
    out, i = [], 0
    while i < len(text):
        if text[i] == "&":
            for name, char in ENTITIES:
                if text.startswith(name, i):
                    out.append(char)
                    i += len(name)
                    break
            else:
                out.append("&")
                i += 1
        else:
            out.append(text[i])
            i += 1
    return "".join(out)


def fold(text):
    """Rule 2: code point by code point."""
    return text.translate(FOLDS)


def _run(text, i, members):
    """Returns the end of the run of members that starts at i."""
    while i < len(text) and text[i] in members:
        i += 1
    return i


def _emoticon(text, i):
    """Returns (token, end) of the emoticon at i, or None."""
    for heart in HEARTS:
        if text.startswith(heart, i):
            end = _run(text, i + len(heart), ("3",))
            # "<30" is a number.
            return (heart, end) if end == len(text) or text[end] not in DIGITS else None
    if text[i] not in EYES:
        return None
    i += 1
    if i < len(text) and text[i] in NOSES:
        i += 1
    if i == len(text) or text[i] not in MOUTHS:
        return None
    mouth = text[i]
    end = _run(text, i, (mouth,))
    # ":d" of ":dog" and ":/" of "ftp://" are not faces.
    if mouth in LETTERS and end < len(text) and text[end] in NAME:
        return None
    if mouth == "/" and end - i > 1:
        return None
    return MOUTHS[mouth], end


def _marks(run):
    """Returns the token of a run of full stops, exclamation and question marks."""
    exclamations, questions = run.count("!"), run.count("?")
    if exclamations and questions:
        return "?!"
    if exclamations:
        return "!!" if exclamations > 1 else "!"
    if questions:
        return "??" if questions > 1 else "?"
    return "..." if len(run) > 1 else "."


def _shorten(word):
    """Returns the word with runs of three and more of one letter cut to two."""
    out = []
    for c in word:
        if len(out) < 2 or not out[-1] == out[-2] == c:
            out.append(c)
    return "".join(out)


def _word(word, out):
    """Appends the tokens of a word of letters and inner apostrophes."""
    short = _shorten(word)
    long = short != word
    parts = short.split("'")
    last = None
    if len(parts) > 1:
        if parts[-1] == "t" and parts[-2].endswith("n") and len(parts[-2]) > 1:
            parts = parts[:-2] + [parts[-2][:-1]]
            parts[-1] = STEMS.get(parts[-1], parts[-1])
            last = NOT
        elif parts[-1] in SUFFIXES:
            last = "'" + parts.pop()
    elif short in CONTRACTED:
        parts, last = [CONTRACTED[short]], NOT
    if parts in (["http"], ["https"]):
        parts = [URL]
    out.extend(parts)
    if last:
        out.append(last)
    if long:
        out.append(ELONG)


def tokens(text):
    """Returns the tokens of a post. Those of a to z only are words, to be cut
    into pieces; all others are looked up whole."""
    text = fold(unescape(text))
    out, i = [], 0
    while i < len(text):
        c = text[i]
        if c == " ":
            i += 1
        elif text.startswith(("http://", "https://", "www."), i):
            out.append(URL)
            while i < len(text) and text[i] != " ":
                i += 1
        elif c == "@" and _run(text, i + 1, NAME) > i + 1:
            out.append(USER)
            i = _run(text, i + 1, NAME)
        elif c == "#" and _run(text, i + 1, NAME) > i + 1:
            out.append(HASH)
            i += 1
        elif c in DIGITS:
            i = _run(text, i, DIGITS)
            while i + 1 < len(text) and text[i] in ".,:" and text[i + 1] in DIGITS:
                i = _run(text, i + 1, DIGITS)
            out.append(NUM)
        elif c in "!?.":
            end = _run(text, i, "!?.")
            out.append(_marks(text[i:end]))
            i = end
        elif c in LETTERS:
            end = _run(text, i, LETTERS)
            while end + 1 < len(text) and text[end] == "'" and text[end + 1] in LETTERS:
                end = _run(text, end + 1, LETTERS)
            _word(text[i:end], out)
            i = end
        elif face := _emoticon(text, i):
            out.append(face[0])
            i = face[1]
        else:
            end = _run(text, i, (c,))
            out.append(c)
            if end - i >= 3:
                out.append(ELONG)
            i = end
    return out


def is_word(token):
    return token[0] in LETTERS and NOT != token


class Vocabulary:
    """Word pieces in id order; a piece that starts with ## continues a word."""

    def __init__(self, pieces):
        self.pieces = list(pieces)
        self.ids = {p: i for i, p in enumerate(self.pieces) if p}
        self.longest = max(len(p) for p in self.pieces)

    @classmethod
    def read(cls, path):
        with open(path, encoding="utf-8") as f:
            return cls(json.load(f)["vocab"])

    def word(self, word):
        """Returns the ids of a word: the longest piece that fits, then the
        longest continuation, to the end. Every letter is a piece and a
        continuation, so this never fails."""
        out, i = [], 0
        while i < len(word):
            prefix = "##" if i else ""
            for end in range(min(len(word), i + self.longest), i, -1):
                piece = self.ids.get(prefix + word[i:end])
                if piece is not None:
                    break
            out.append(piece)
            i = end
        return out

    def encode(self, text):
        """Returns the ids of a post, uncut and unpadded. Of consecutive unknown
        tokens one id is kept."""
        out = []
        for token in tokens(text):
            for i in self.word(token) if is_word(token) else (self.ids.get(token, UNKNOWN),):
                if i != UNKNOWN or not out or out[-1] != UNKNOWN:
                    out.append(i)
        return out

    def encode_padded(self, text, maxlen=MAXLEN):
        """Returns the first maxlen ids, padded behind with PAD."""
        out = self.encode(text)[:maxlen]
        return out + [PAD] * (maxlen - len(out))
