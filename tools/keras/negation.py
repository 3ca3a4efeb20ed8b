"""Sentences in which a negator turns a judgement round, with labels by rule.

No set the models are trained on has many of them, and the teacher reads fewer
than half of the negated bad things in the probe as good; so their labels come
from the template, not from the teacher.
`examples` is the only function to use. The sentences of negation_probe.tsv are
not made from these templates.
"""

import random

SEED = 11
COUNT = 12000

# Soft targets (Negative, Neutral, Positive).
POSITIVE = (0.03, 0.12, 0.85)
MILD_POSITIVE = (0.10, 0.25, 0.65)
NEGATIVE = (0.85, 0.12, 0.03)
MILD_NEGATIVE = (0.72, 0.22, 0.06)

GOOD = """good great nice amazing awesome excellent fantastic wonderful perfect cool smart useful helpful friendly fair clear easy
comfortable reliable exciting interesting impressive beautiful brave convincing credible polite professional fresh enjoyable
reasonable strong solid fast cheap safe correct right special surprising satisfying fun happy pleased satisfied""".split()
BAD = """bad terrible horrible awful boring ugly stupid annoying useless painful slow rude weak dull expensive dirty lame
disappointing dangerous difficult wrong unfair mean noisy messy broken stale crazy scary weird sad hopeless worst embarrassing
ridiculous pathetic shabby unfriendly unhelpful confusing overpriced late angry upset""".split()
LIKE = "like love enjoy recommend trust support respect understand appreciate want need miss believe".split()
HATE = "hate dislike regret mind resent doubt fear".split()
WORK = "work help start load open deliver listen care try matter make_sense add_up".split()
FAIL = "fail crash hurt lie complain whine waste_time lag freeze cheat annoy_me break_down".split()
THINGS = """movie film song album show game match season flight trip gate crew pilot hotel room dinner lunch pizza coffee meal phone
laptop battery screen app update website store driver teacher class concert party weekend morning day night weather debate question
answer speech plan idea candidate senator governor moderator interview team coach player goal book story ending episode trailer dress
price deal ticket seat train bus car ride service support line book_club beach festival trump hillary bush obama""".split()
WHO = "he she it this that the_{t} my_{t} our_{t} your_{t} this_{t} that_{t} today's_{t} the_new_{t} {T}".split()
BE = "is was seems looked sounds felt".split()
BE_NOT = ["is not", "isn't", "was not", "wasn't", "isnt", "wasnt", "ain't", "is never", "was never", "is hardly", "was not even", "is no longer"]
DO_NOT = ["don't", "do not", "dont", "didn't", "did not", "didnt", "never", "can't", "cannot", "cant", "won't", "wouldn't", "would not", "no longer"]
IT_DOES_NOT = ["doesn't", "does not", "doesnt", "didn't", "did not", "didnt", "never", "won't", "wouldn't", "can't"]
HOW = ["", "", "", "that ", "so ", "very ", "really ", "too ", "all that ", "exactly ", "even "]
MUCH = ["", "", "", " at all", " at all", " one bit", " anymore", " in the least", " really", " tbh", " honestly", " today", " so far", " after all"]
BEFORE = ["", "", "", "", "", "@user ", "@user @user ", "rt @user: ", "honestly ", "well, ", "ok ", "so ", "lol ", "and ", "tbh ", "wow ", "I think ", "must say ", "#{T} "]
AFTER = ["", "", "", "", ".", ".", "!", "!!", " :)", " http://t.co/x", " #{T}", " #gopdebate", " lol", " @user", " 2015", " tonight", "..."]

GOOD_TO_GOOD = [  # idioms and frames whose sum is positive
    ("no {bad_noun} with the {t}", MILD_POSITIVE), ("there were no {bad_noun} at all", MILD_POSITIVE),
    ("the {t} came without any {bad_noun}", MILD_POSITIVE), ("zero {bad_noun}, {good} {t}", POSITIVE),
    ("couldn't ask for a {better} {t}", POSITIVE), ("could not be {better}", POSITIVE), ("couldn't have been {better}", POSITIVE),
    ("never seen a {better} {t}", POSITIVE), ("there's no {t} {better} than this", POSITIVE), ("can't get enough of this {t}", POSITIVE),
    ("can't wait to see the {t}", POSITIVE), ("cannot wait for the {t} tomorrow", POSITIVE), ("cant wait!", POSITIVE),
    ("can't stop {joy_ing}", POSITIVE), ("can't help but {love} this {t}", POSITIVE), ("never fails to make me laugh", POSITIVE),
    ("the {t} never disappoints", POSITIVE), ("did not disappoint", POSITIVE), ("{who} didn't let us down", POSITIVE),
    ("there is nothing {bad} about the {t}", MILD_POSITIVE), ("nothing {bad} to say about {who}", MILD_POSITIVE),
    ("nobody does it {better}", POSITIVE), ("nobody {fail}s here", MILD_POSITIVE), ("not just {good} but {good}", POSITIVE),
    ("not only {good}, also {good}", POSITIVE), ("you can't beat this {t}", POSITIVE), ("no one can say {who} is {bad}", MILD_POSITIVE),
    ("not a single {bad_one} in the whole {t}", MILD_POSITIVE), ("neither {bad} nor {bad}", MILD_POSITIVE),
    ("I wouldn't change a thing about the {t}", POSITIVE), ("not {bad}, actually quite {good}", POSITIVE),
    ("expected {bad} but the {t} wasn't", MILD_POSITIVE), ("don't be {bad}, you did {good}", MILD_POSITIVE),
]
BAD_TO_BAD = [
    ("no {good_noun} for the {t}", NEGATIVE), ("there was no {good_noun} at all", NEGATIVE), ("the {t} has zero {good_noun}", NEGATIVE),
    ("{who} came without any {good_noun}", NEGATIVE), ("couldn't have been {worse}", NEGATIVE), ("it can't get any {worse}", NEGATIVE),
    ("never seen a {worse} {t}", NEGATIVE), ("there's no {t} {worse} than this", NEGATIVE), ("nothing {good} about the {t}", NEGATIVE),
    ("nothing {good} to say about {who}", NEGATIVE), ("nobody {love}s the {t}", NEGATIVE), ("no one {love}s {who}", NEGATIVE),
    ("neither {good} nor {good}", NEGATIVE), ("not even {good}", NEGATIVE), ("not a single {good_one} in the whole {t}", NEGATIVE),
    ("I can't believe {who} is this {bad}", NEGATIVE), ("cannot stand the {t}", NEGATIVE), ("don't care about the {t}", MILD_NEGATIVE),
    ("could not care less", NEGATIVE), ("never going back to that {t}", NEGATIVE), ("will never use this {t} again", NEGATIVE),
    ("the {t} isn't what we ordered", MILD_NEGATIVE), ("not {good}, actually quite {bad}", NEGATIVE),
    ("expected {good} but the {t} wasn't", NEGATIVE), ("don't tell me {who} is {good}", MILD_NEGATIVE), ("it's not funny", NEGATIVE),
    ("this is not ok", NEGATIVE), ("I'm not your biggest fan", MILD_NEGATIVE), ("who wouldn't be {angry}", MILD_NEGATIVE),
    ("still no {t}", MILD_NEGATIVE), ("still haven't got my {t}", NEGATIVE), ("why won't {who} {work}", NEGATIVE),
]
LISTS = {
    "good": GOOD, "bad": BAD, "love": [w for w in LIKE if w not in ("miss", "want", "need")], "fail": ["complain", "lie", "cheat", "whine"],
    "work": WORK, "better": "better nicer happier prouder easier smoother cooler".split(), "worse": "worse ruder slower sadder uglier dumber".split(),
    "bad_noun": "problems complaints issues delays trouble mistakes drama regrets worries errors".split(),
    "good_noun": "help respect answers refund fun hope substance manners sense taste apology".split(),
    "joy_ing": "smiling laughing dancing listening watching".split(), "bad_one": "mistake lie flaw complaint dull_moment".split(),
    "good_one": "joke answer idea apology reason_to_stay".split(), "angry": "angry upset mad annoyed".split(), "t": THINGS,
}


def _fill(pattern, rng):
    for name, words in LISTS.items():
        while "{" + name + "}" in pattern:
            pattern = pattern.replace("{" + name + "}", rng.choice(words), 1)
    while "{who}" in pattern:
        pattern = pattern.replace("{who}", _who(rng), 1)
    while "{T}" in pattern:
        pattern = pattern.replace("{T}", rng.choice(THINGS), 1)
    return pattern.replace("_", " ")


def _who(rng):
    return rng.choice(WHO).replace("{t}", rng.choice(THINGS)).replace("{T}", rng.choice(THINGS))


def _clause(rng):
    """Returns (text, target): one judgement, negated four times out of five."""
    kind = rng.random()
    who, much = _who(rng), rng.choice(MUCH)
    up = rng.random() < 0.5
    if kind < 0.30:  # adjectives under a negator
        word = rng.choice(BAD if up else GOOD)
        subject = rng.choice([f"{who} {rng.choice(BE_NOT)}", f"{who} {rng.choice(BE_NOT)}", "not", "not", f"I'm not saying {who} is", "that's not"])
        target = (MILD_POSITIVE if much == "" else POSITIVE) if up else NEGATIVE
        return f"{subject} {rng.choice(HOW)}{word}{much}", target
    if kind < 0.45:  # verbs of feeling
        word = rng.choice(HATE if up else LISTS["love"])
        return f"{rng.choice(['I', 'we', 'i', 'you'])} {rng.choice(DO_NOT)} {rng.choice(['', '', 'really ', 'even '])}{word} {who}{much}", MILD_POSITIVE if up else NEGATIVE
    if kind < 0.55:  # verbs of working and failing
        return f"{who} {rng.choice(IT_DOES_NOT)} {rng.choice(FAIL if up else WORK)}{much}", MILD_POSITIVE if up else NEGATIVE
    if kind < 0.80:
        pattern, target = rng.choice(GOOD_TO_GOOD if up else BAD_TO_BAD)
        return _fill(pattern, rng), target
    # The same words without a negator, so that the negator is what decides.
    word = rng.choice(GOOD if up else BAD)
    return rng.choice([f"{who} {rng.choice(BE)} {rng.choice(HOW[:7])}{word}", f"so {word}", f"{word} {rng.choice(THINGS)}"]), POSITIVE if up else NEGATIVE


def examples():
    """Returns COUNT distinct (text, target) pairs, the same ones every time."""
    rng = random.Random(SEED)
    out = {}
    while len(out) < COUNT:
        text, target = _clause(rng)
        text = _fill(rng.choice(BEFORE) + text + rng.choice(AFTER), rng)
        if rng.random() < 0.5:
            text = text[:1].upper() + text[1:]
        out.setdefault(text, target)
    return list(out.items())
