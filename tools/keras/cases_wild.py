"""Cases for goldens.py: what failed when models of all kinds, written as people
write them and saved by many versions of Keras, were tried.

internal/keras/testdata/regressions/wild.zip has some of them as other versions
saved them; this module is made by the one that goldens.py runs with."""

from goldens import DIM, STEPS, VOCAB, L, case, id_rows, ids, keras, masked, sequential


def encoder(words, cell, name):
    i = keras.Input((STEPS,), name=f"{name}_ids")
    return keras.Model(i, L.Dense(3)(cell(words(i))), name=name)


@case(formats=("h5", "keras", "weights", "legacy-weights"))
def named_like_groups():
    """Layers with the names of what else stands in a file."""
    return sequential(keras.Input((STEPS,), name="model_weights"), L.Embedding(VOCAB, DIM, mask_zero=True, name="optimizer"), L.LSTM(4, name="layers", return_sequences=True),
                      L.Bidirectional(L.GRU(3), name="vars"), L.Dense(3, name="metrics"), L.Dense(2, name="seed_generator"))


@case(formats=("keras", "weights"), rows=lambda: id_rows() + [id_rows()[0][::-1].copy()])
def shared_between_models():
    """A layer of two models is saved in the first one alone."""
    words = L.Embedding(VOCAB, DIM, mask_zero=True, name="words")
    left, right = encoder(words, L.LSTM(4), "left"), encoder(words, L.GRU(4), "right")
    i, j = keras.Input((STEPS,), name="a"), keras.Input((STEPS,), name="b")
    return keras.Model([i, j], L.Subtract()([left(i), right(j)]))


@case(only=2, formats=("h5", "legacy-weights"), refused="one direction alone was frozen")
def frozen_direction():
    """Its weights come behind those of the other one, and no config says so."""
    m = sequential(*ids(), L.Bidirectional(L.LSTM(4), name="both"), L.Dense(2))
    m.get_layer("both").forward_layer.trainable = False
    return m


@case
def averaged_masks():
    """Keras 3.0 to 3.3 see no masks here, Keras 2 and later ones do."""
    i, e = masked()
    return keras.Model(i, L.GRU(4)(L.Average()([e, L.Dense(DIM)(e)])))


@case
def attended_and_pooled():
    """Which masks are left behind a MultiHeadAttention differs between 3.7 and 3.8."""
    i, e = masked()
    y = L.Add()([e, L.MultiHeadAttention(2, 3)(e, e)])
    return keras.Model(i, [L.GlobalMaxPooling1D()(y), L.LSTM(3)(y)])


@case
def masked_in_two_precisions():
    """Keras 3.4 to 3.14 lose the mask where they cast."""
    return sequential(*ids(), L.LSTM(4, dtype="float64"), L.Dense(2))


@case(rows=lambda: [id_rows(steps=12)[0].reshape(9, 3, 4)])
def masked_words_of_characters():
    """TimeDistributed(Embedding) has a mask of its own for each word."""
    i = keras.Input((3, 4), name="characters")
    x = L.TimeDistributed(L.Embedding(VOCAB, 4, mask_zero=True))(i)
    x = L.TimeDistributed(L.LSTM(3))(x)
    return keras.Model(i, L.TimeDistributed(L.Dense(2, activation="softmax"))(L.Bidirectional(L.LSTM(3, return_sequences=True))(x)))
