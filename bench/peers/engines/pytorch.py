"""PyTorch on the CPU, nn.LSTM in inference mode; and the same traced to
TorchScript. A masked network gets the lengths of its rows beforehand, which the
other engines count within the time.
"""

import numpy as np
import torch
from torch import nn


def engine(variant):
    return Engine(variant)


class Engine:
    version = f"torch {torch.__version__}"

    def __init__(self, variant):
        self.script = variant == "script"
        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)

    def load(self, net, weights, ids, folder):
        return Network(net, weights).eval(), torch.from_numpy(ids), net

    def calls(self, network, batches):
        model, ids, net = network
        inputs = [(ids[rows].contiguous(), (ids[rows] != 0).sum(1)) for rows in batches]
        if self.script:
            with torch.inference_mode():
                model = torch.jit.freeze(torch.jit.trace(model, inputs[0], check_trace=False))

        def call(x):
            with torch.inference_mode():
                return model(*x).numpy()

        return [lambda x=x: call(x) for x in inputs]


class Network(nn.Module):
    def __init__(self, net, weights):
        super().__init__()
        t = {name: torch.from_numpy(np.array(data)) for name, data in weights.items()}
        self.masked = net.masked
        self.embedding = nn.Embedding.from_pretrained(t["embeddings"])
        self.layers = nn.ModuleList()
        for layer, units in enumerate(net.units):
            parts = [(n, w) for n, w, _, at, _ in net.lstms() if at == layer]
            lstm = nn.LSTM(parts[0][1], units, batch_first=True, bidirectional=net.bidirectional)
            for (name, _), end in zip(parts, ("", "_reverse")):
                lstm.__getattr__("weight_ih_l0" + end).data = t[name + ".kernel"].T.contiguous()
                lstm.__getattr__("weight_hh_l0" + end).data = t[name + ".recurrent"].T.contiguous()
                lstm.__getattr__("bias_ih_l0" + end).data = t[name + ".bias"]
                lstm.__getattr__("bias_hh_l0" + end).data.zero_()
            self.layers.append(lstm)
        self.dense = nn.Linear(net.states, 3)
        self.dense.weight.data = t["dense.kernel"].T.contiguous()
        self.dense.bias.data = t["dense.bias"]

    def forward(self, ids, lengths):
        """Gates stand in PyTorch as in Keras: i f g o."""
        x = self.embedding(ids)
        if self.masked:
            x = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        for lstm in self.layers:
            x, (h, _) = lstm(x)
        top = h.transpose(0, 1).reshape(ids.shape[0], -1)
        return torch.softmax(self.dense(top), dim=1)
