"""Writes a network as ONNX: Gather, LSTM, Gemm, Softmax, and nothing between
them that an engine could lose time in. Opset 17.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def gates(a):
    """ONNX has the gates in the order i o f c, the weights in i f c o."""
    i, f, c, o = np.split(a, 4, axis=-1)
    return np.concatenate([i, o, f, c], axis=-1)


def write(net, weights, path):
    """The ids are transposed before the look-up, not the embeddings behind it."""
    nodes, constants = [], {}

    def node(op, inputs, outputs, **attributes):
        nodes.append(helper.make_node(op, inputs, outputs, **attributes))

    constants["embeddings"] = weights["embeddings"]
    node("Transpose", ["ids"], ["steps"], perm=[1, 0])
    node("Gather", ["embeddings", "steps"], ["x0"], axis=0)
    lengths = ""
    if net.masked:
        constants["zero"], constants["axis1"] = np.array(0, np.int32), np.array([1], np.int64)
        node("Greater", ["ids", "zero"], ["real"])
        node("Cast", ["real"], ["ones"], to=TensorProto.INT32)
        node("ReduceSum", ["ones", "axis1"], ["lengths"], keepdims=0)
        lengths = "lengths"
    for layer, units in enumerate(net.units):
        names = [name for name, _, _, at, _ in net.lstms() if at == layer]
        constants[f"W{layer}"] = np.stack([gates(weights[n + ".kernel"]).T for n in names])
        constants[f"R{layer}"] = np.stack([gates(weights[n + ".recurrent"]).T for n in names])
        constants[f"B{layer}"] = np.stack(
            [np.concatenate([gates(weights[n + ".bias"]), np.zeros(4 * units, np.float32)]) for n in names]
        )
        node(
            "LSTM",
            [f"x{layer}", f"W{layer}", f"R{layer}", f"B{layer}", lengths] if lengths else [f"x{layer}", f"W{layer}", f"R{layer}", f"B{layer}"],
            [f"y{layer}", f"h{layer}"],
            hidden_size=units,
            direction="bidirectional" if net.bidirectional else "forward",
        )
        if layer + 1 < len(net.units):  # [steps][1][rows][units] -> [steps][rows][units]
            constants["axis1"] = np.array([1], np.int64)
            node("Squeeze", [f"y{layer}", "axis1"], [f"x{layer + 1}"])
    last = f"h{len(net.units) - 1}"
    if net.bidirectional:
        constants["shape"] = np.array([-1, net.states], np.int64)
        node("Transpose", [last], ["pairs"], perm=[1, 0, 2])
        node("Reshape", ["pairs", "shape"], ["top"])
    else:
        constants["axis0"] = np.array([0], np.int64)
        node("Squeeze", [last, "axis0"], ["top"])
    constants["D"], constants["d"] = weights["dense.kernel"], weights["dense.bias"]
    node("Gemm", ["top", "D", "d"], ["z"])
    node("Softmax", ["z"], ["probabilities"], axis=1)

    graph = helper.make_graph(
        nodes,
        net.name,
        [helper.make_tensor_value_info("ids", TensorProto.INT32, ["rows", net.steps])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", 3])],
        [numpy_helper.from_array(np.ascontiguousarray(a), name) for name, a in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
