"""Two convolutions with a norm and a pool between them, written as an ONNX file."""

import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

SHAPES = {
    "conv1.weight": (4, 3, 3, 3),
    "conv1.bias": (4,),
    "bn.weight": (4,),
    "bn.bias": (4,),
    "bn.running_mean": (4,),
    "bn.running_var": (4,),
    "conv2.weight": (6, 4, 3, 3),
    "conv2.bias": (6,),
    "head.weight": (5, 6),
    "head.bias": (5,),
}
NODES = [
    ("Conv", "x conv1.weight conv1.bias", "a", {"pads": [1] * 4}),
    ("BatchNormalization", "a", "b", {"epsilon": 1e-5}),
    ("Relu", "b", "c", {}),
    ("MaxPool", "c", "d", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("Conv", "d conv2.weight conv2.bias", "e", {"pads": [1] * 4, "strides": [2, 2]}),
    ("Relu", "e", "f", {}),
    ("GlobalAveragePool", "f", "g", {}),
    ("Flatten", "g", "h", {}),
    ("Gemm", "h head.weight head.bias", "y", {"transB": 1}),
]


def make(path):
    norm = [name for name in SHAPES if name.startswith("bn.")]
    nodes = [
        helper.make_node(
            kind,
            given.split() + (norm if kind == "BatchNormalization" else []),
            [out],
            name=f"/{kind}_{out}",
            **settings,
        )
        for kind, given, out, settings in NODES
    ]
    values = [
        numpy_helper.from_array(np.full(shape, 0.5, np.float32), name)
        for name, shape in SHAPES.items()
    ]
    told = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "net",
        [told("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [told("y", TensorProto.FLOAT, ["n", 5])],
        values,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    save(model, path)


if __name__ == "__main__":
    make(sys.argv[1])
