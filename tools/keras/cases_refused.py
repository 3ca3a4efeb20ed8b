"""Golden cases that must be refused, with what the error must say."""
from goldens import case, DIM, id_rows, ids, keras, KERAS3, L, masked, sequential, STEPS, VOCAB


@case(refused='layer "lstm" (LSTM): stateful=true is not supported')
def refused_stateful():
    return sequential(keras.Input(batch_shape=(9, STEPS)) if KERAS3 else L.InputLayer(batch_input_shape=(9, STEPS)), L.Embedding(VOCAB, DIM), L.LSTM(3, stateful=True))


@case(refused='layer "conv1d_transpose" (Conv1DTranspose)')
def refused_class():
    return sequential(*ids(), L.Conv1DTranspose(3, 2), L.LSTM(3))


@case(only=3, refused='key_dim=1 with a bias and as many steps as heads (7)')
def refused_heads_beside_steps():
    i, e = masked()
    return keras.Model(i, L.MultiHeadAttention(STEPS, 1)(e, e))


@case(only=3, refused='value_dim=1 with a bias and as many steps as heads (7)')
def refused_values_beside_steps():
    i, e = masked()
    return keras.Model(i, L.MultiHeadAttention(STEPS, 2, value_dim=1)(e, e))


@case(refused='layer "lambda" (Lambda): holds Python code')
def refused_lambda():
    return sequential(*ids(), L.Lambda(lambda x: x * 2, name="lambda"), L.LSTM(3))


@keras.utils.register_keras_serializable("mine")
class Dense(keras.layers.Dense):
    def call(self, inputs):
        return 2 * super().call(inputs)


@case(refused='custom class')
def refused_registered_class():
    """A class of the user's own that has the name of one of Keras'."""
    return sequential(*ids(), L.LSTM(3), Dense(2))


@keras.utils.register_keras_serializable("mine")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.e, self.r = keras.layers.Embedding(VOCAB, DIM), keras.layers.LSTM(3)

    def call(self, x):
        return self.r(self.e(x))


@case(refused="a subclassed model has no graph", formats=("keras",))
def refused_subclassed():
    m = Subclassed()
    m(id_rows()[0])
    return m


@case(refused='layer "tf.math.multiply" (TFOpLambda)', only=2)
def refused_function():
    i, e = masked(False)
    return keras.Model(i, L.LSTM(2)(e * 2.0))


@case(refused='layer "multiply" (Multiply)', only=3)
def refused_operation():
    i, e = masked(False)
    return keras.Model(i, L.LSTM(2)(e * 2.0))
