"""The endpoint on the EC2 box: FastAPI before the Keras model, as first
published. The handler is async and calls predict, so requests wait for one
another. Only the vocabulary differs: it is fitted on cleaned posts, as the model
was trained."""

import os
import re

import numpy as np
import pandas as pd
import tensorflow as tf
from fastapi import FastAPI
from pydantic import BaseModel
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.preprocessing.text import Tokenizer

LABELS = ["Negative", "Neutral", "Positive"]
FOLDER = os.path.dirname(os.path.abspath(__file__))


def clean(text):
    return re.sub(r"[^a-zA-z0-9\s]", "", text.lower()).replace("rt", "")


class Post(BaseModel):
    text: str


app = FastAPI()
posts = pd.read_csv(os.path.join(FOLDER, "posts.csv"))
tokenizer = Tokenizer(num_words=2000, split=" ")
tokenizer.fit_on_texts(posts["text"].apply(clean).values)
model = tf.keras.models.load_model(os.path.join(FOLDER, "origin.h5"))


@app.get("/")
async def health():
    return {"status": "ok"}


@app.post("/predict")
async def predict(post: Post):
    sequence = tokenizer.texts_to_sequences([clean(post.text)])
    probabilities = model.predict(pad_sequences(sequence, maxlen=28), verbose=0)[0]
    best = int(np.argmax(probabilities))
    return {"message": post.text, "sentiment": LABELS[best], "score": float(probabilities[best])}
