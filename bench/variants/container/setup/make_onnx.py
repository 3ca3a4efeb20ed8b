"""Writes the two-LSTM network of an .h5 file as ONNX, from its weights alone:
Gather, LSTM, Gemm, Softmax. Usage: make_onnx.py MODEL.h5 MODEL.onnx

Input "ids" [rows][28] int32, output "probabilities" [rows][3]. Opset 17.
"""

import sys

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STEPS, CLASSES = 28, 3


def tensors(path):
    """Returns the weights of each layer that has some, in the model's order."""
    with h5py.File(path, "r") as f:
        groups = f["model_weights"]
        layers = [groups[name] for name in groups.attrs["layer_names"]]
        found = [[group[name][()] for name in group.attrs["weight_names"]] for group in layers]
    return [weights for weights in found if weights]


def gates(a):
    """Keras has the gates in the order i f c o, ONNX in i o f c."""
    i, f, c, o = np.split(a, 4, axis=-1)
    return np.concatenate([i, o, f, c], axis=-1)


def network(path):
    (embeddings,), *lstms, (kernel, bias) = tensors(path)
    constants = {"embeddings": embeddings, "axis0": np.array([0], np.int64), "axis1": np.array([1], np.int64)}
    # ONNX wants [steps][rows][...]: the ids are turned, not their embeddings.
    nodes = [
        helper.make_node("Transpose", ["ids"], ["steps"], perm=[1, 0]),
        helper.make_node("Gather", ["embeddings", "steps"], ["x0"], axis=0),
    ]
    for n, (w, u, b) in enumerate(lstms):
        constants[f"W{n}"], constants[f"R{n}"] = gates(w).T[None], gates(u).T[None]
        constants[f"B{n}"] = np.concatenate([gates(b), np.zeros_like(b)])[None]
        inputs = [f"x{n}", f"W{n}", f"R{n}", f"B{n}"]
        nodes.append(helper.make_node("LSTM", inputs, [f"y{n}", f"h{n}"], hidden_size=u.shape[0]))
        if n + 1 < len(lstms):
            nodes.append(helper.make_node("Squeeze", [f"y{n}", "axis1"], [f"x{n + 1}"]))
    constants["D"], constants["d"] = kernel, bias
    nodes += [
        helper.make_node("Squeeze", [f"h{len(lstms) - 1}", "axis0"], ["top"]),
        helper.make_node("Gemm", ["top", "D", "d"], ["z"]),
        helper.make_node("Softmax", ["z"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "origin",
        [helper.make_tensor_value_info("ids", TensorProto.INT32, ["rows", STEPS])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", CLASSES])],
        [numpy_helper.from_array(np.ascontiguousarray(a), name) for name, a in constants.items()],
    )
    # The oldest file version that has opset 17: readers refuse newer ones than theirs.
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


if __name__ == "__main__":
    model = network(sys.argv[1])
    onnx.checker.check_model(model)
    onnx.save(model, sys.argv[2])
