"""Golden cases: recurrent layers, wrappers, merges, attention and their masks."""
import numpy as np

from goldens import DIM, FEATURES, KERAS3, STEPS, VOCAB, L, case, id_rows, ids, keras, masked, plain_rows, sequential, value_rows, variant


def features(mask=True):
    i = keras.Input((STEPS, FEATURES), name="features")
    return i, L.Masking()(i) if mask else i


# Recurrent layers ------------------------------------------------------------

@case(formats=("h5", "keras", "weights", "legacy-weights"))
def simple_rnn():
    return sequential(*ids(), L.SimpleRNN(6, return_sequences=True), L.SimpleRNN(4, go_backwards=True, use_bias=False, activation="softsign"), L.Dense(2))


@case
def simple_rnn_sequences():
    return sequential(*ids(), L.SimpleRNN(5, return_sequences=True, go_backwards=True), L.SimpleRNN(3, return_sequences=True, unroll=True), L.Flatten(), L.Dense(2))


@case(formats=("h5", "keras", "weights", "legacy-weights"))
def rnn_cells():
    return sequential(*ids(), L.RNN(L.LSTMCell(4), return_sequences=True), L.RNN(L.GRUCell(3), go_backwards=True, return_sequences=True), L.RNN(L.SimpleRNNCell(3, use_bias=False)))


@case(formats=("h5", "keras", "weights", "legacy-weights"))
def stacked_cells():
    return sequential(*ids(), L.RNN([L.LSTMCell(4), L.GRUCell(3, reset_after=False), L.LSTMCell(2)], return_sequences=True), L.LSTM(3))


@case
def stacked_cells_backwards():
    return sequential(*ids(), L.RNN([L.LSTMCell(4), L.SimpleRNNCell(3), L.GRUCell(3)], return_sequences=True, go_backwards=True), L.RNN([L.GRUCell(3), L.GRUCell(2)], go_backwards=True))


@case
def one_cell_in_a_list():
    return sequential(*ids(False), L.RNN([L.LSTMCell(4)]), L.Dense(2))


@case
def rnn_zero_output():
    return sequential(*ids(), L.RNN(L.LSTMCell(4), return_sequences=True, zero_output_for_mask=True), L.Flatten(), L.Dense(2))


@case
def zero_output_for_mask_last():
    return sequential(*ids(), L.LSTM(6, zero_output_for_mask=True), L.Dense(2))


@case
def zero_output_for_mask_last_backwards():
    return sequential(*ids(), L.GRU(6, zero_output_for_mask=True, go_backwards=True), L.Dense(2))


@case(only=3)  # Keras 2 cannot build it
def zero_output_for_mask_last_unrolled():
    return sequential(*ids(), L.GRU(6, zero_output_for_mask=True, unroll=True), L.Dense(2))


@case
def bidirectional_simple_rnn():
    return sequential(*ids(), L.Bidirectional(L.SimpleRNN(4, return_sequences=True), merge_mode="sum"), L.Bidirectional(L.SimpleRNN(3), merge_mode="mul"))


@case(formats=("h5", "keras", "weights", "legacy-weights"))
def bidirectional_cells():
    return sequential(*ids(), L.Bidirectional(L.RNN([L.LSTMCell(4), L.GRUCell(3)], return_sequences=True)), L.Bidirectional(L.RNN(L.LSTMCell(3)), merge_mode="ave"))


@case(formats=("h5", "keras", "weights", "legacy-weights"))
def bidirectional_of_two_kinds():
    return sequential(*ids(), L.Bidirectional(L.LSTM(4, return_sequences=True), backward_layer=L.GRU(4, return_sequences=True, go_backwards=True)), L.Dense(2), L.Flatten())


@case(only=2)
def bidirectional_of_backward_sequences():
    return sequential(*ids(), L.Bidirectional(L.LSTM(4, go_backwards=True, return_sequences=True)), L.LSTM(2))


@case
def bidirectional_without_merge():
    i, e = masked()
    a, b = L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode=None)(e)
    return keras.Model(i, [L.LSTM(2)(a), L.GRU(2)(b)])


@case
def states_of_an_encoder():
    """Masked in Keras 2; Keras 3 takes no mask with an initial state."""
    i, e = masked()
    x, h, c = L.LSTM(3, return_sequences=True, return_state=True)(e)
    g, s = L.GRU(3, return_state=True)(x)
    return keras.Model(i, [L.LSTM(3)(x, initial_state=[h, c]), L.SimpleRNN(3, return_sequences=True)(e, initial_state=s), g, h, c])


@case
def states_of_a_bidirectional():
    i, e = masked(False)
    x, fh, fc, bh, bc = L.Bidirectional(L.LSTM(3, return_state=True, return_sequences=True))(e)
    y = L.Bidirectional(L.LSTM(3))(x, initial_state=[bh, bc, fh, fc])
    return keras.Model(i, [y, L.Concatenate()([fh, bh]), fc])


# TimeDistributed -------------------------------------------------------------

def grid_rows():
    rng = np.random.default_rng(17)
    x = rng.integers(1, VOCAB, (7, 4, STEPS))
    x[0] = 0
    x[1, :2] = 0
    x[2, :, 4:] = 0
    x[3, :, :3] = 0
    x[4, 2] = 0
    x[5, 1, 2:] = 0
    x[5, 3, 1] = 0
    return [x.astype("int32")]


def grid():
    i = keras.Input((4, STEPS), dtype="int32", name="ids")
    return i, L.Embedding(VOCAB, DIM, mask_zero=True)(i)


@case
def time_distributed_dense():
    return sequential(*ids(), L.TimeDistributed(L.Dense(4, activation="tanh")), L.LSTM(3, return_sequences=True), L.TimeDistributed(L.Dense(2, activation="softmax")))


@case(rows=lambda: plain_rows(4, STEPS, FEATURES), formats=("h5", "keras", "weights", "legacy-weights"))
def time_distributed_lstm():
    return sequential(keras.Input((4, STEPS, FEATURES)), L.TimeDistributed(L.LSTM(4)), L.LSTM(3))


@case(rows=lambda: plain_rows(4, STEPS, FEATURES))
def time_distributed_bidirectional():
    return sequential(keras.Input((4, STEPS, FEATURES)), L.TimeDistributed(L.Bidirectional(L.GRU(3, return_sequences=True))), L.TimeDistributed(L.GlobalMaxPooling1D()), L.GRU(3))


@case(rows=lambda: plain_rows(4, STEPS, FEATURES))
def time_distributed_flatten():
    return sequential(keras.Input((4, STEPS, FEATURES)), L.TimeDistributed(L.Flatten()), L.GRU(3))


@case(rows=lambda: plain_rows(3, 2, STEPS, FEATURES))
def time_distributed_twice():
    return sequential(keras.Input((3, 2, STEPS, FEATURES)), L.TimeDistributed(L.TimeDistributed(L.LSTM(3))), L.TimeDistributed(L.GRU(2)), L.LSTM(2))


@case(rows=grid_rows, formats=("h5", "keras", "weights", "legacy-weights"))
def time_distributed_model():
    inner = keras.Sequential([keras.Input((STEPS,), dtype="int32"), L.Embedding(VOCAB, DIM, mask_zero=True), L.Bidirectional(L.LSTM(3)), L.Dense(3)], name="inner")
    return sequential(keras.Input((4, STEPS), dtype="int32"), L.TimeDistributed(inner), L.GRU(3))


@case(rows=grid_rows)
def time_distributed_functional():
    i = keras.Input((STEPS,), dtype="int32")
    e = L.Embedding(VOCAB, DIM, mask_zero=True)(i)
    inner = keras.Model(i, L.Concatenate()([L.LSTM(3)(e), L.GlobalMaxPooling1D()(e)]), name="inner")
    j = keras.Input((4, STEPS), dtype="int32")
    return keras.Model(j, L.LSTM(2)(L.TimeDistributed(inner)(j)))


@case(rows=grid_rows)
def time_distributed_embedding():
    return sequential(keras.Input((4, STEPS), dtype="int32"), L.TimeDistributed(L.Embedding(VOCAB, DIM)), L.TimeDistributed(L.LSTM(3)), L.LSTM(3))


@case(rows=grid_rows)
def grid_of_ids():
    """A mask of two axes: the inner one is the wrapped layer's."""
    i, e = grid()
    return keras.Model(i, L.TimeDistributed(L.LSTM(3))(e))


@case(rows=grid_rows, only=2)
def grid_of_ids_hierarchy():
    """Keras 2 makes a mask of the rows of ids that have any."""
    i, e = grid()
    return keras.Model(i, L.LSTM(2)(L.TimeDistributed(L.Bidirectional(L.GRU(3)))(e)))


@case(rows=grid_rows)
def grid_without_mask():
    i = keras.Input((4, STEPS), dtype="int32", name="ids")
    e = L.Embedding(VOCAB, DIM)(i)
    return keras.Model(i, L.LSTM(2)(L.TimeDistributed(L.GRU(3))(e)))


# Merges ----------------------------------------------------------------------

def branches(mask=True):
    i, e = masked(mask)
    return i, L.LSTM(3, return_sequences=True)(e), L.GRU(3, return_sequences=True)(e), L.SimpleRNN(3, return_sequences=True)(e)


for name in ("Subtract", "Maximum", "Minimum", "Multiply", "Average", "Add"):
    def same_mask(name=name):
        i, a, b, _ = branches()
        return keras.Model(i, L.LSTM(2)(getattr(L, name)()([a, b])))
    variant(f"merge_{name.lower()}_same_mask", same_mask)

    def without_mask(name=name):
        i, a, b, _ = branches(False)
        return keras.Model(i, getattr(L, name)()([a, b]))
    variant(f"merge_{name.lower()}_without_mask", without_mask)

    def two_masks(name=name):
        i, e = masked()
        j, f = features()
        a, b = L.LSTM(3, return_sequences=True)(e), L.GRU(3, return_sequences=True)(f)
        m = getattr(L, name)()([a, b])
        return keras.Model([i, j], [m, L.LSTM(2)(m)])
    variant(f"merge_{name.lower()}_two_masks", two_masks, rows=lambda: [id_rows()[0][:7], value_rows()[0]])

    def half_masked(name=name):
        i, e = masked()
        j, f = features(False)
        a, b = L.LSTM(3, return_sequences=True)(e), L.GRU(3, return_sequences=True)(f)
        m = getattr(L, name)()([b, a])
        return keras.Model([i, j], [m, L.LSTM(2)(m)])
    variant(f"merge_{name.lower()}_half_masked", half_masked, rows=lambda: [id_rows()[0][:7], value_rows()[0]])


@case
def merge_three():
    i, a, b, c = branches()
    return keras.Model(i, [L.Maximum()([a, b, c]), L.LSTM(2)(L.Multiply()([a, b, c])), L.Add()([a, b, c]), L.Average()([c, b, a])])


@case
def merge_broadcast():
    i, a, b, _ = branches(False)
    v = L.LSTM(3)(a)
    w = L.Dense(1)(b)
    return keras.Model(i, [L.Add()([a, v]), L.Multiply()([v, w]), L.Maximum()([w, a]), L.Subtract()([a, w])])


@case(rows=lambda: [id_rows()[0][:7], value_rows()[0]])
def concatenate_two_masks():
    i, e = masked()
    j, f = features()
    m = L.Concatenate()([e, L.Dense(2)(f)])
    return keras.Model([i, j], [m, L.LSTM(2)(m)])


@case(rows=lambda: [id_rows()[0][:7], value_rows()[0]])
def concatenate_steps():
    i, e = masked()
    j, f = features()
    m = L.Concatenate(axis=1)([L.Dense(3)(e), L.Dense(3)(f)])
    return keras.Model([i, j], [m, L.LSTM(2)(m)])


@case(rows=lambda: [id_rows()[0][:7], value_rows()[0]], only=3)
def concatenate_steps_half_masked():
    i, e = masked()
    j, f = features(False)
    m = L.Concatenate(axis=1)([L.Dense(3)(e), L.Dense(3)(f)])
    return keras.Model([i, j], [m, L.LSTM(2)(m)])


for axes, normalize in ((1, False), (2, False), ((1, 1), True), ((2, 2), True), (-1, True)):
    def dot(axes=axes, normalize=normalize):
        i, a, b, _ = branches()
        return keras.Model(i, L.Dot(axes=axes, normalize=normalize)([a, b]))
    variant(f"dot_{axes}_{normalize}".replace("(", "").replace(")", "").replace(", ", "_").replace("-", "m"), dot)


@case
def dot_vectors():
    i, a, b, _ = branches()
    v, w = L.LSTM(3)(a), L.LSTM(3)(b)
    return keras.Model(i, [L.Dot(axes=1)([v, w]), L.Dot(axes=-1, normalize=True)([v, w]), L.Dot(axes=(2, 1))([a, v])])


@case(scale=3e-8)
def dot_of_short_vectors():
    """Vectors as short as what their lengths are at least taken for."""
    i, e = masked()
    a, b = L.Dense(3)(e), L.Dense(3)(e)
    return keras.Model(i, L.Dot(axes=-1, normalize=True)([a, b]))


# Attention -------------------------------------------------------------------

def attention(mask=True, **options):
    causal = options.pop("causal", False)
    i, a, b, _ = branches(mask)
    y = L.Attention(**options)([a, b], use_causal_mask=causal)
    return keras.Model(i, [y, L.LSTM(2)(y)])


variant("attention_dot", lambda: attention())
variant("attention_scaled", lambda: attention(use_scale=True))
variant("attention_concat", lambda: attention(score_mode="concat"))
variant("attention_concat_scaled", lambda: attention(score_mode="concat", use_scale=True, dropout=.2))
variant("attention_causal", lambda: attention(causal=True))
variant("attention_without_mask", lambda: attention(False))
variant("attention_causal_without_mask", lambda: attention(False, causal=True))


@case
def attention_of_three():
    i, a, b, c = branches()
    return keras.Model(i, L.GlobalAveragePooling1D()(L.Attention()([a, L.Dense(2)(b), c])))


@case(rows=lambda: [id_rows()[0][:7], value_rows()[0]])
def attention_half_masked():
    i, e = masked()
    j, f = features(False)
    a, b = L.LSTM(3, return_sequences=True)(e), L.GRU(3, return_sequences=True)(f)
    return keras.Model([i, j], [L.Attention()([a, b]), L.Attention()([b, a])])


@case
def additive_attention():
    i, a, b, _ = branches()
    return keras.Model(i, [L.AdditiveAttention()([a, b]), L.AdditiveAttention(use_scale=False)([b, a]), L.AdditiveAttention()([a, b], use_causal_mask=True)])


@case(formats=("h5", "keras", "weights", "legacy-weights"), amplifies=True)
def multi_head():
    i, a, b, c = branches(False)
    return keras.Model(i, [L.MultiHeadAttention(2, 3)(a, a), L.MultiHeadAttention(3, 2, value_dim=4, output_shape=5)(a, b, c), L.MultiHeadAttention(1, 4, use_bias=False)(a, b, use_causal_mask=True)])


@case
def multi_head_masked():
    i, a, b, c = branches()
    y = L.MultiHeadAttention(2, 3)(a, a)
    return keras.Model(i, [y, L.LSTM(2)(y), L.MultiHeadAttention(2, 3, dropout=.3)(a, b, use_causal_mask=True), L.MultiHeadAttention(1, 3)(a, value=b, key=c)])


@case
def multi_head_of_ones():
    """Heads one number wide: Keras 3 takes their bias for one of the steps if
    there are as many (refused_heads_beside_steps)."""
    i, a, b, _ = branches()
    wide = L.MultiHeadAttention(STEPS, 1, value_dim=2, use_bias=False)(a, b)
    return keras.Model(i, [L.MultiHeadAttention(2, 1)(a, a), L.MultiHeadAttention(1, 1)(a, b), wide])


@case(rows=lambda: [id_rows()[0][:7], value_rows()[0]])
def multi_head_cross():
    i, e = masked()
    j, f = features()
    a, b = L.LSTM(3, return_sequences=True)(e), L.Dense(5)(f)
    return keras.Model([i, j], [L.MultiHeadAttention(2, 3)(a, b), L.MultiHeadAttention(2, 3)(b, a), L.MultiHeadAttention(2, 2)(a, L.Dense(2)(j))])


@case
def transformer_block():
    i, e = masked()
    a = L.MultiHeadAttention(2, 3)(e, e)
    x = L.Add()([e, a])
    y = L.Dense(DIM)(L.Dense(7, activation="relu")(x))
    return keras.Model(i, L.Dense(2)(L.GlobalAveragePooling1D()(L.Add()([x, y]))))


@case
def attention_scores():
    i, a, b, _ = branches()
    y, _ = L.MultiHeadAttention(2, 3)(a, b, return_attention_scores=True)
    return keras.Model(i, y)


# CuDNN layers ----------------------------------------------------------------

def gpu(lstm, gru):
    return lambda: sequential(*ids(False), lstm(4, return_sequences=True), L.Bidirectional(gru(3, return_sequences=True)), gru(2, go_backwards=True), L.Dense(2))


if not KERAS3:
    from tensorflow.compat.v1.keras.layers import CuDNNGRU, CuDNNLSTM

    # This Keras rearranges the weights as it loads them, and can then run.
    variant("cudnn", gpu(CuDNNLSTM, CuDNNGRU), loads=gpu(L.LSTM, L.GRU), formats=("h5", "legacy-weights"))
