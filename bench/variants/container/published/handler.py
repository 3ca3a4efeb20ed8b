"""The function as it was first published: pandas, TensorFlow and Keras, a
vocabulary fitted on all posts whenever the function starts, and one predict per
record. Only what the vocabulary is fitted on differs: the posts are cleaned
first, as the model was trained; without that the ids are wrong and most labels
with them."""

import base64
import json
import os
import re

import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.preprocessing.text import Tokenizer

LABELS = ["Negative", "Neutral", "Positive"]
FOLDER = os.path.dirname(os.path.abspath(__file__))


def clean(text):
    return re.sub(r"[^a-zA-z0-9\s]", "", text.lower()).replace("rt", "")


posts = pd.read_csv(os.path.join(FOLDER, "posts.csv"))
tokenizer = Tokenizer(num_words=2000, split=" ")
tokenizer.fit_on_texts(posts["text"].apply(clean).values)
model = tf.keras.models.load_model(os.path.join(FOLDER, "origin.h5"))


def text_of(record):
    raw = base64.b64decode(record["data"], validate=True).decode("utf-8")
    if raw.lstrip().startswith("{"):
        return json.loads(raw)["text"]
    return raw.removesuffix("\n")


def predict(text):
    sequence = tokenizer.texts_to_sequences([clean(text)])
    padded = pad_sequences(sequence, maxlen=28)
    probabilities = model.predict(padded, verbose=0)[0]
    best = int(np.argmax(probabilities))
    return {"message": text, "sentiment": LABELS[best], "score": float(probabilities[best])}


def answer(record):
    try:
        line = json.dumps(predict(text_of(record))) + "\n"
    except Exception as err:  # whatever is wrong with a record, the others go on
        print(f"record {record.get('recordId')}: {err}")
        return {"recordId": record.get("recordId"), "result": "ProcessingFailed"}
    return {
        "recordId": record["recordId"],
        "result": "Ok",
        "data": base64.b64encode(line.encode("utf-8")).decode("ascii"),
    }


def handler(event, context):
    return {"records": [answer(record) for record in event["records"]]}
