"""Writes the words that a Keras Tokenizer gives ids to, as a JSON array in the
order of the ids, from 1 on. Usage: make_vocabulary.py tokenizer.json vocabulary.json
"""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    config = json.load(f)["config"]
words = json.loads(config["word_index"])
ranked = sorted(words, key=words.get)[: config["num_words"] - 1]
with open(sys.argv[2], "w", encoding="utf-8") as f:
    json.dump(ranked, f, ensure_ascii=False)
