"""LiteRT (TensorFlow Lite) with its XNNPACK delegate. A model is converted for
each batch size, by TensorFlow in a process of its own; the worker has LiteRT
alone.
"""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def engine(variant):
    return Engine()


class Engine:
    version = f"ai-edge-litert {metadata.version('ai-edge-litert')}"

    def load(self, net, weights, ids, folder):
        return folder, ids

    def calls(self, network, batches):
        folder, ids = network
        size = batches[0].stop - batches[0].start
        path = folder / f"model.{size}.tflite"
        if not path.exists():
            here = Path(__file__).parent.parent
            subprocess.run([sys.executable, "-m", "engines.litert_convert", folder, str(size), path], cwd=here, check=True)
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
        at = interpreter.get_input_details()[0]["index"]
        out = interpreter.get_output_details()[0]["index"]

        def call(x):
            interpreter.set_tensor(at, x)
            interpreter.invoke()
            return interpreter.get_tensor(out)

        return [lambda x=np.ascontiguousarray(ids[rows]): call(x) for rows in batches]
