"""ONNX Runtime, the official package: float32, and its own dynamic int8."""

import numpy as np
import onnxruntime


def engine(variant):
    return Engine(variant)


class Engine:
    version = f"onnxruntime {onnxruntime.__version__}"

    def __init__(self, variant):
        self.int8 = variant == "int8"

    def load(self, net, weights, ids, folder):
        path = folder / "model.onnx"
        if self.int8:
            from onnxruntime.quantization import QuantType, quantize_dynamic

            small = folder / "model.int8.onnx"
            quantize_dynamic(path, small, op_types_to_quantize=["LSTM", "MatMul", "Gemm"], weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
            path = small
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return session, ids

    def calls(self, network, batches):
        """Inputs and outputs are bound beforehand: the cheapest call it has."""
        session, ids = network
        return [bound(session, np.ascontiguousarray(ids[rows])) for rows in batches]


def bound(session, ids):
    out = np.empty((len(ids), 3), np.float32)
    binding = session.io_binding()
    binding.bind_cpu_input("ids", ids)
    binding.bind_output("probabilities", "cpu", 0, np.float32, out.shape, out.ctypes.data)
    run = session._sess.run_with_iobinding
    raw = binding._iobinding

    def call(keep=(ids, binding)):
        run(raw, None)
        return out

    return call
