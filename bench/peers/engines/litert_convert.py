"""python -m engines.litert_convert FOLDER BATCH OUT: the network in FOLDER as a
file of LiteRT for one batch size, float32.
"""

import os
import sys

import nets
from engines import tensorflow as engine

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def main(folder, batch, path):
    net, weights, ids = nets.load(folder)
    model = engine.model(net, weights)
    function = engine.compiled(model, (int(batch), net.steps), xla=False)
    # A loop over variables does not run in LiteRT: they become constants.
    frozen = convert_variables_to_constants_v2(function)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    with open(path + ".part", "wb") as f:
        f.write(converter.convert())
    os.replace(path + ".part", path)


if __name__ == "__main__":
    main(*sys.argv[1:])
