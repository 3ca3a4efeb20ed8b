"""OpenVINO on the CPU, from the ONNX file, float32; a model is compiled for each
batch size.
"""

import numpy as np
import openvino


def engine(variant):
    return Engine()


class Engine:
    version = f"openvino {openvino.__version__}"

    def __init__(self):
        self.core = openvino.Core()

    def load(self, net, weights, ids, folder):
        return folder / "model.onnx", ids

    def calls(self, network, batches):
        path, ids = network
        model = self.core.read_model(path)
        model.reshape(list(ids[batches[0]].shape))
        compiled = self.core.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": 1,
                "NUM_STREAMS": 1,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32",
                "ENABLE_CPU_PINNING": False,
            },
        )
        request = compiled.create_infer_request()
        inputs = [openvino.Tensor(np.ascontiguousarray(ids[rows])) for rows in batches]

        def call(x):
            request.set_input_tensor(x)
            request.infer()
            return request.get_output_tensor().data

        return [lambda x=x: call(x) for x in inputs]
