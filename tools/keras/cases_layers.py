"""Cases for goldens.py: layers that treat steps and features without recurrence
or attention."""

import json

import h5py

KERAS1 = {
    "Dense": {"units": "output_dim", "activation": "activation", "use_bias": "bias"},
    "Conv1D": {"filters": "nb_filter", "kernel_size": "filter_length", "padding": "border_mode", "strides": "subsample_length", "activation": "activation", "use_bias": "bias"},
    "MaxPooling1D": {"pool_size": "pool_length", "strides": "stride", "padding": "border_mode"},
    "AveragePooling1D": {"pool_size": "pool_length", "strides": "stride", "padding": "border_mode"},
    "UpSampling1D": {"size": "length"},
    "ZeroPadding1D": {"padding": "padding"},
    "Cropping1D": {"cropping": "cropping"},
    "BatchNormalization": {"epsilon": "epsilon", "axis": "axis", "momentum": "momentum"},
    "LeakyReLU": {"alpha": "alpha"},
    "Flatten": {},
}


def as_keras1(model, folder):
    """Writes a Sequential model as Keras 1 did, by its source: configs of its
    names, and kernels of Conv1D with an axis for the height of an image."""
    model.save(folder / "model.h5")
    with h5py.File(folder / "model.h5", "r+") as f:
        layers = []
        for layer in json.loads(f.attrs["model_config"])["config"]["layers"]:
            name, config = layer["class_name"], layer["config"]
            if name == "InputLayer":
                shape = config["batch_input_shape"]
                continue
            new = {"name": config["name"], "trainable": True}
            for k, v in KERAS1[name].items():
                single = isinstance(config[k], list) and len(config[k]) == 1
                new[v] = config[k][0] if single else config[k]
            if not layers:
                new.update(batch_input_shape=shape, input_dtype="float32")
            if name == "Conv1D":
                name = "Convolution1D"
                new.update(init="glorot_uniform", W_regularizer=None, b_regularizer=None, W_constraint=None, b_constraint=None, activity_regularizer=None, input_dim=None, input_length=None)
                group = f[f"model_weights/{config['name']}/{config['name']}"]
                kernel = group["kernel:0"][:]
                del group["kernel:0"]
                group["kernel:0"] = kernel[:, None]
            if name == "BatchNormalization":
                new.update(mode=0, gamma_init="one", beta_init="zero", gamma_regularizer=None, beta_regularizer=None)
            layers.append({"class_name": name, "config": new})
        config = json.dumps({"class_name": "Sequential", "config": layers})
        for attrs in (f.attrs, f["model_weights"].attrs):
            attrs["keras_version"] = "1.2.2"
        f.attrs["model_config"] = config


def add(g):
    """Registers the cases with goldens.py, the module g."""
    L, keras, case, variant, KERAS3 = g.L, g.keras, g.case, g.variant, g.KERAS3
    STEPS, FEATURES, DIM = g.STEPS, g.FEATURES, g.DIM
    A = keras.activations

    def values(*layers, steps=STEPS, features=FEATURES):
        return g.sequential(keras.Input((steps, features), name="values"), *layers)

    def over_values(name, *make, rows=g.value_rows, steps=STEPS, features=FEATURES, **options):
        """A case of a Sequential model over rows of features; make are functions
        that return layers."""
        variant(name, lambda: values(*[m() for m in make], steps=steps, features=features), rows=rows, **options)

    def over_ids(name, *make, steps=STEPS, mask=True, **options):
        variant(name, lambda: g.sequential(*g.ids(mask, steps=steps), *[m() for m in make]), **options)

    def branches(name, make, rows=g.value_rows, steps=STEPS, features=FEATURES, **options):
        """A case with one output for each layer that make returns."""
        def build():
            i = keras.Input((steps, features), name="values")
            return keras.Model(i, [layer(i) for layer in make()])
        variant(name, build, rows=rows, **options)

    # Activations ------------------------------------------------------------

    def wide_rows():
        """Numbers from -8 to 8 with the corners of the piecewise functions."""
        x = g.np.linspace(-8, 8, 6 * 8).reshape(6, 8).astype("float32")
        x[0, :] = [0, .5, -.5, 1, -1, 3, -3, 6]
        return [x]

    names = ["gelu", "swish", "silu", "mish", "relu6", "leaky_relu", "log_softmax"]
    if KERAS3:
        names += ["celu", "hard_silu", "hard_swish", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink", "squareplus",
                  "sparse_plus", "sparse_sigmoid", "log_sigmoid", "sparsemax", "glu"]

    @case(rows=wide_rows)
    def activation_layers():
        i = keras.Input((8,))
        return keras.Model(i, [L.Activation(a)(i) for a in names])

    @case(rows=lambda: g.plain_rows(5, 6))
    def activations_of_dense():
        i = keras.Input((5, 6))
        return keras.Model(i, [L.Dense(4, activation=a)(i) for a in names])

    @case(amplifies=True)
    def later_activations_of_cells():
        i, e = g.masked()
        return keras.Model(i, [cell(3, activation=a, recurrent_activation="sigmoid")(e) for cell in (L.LSTM, L.GRU)
                               for a in names if a not in ("log_softmax", "sparsemax", "glu")])

    @case(rows=lambda: g.plain_rows(5, 6))
    def activation_objects():
        i = keras.Input((5, 6))
        objects = [A.gelu, A.swish, L.LeakyReLU(), L.LeakyReLU(.2), L.ReLU(), L.ReLU(6.), L.ReLU(2., negative_slope=.1, threshold=.5), L.ELU(), L.ELU(.5), L.Softmax()]
        if KERAS3:
            import tensorflow as tf
            objects += [tf.nn.silu, tf.nn.softmax, tf.nn.relu6]
        else:
            objects += [L.ThresholdedReLU(.3)]
        return keras.Model(i, [L.Dense(4, activation=a)(i) for a in objects] + [L.Conv1D(3, 2, activation=L.LeakyReLU(.1))(i)])

    @case
    def activation_objects_of_cells():
        i, e = g.masked()
        slope = {"negative_slope" if KERAS3 else "alpha": .2}
        return keras.Model(i, L.GRU(3, activation=L.ReLU(6.))(L.LSTM(3, activation=L.LeakyReLU(**slope), return_sequences=True)(e)))

    variant("refused_activation_settings_in_cell", lambda: g.sequential(*g.ids(), L.LSTM(3, activation=L.LeakyReLU())),
            refused="activation is a ReLU layer with settings of its own")
    variant("refused_softmax_in_cell", lambda: g.sequential(*g.ids(), L.LSTM(3, activation="log_softmax")),
            refused='activation="log_softmax" is not supported in a recurrent layer')
    variant("refused_prelu_in_dense", lambda: g.sequential(*g.ids(), L.LSTM(3), L.Dense(2, activation=L.PReLU())),
            refused='activation is an object ("PReLU"), which is not supported')

    @keras.utils.register_keras_serializable("mine")
    def doubled(x):
        return 2 * x

    variant("refused_custom_activation", lambda: g.sequential(*g.ids(), L.LSTM(3), L.Dense(2, activation=doubled)), refused="doubled")

    branches("rectifiers", lambda: [
        L.ReLU(), L.ReLU(6.), L.ReLU(.7), L.ReLU(negative_slope=.1), L.ReLU(threshold=.4), L.ReLU(1.5, .2, .3), L.ReLU(1.5, threshold=.3), L.ReLU(1., .3),
        L.LeakyReLU(), L.LeakyReLU(.05), L.ELU(), L.ELU(.6), L.PReLU(), L.PReLU(shared_axes=[1]), L.PReLU(shared_axes=[1, 2]), L.PReLU(shared_axes=[2])]
        + ([] if KERAS3 else [L.ThresholdedReLU(), L.ThresholdedReLU(.2)]))
    branches("softmax_axes", lambda: [L.Softmax(), L.Softmax(1), L.Softmax(2), L.Softmax(-2), L.Softmax([1])])
    over_ids("rectifiers_keep_masks", lambda: L.LeakyReLU(), lambda: L.PReLU(shared_axes=[1]), lambda: L.ELU(.5), lambda: L.ReLU(3., .1), lambda: L.LSTM(4))
    over_ids("prelu_of_variable_length", lambda: L.PReLU(shared_axes=1), lambda: L.LSTM(3), steps=None)
    variant("refused_softmax_of_masked", lambda: g.sequential(*g.ids(), L.LSTM(STEPS, return_sequences=True), L.Softmax(), L.GlobalMaxPooling1D()),
            refused='layer "softmax" (Softmax): with a mask is not supported')

    # Convolutions -----------------------------------------------------------

    paddings = ("valid", "same", "causal")
    for padding in paddings:
        branches(f"conv1d_{padding}", lambda padding=padding: [
            L.Conv1D(5, k, strides=s, padding=padding, activation=a)
            for k, s, a in ((1, 1, None), (2, 1, "relu"), (3, 1, "tanh"), (4, 1, "softmax"), (3, 2, None), (2, 3, "sigmoid"), (4, 3, None), (1, 2, None), (7, 1, None))])
        branches(f"conv1d_{padding}_dilated", lambda padding=padding: [
            L.Conv1D(3, k, dilation_rate=d, padding=padding, use_bias=k != 2) for k, d in ((2, 2), (3, 3), (2, 5), (1, 4))])
        branches(f"conv1d_{padding}_groups", lambda padding=padding: [
            L.Conv1D(6, 3, groups=n, strides=s, padding=padding, activation="relu") for n, s in ((2, 1), (2, 2))] + [L.Conv1D(8, 2, groups=4, padding=padding)])
        if padding != "causal" or not KERAS3:
            branches(f"separable_{padding}", lambda padding=padding: [
                L.SeparableConv1D(5, k, strides=s, padding=padding, depth_multiplier=m, activation=a, dilation_rate=d, use_bias=k != 4)
                for k, s, m, a, d in ((3, 1, 1, "relu", 1), (2, 2, 2, None, 1), (4, 1, 3, "softmax", 1), (2, 1, 2, None, 3))])
        if padding != "causal":
            branches(f"depthwise_{padding}", lambda padding=padding: [
                L.DepthwiseConv1D(k, strides=s, padding=padding, depth_multiplier=m, activation=a, dilation_rate=d, use_bias=k != 4)
                for k, s, m, a, d in ((3, 1, 1, "relu", 1), (2, 2, 2, None, 1), (4, 1, 3, "softmax", 1), (2, 1, 2, None, 3)) + (((2, 2, 1, None, 2),) if KERAS3 else ())])

    @case(formats=("h5", "keras", "weights", "legacy-weights"))
    def text_cnn():
        i, e = g.masked(False)
        pooled = [L.GlobalMaxPooling1D()(L.Conv1D(6, k, activation="relu", name=f"window_{k}")(e)) for k in (2, 3, 4)]
        return keras.Model(i, L.Dense(3, activation="softmax")(L.Dropout(.5)(L.Concatenate()(pooled))))

    over_ids("conv1d_lstm", lambda: L.Conv1D(8, 3, padding="same", activation="relu"), lambda: L.MaxPooling1D(2), lambda: L.LSTM(5), lambda: L.Dense(2))
    over_ids("conv1d_of_variable_length", lambda: L.Conv1D(8, 3, padding="same", activation="gelu"), lambda: L.Conv1D(6, 2, strides=2), lambda: L.MaxPooling1D(2, padding="same"),
             lambda: L.AveragePooling1D(2, strides=1), lambda: L.Bidirectional(L.GRU(3)), steps=None)
    over_ids("conv1d_stack", lambda: L.Conv1D(8, 3, padding="causal", dilation_rate=1, activation="elu"), lambda: L.BatchNormalization(),
             lambda: L.Conv1D(8, 3, padding="causal", dilation_rate=2, activation="swish"), lambda: L.GlobalAveragePooling1D(), lambda: L.Dense(2))
    branches("conv1d_channels_first", lambda: [L.Conv1D(8, 2, groups=2, data_format="channels_first", padding=p, strides=s, activation=a)
                                              for p, s, a in (("valid", 1, "relu"), ("same", 2, None), ("same", 1, "softmax"), ("causal", 1, "gelu"))], steps=4, features=7,
             rows=lambda: g.plain_rows(4, 7))
    variant("refused_bias_beside_steps", lambda: values(L.Conv1D(6, 2, data_format="channels_first"), steps=4, features=7), only=3, refused="Keras 3 adds the bias to the steps")
    if KERAS3:
        branches("separable_channels_first", lambda: [
            L.SeparableConv1D(5, 3, padding="same", data_format="channels_first", activation="softmax"), L.DepthwiseConv1D(2, strides=2, depth_multiplier=2, data_format="channels_first"),
            L.ZeroPadding1D((2, 1), data_format="channels_first"), L.ZeroPadding1D(1)])
    over_values("conv1d_frozen_between", lambda: L.Conv1D(4, 2, trainable=False), lambda: L.BatchNormalization(trainable=False), lambda: L.Conv1D(3, 2), formats=("h5", "keras", "weights"))

    if not KERAS3:
        over_values("keras1_convolutions", lambda: L.Conv1D(6, 3, padding="same", activation="relu"), lambda: L.BatchNormalization(), lambda: L.MaxPooling1D(2), lambda: L.LeakyReLU(.2), lambda: L.UpSampling1D(3),
                    lambda: L.ZeroPadding1D(2), lambda: L.Conv1D(5, 2, strides=2, use_bias=False), lambda: L.AveragePooling1D(3, 2, padding="same"), lambda: L.Cropping1D((1, 0)), lambda: L.Flatten(), lambda: L.Dense(3),
                    formats=(as_keras1,))

    # Pools ------------------------------------------------------------------

    for cls in ("MaxPooling1D", "AveragePooling1D"):
        branches(cls.lower(), lambda cls=cls: [
            getattr(L, cls)(n, strides=s, padding=p, data_format=f)
            for n, s, p, f in ((2, None, "valid", None), (3, 1, "same", None), (3, 2, "same", None), (2, 3, "valid", None), (5, 2, "same", None), (4, None, "same", None),
                               (1, 2, "valid", None), (2, None, "valid", "channels_first"), (3, 2, "same", "channels_first"))])
    over_ids("pool_drops_mask", lambda: L.MaxPooling1D(2, 1, padding="same"), lambda: L.LSTM(3))
    variant("keepdims", lambda: (lambda i, e: keras.Model(i, [
        L.GlobalAveragePooling1D(keepdims=True)(e), L.GlobalMaxPooling1D(keepdims=True)(e), L.LSTM(3)(L.GlobalAveragePooling1D(keepdims=True)(e))]))(*g.masked()))
    branches("global_channels_first", lambda: [getattr(L, c)(data_format="channels_first", keepdims=k) for c in ("GlobalAveragePooling1D", "GlobalMaxPooling1D") for k in (False, True)])

    # Shapes -----------------------------------------------------------------

    branches("reshaping", lambda: [
        L.Flatten(), L.Flatten("channels_first"), L.Reshape((FEATURES, STEPS)), L.Reshape((-1, 2)), L.Reshape((2, -1)), L.Reshape((-1,)), L.Reshape((2, 7, 2)),
        L.Permute((2, 1)), L.Permute((1, 2)), L.UpSampling1D(3), L.UpSampling1D(1), L.ZeroPadding1D(), L.ZeroPadding1D(2), L.ZeroPadding1D((0, 3)),
        L.Cropping1D(), L.Cropping1D((2, 0)), L.Cropping1D((0, 3)), L.Cropping1D(2)])
    over_ids("repeat_vector", lambda: L.LSTM(4), lambda: L.RepeatVector(5), lambda: L.LSTM(3, return_sequences=True), lambda: L.Dense(2))
    over_values("three_axes", lambda: L.Reshape((7, 2, 2)), lambda: L.Permute((3, 1, 2)), lambda: L.Dense(3, activation="relu"), lambda: L.LayerNormalization(axis=[1, 3]),
                lambda: L.Softmax(axis=2), lambda: L.BatchNormalization(axis=2), lambda: L.Flatten("channels_first"), lambda: L.Reshape((6, -1)), lambda: L.GRU(2))
    over_ids("reshaping_of_variable_length", lambda: L.UpSampling1D(2), lambda: L.ZeroPadding1D((1, 2)), lambda: L.Cropping1D((2, 1)), lambda: L.Reshape((-1, DIM)), lambda: L.Permute((1, 2)), lambda: L.LSTM(3),
             steps=None)
    over_ids("reshaping_drops_masks", lambda: L.Reshape((STEPS, DIM)), lambda: L.LSTM(3))
    over_ids("permute_to_features", lambda: L.Permute((2, 1)), lambda: L.Dense(4, activation="tanh"), lambda: L.Permute((2, 1)), lambda: L.GlobalMaxPooling1D())
    over_ids("identity_and_masks", lambda: L.Identity(), lambda: L.LSTM(3))
    over_ids("cropping_drops_mask", lambda: L.Cropping1D(1), lambda: L.ZeroPadding1D(1), lambda: L.UpSampling1D(), lambda: L.LSTM(3))

    def lora(model):
        model.layers[-1].enable_lora(2)
        return model

    # Norms ------------------------------------------------------------------

    branches("batch_normalization", lambda: [
        L.BatchNormalization(), L.BatchNormalization(axis=1), L.BatchNormalization(axis=2, epsilon=.1), L.BatchNormalization(center=False), L.BatchNormalization(scale=False),
        L.BatchNormalization(center=False, scale=False, axis=-2)], formats=("h5", "keras", "weights", "legacy-weights"))
    branches("batch_normalization_renorm", lambda: [L.BatchNormalization(renorm=True, renorm_momentum=.9)], formats=("h5", "keras", "weights"))
    over_ids("batch_normalization_keeps_mask", lambda: L.BatchNormalization(), lambda: L.LSTM(3, return_sequences=True), lambda: L.BatchNormalization(), lambda: L.GRU(3), lambda: L.BatchNormalization())

    @case(formats=("h5", "keras", "weights"))
    def batch_normalization_nested():
        """Statistics stand behind all trained variables of a nested model."""
        inner = keras.Sequential([keras.Input((STEPS, DIM)), L.BatchNormalization(), L.LSTM(3, return_sequences=True), L.BatchNormalization(), L.Dense(2)], name="inner")
        i, e = g.masked()
        return keras.Model(i, L.BatchNormalization()(L.GRU(3)(inner(e))))

    branches("layer_normalization", lambda: [
        L.LayerNormalization(), L.LayerNormalization(axis=1), L.LayerNormalization(axis=[1, 2]), L.LayerNormalization(axis=[2, 1]), L.LayerNormalization(axis=[-1], epsilon=1e-6),
        L.LayerNormalization(center=False), L.LayerNormalization(scale=False), L.LayerNormalization(center=False, scale=False, axis=[1, 2])], rows=lambda: g.plain_rows(STEPS, FEATURES), amplifies=True)
    over_ids("layer_normalization_keeps_mask", lambda: L.LayerNormalization(), lambda: L.LSTM(4, return_sequences=True), lambda: L.LayerNormalization(axis=2), lambda: L.GRU(3), amplifies=True)
    branches("unit_normalization", lambda: [L.UnitNormalization(), L.UnitNormalization(axis=1), L.UnitNormalization(axis=[1, 2]), L.UnitNormalization(axis=-2)],
             rows=lambda: [g.np.concatenate([g.value_rows()[0], 1e-8 * g.value_rows()[0]])])
    over_ids("unit_normalization_keeps_mask", lambda: L.UnitNormalization(), lambda: L.LSTM(3))
    branches("group_normalization", lambda: [
        L.GroupNormalization(groups=2), L.GroupNormalization(groups=1), L.GroupNormalization(groups=-1), L.GroupNormalization(groups=4, center=False, epsilon=.01),
        L.GroupNormalization(groups=2, scale=False), L.GroupNormalization(groups=7, axis=1)], rows=lambda: g.plain_rows(STEPS, FEATURES), amplifies=True)
    if KERAS3:
        branches("rms_normalization", lambda: [L.RMSNormalization(), L.RMSNormalization(axis=[1, 2]), L.RMSNormalization(epsilon=.1), L.LayerNormalization(rms_scaling=True),
                                               L.LayerNormalization(axis=1, rms_scaling=True, scale=False)], rows=lambda: g.plain_rows(STEPS, FEATURES), amplifies=True)
        over_ids("rms_normalization_drops_mask", lambda: L.RMSNormalization(), lambda: L.LSTM(3), amplifies=True)
        over_ids("group_normalization_keeps_mask", lambda: L.GroupNormalization(5), lambda: L.LSTM(3), amplifies=True)
        variant("refused_lora", lambda: lora(values(L.Conv1D(4, 2))), refused="lora_")

    @case(amplifies=True)
    def masks_through_functional():
        """Keras 3 hands layers that take a mask one made of operations."""
        i, e = g.masked()
        x = L.BatchNormalization()(e)
        x = L.PReLU(shared_axes=[1])(x)
        x = L.Activation("gelu")(L.LSTM(4, return_sequences=True)(x))
        x = L.UnitNormalization()(L.BatchNormalization(axis=-1)(x))
        y = L.LayerNormalization()(L.LeakyReLU()(x))
        return keras.Model(i, [L.GRU(3)(x), L.GRU(2)(y), L.GlobalMaxPooling1D(keepdims=True)(y), L.LSTM(2)(L.Conv1D(3, 2)(y))])

    # A text model with everything -------------------------------------------

    @case(amplifies=True)
    def convolutional_text_model():
        i, e = g.masked()
        x = L.SpatialDropout1D(.2)(e)
        x = L.Conv1D(8, 3, padding="same")(x)
        x = L.BatchNormalization()(x)
        x = L.LeakyReLU(.1)(x)
        x = L.MaxPooling1D(2, padding="same")(x)
        x = L.Bidirectional(L.LSTM(4, return_sequences=True))(x)
        x = L.LayerNormalization()(x)
        x = L.Concatenate()([L.GlobalMaxPooling1D()(x), L.GlobalAveragePooling1D()(x)])
        return keras.Model(i, L.Dense(3, activation="softmax")(L.Dense(6, activation="gelu")(x)))
