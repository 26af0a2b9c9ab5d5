"""The recorder of ONNX models, which onnxruntime runs; they do not train."""

import contextlib
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from triptych.recorders.common import Tape, run
from triptych.recorders.modules import settings_of
from triptych.recorders.training import Plan, Step
from triptych.recorders.values import Refused, picked

FRAMEWORK, LAST, KIND = "onnx", False, "onnx.ModelProto"
RUNS = ("evaluation",)
# What the tensors that a node is given are, behind the first; of others they are data.
LEAVES = {
    "Conv": ("weight", "bias"),
    "ConvTranspose": ("weight", "bias"),
    "Gemm": ("weight", "bias"),
    "MatMul": ("kernel",),
    "BatchNormalization": ("weight", "bias", "running_mean", "running_var"),
    "LayerNormalization": ("weight", "bias"),
    "InstanceNormalization": ("weight", "bias"),
    "Add": ("bias",),
    "PRelu": ("weight",),
}
KINDS = {"Gemm": "Linear", "MatMul": "Dense", "Gather": "Embedding", "Add": "Bias"}
SETTINGS = {
    "epsilon": "eps",
    "strides": "stride",
    "pads": "padding",
    "dilations": "dilation",
    "group": "groups",
    "kernel_shape": "kernel_size",
    "alpha": "slope",
}


def load(path: Path) -> Any:
    """Reads a file; anything else is refused."""
    try:
        return onnx.load(str(path))
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Refused(f"{path}: not an ONNX model ({first})") from None


def is_model(value: Any) -> bool:
    return isinstance(value, onnx.ModelProto)


def seed() -> None:
    """Does nothing: nothing is drawn."""


def prepare(dtype: str) -> None:
    if dtype != "float32":
        raise Refused("onnxruntime computes as the file says: ask for --dtype float32")


def release() -> None:
    """Does nothing: a session goes with its model."""


@contextlib.contextmanager
def held(model: Any, dtype: str, program: str, given: Any) -> Iterator[Any]:
    """Lends a person's model, of which a copy is recorded."""
    prepare(dtype)
    yield model


def environment() -> dict[str, Any]:
    return {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}


class Model:
    """A graph whose every node is a module; one that holds tensors bears their name."""

    def __init__(self, native: Any, dtype: str, program: str, given: Any):
        if program:
            raise Refused("an ONNX model has no methods")
        self.proto = onnx.ModelProto()
        self.proto.CopyFrom(native)
        self.wanted: tuple[str, ...] = ()
        self.rates: dict[str, float] = {}
        graph = self.proto.graph
        self.values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.values[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        self.outputs = [value.name for value in graph.output]
        self.inputs = [i.name for i in graph.input if i.name not in self.values]
        self.nodes = list(graph.node)
        self.paths = self._named()
        self.slots = dict(self._slots())

    def _named(self) -> list[str]:
        """A node's path: where its tensors are, by their names, or its own name."""
        found: list[str] = []
        for i, node in enumerate(self.nodes):
            own = [
                name for name in self._tensors(node) if "." in name and ":" not in name
            ]
            said = own[0].rpartition(".")[0] if own and node.op_type != "Add" else ""
            if not said:
                said = re.sub(r"[/:]+", ".", node.name).strip(".")
            path = said or f"{node.op_type.lower()}_{i}"
            number = sum(p == path or p.startswith(f"{path}#") for p in found)
            found.append(f"{path}#{number + 1}" if number else path)
        return [path.replace("#", "_again_") for path in found]

    def _tensors(self, node: Any) -> list[str]:
        """The names of what a node holds: real numbers that no other node gives."""
        held = [name for name in node.input if name in self.values]
        if node.op_type != "Gather" and node.op_type not in LEAVES:
            return []
        return [n for n in held if np.issubdtype(self.values[n].dtype, np.floating)]

    def _slots(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """The tensors by name, each with its module and what it is there."""
        seen: set[str] = set()
        for i, node in enumerate(self.nodes):
            own = self._tensors(node)
            if node.op_type == "Gather":
                leaves: tuple[str, ...] = ("weight",)
            else:
                leaves = LEAVES.get(node.op_type, ())
            for name, leaf in zip(own, leaves, strict=False):
                if name in seen or not self.values[name].ndim:
                    continue
                seen.add(name)
                path = self.paths[self._holder(i)]
                turned = leaf == "weight" and node.op_type == "Gemm"
                if turned and not _attributes(node).get("transB"):
                    leaf = "kernel"
                yield name, (path, leaf)

    def _holder(self, number: int) -> int:
        """A bias that is added behind a product is that one's."""
        node = self.nodes[number]
        for i, before in enumerate(self.nodes if node.op_type == "Add" else ()):
            if before.op_type == "MatMul" and {*before.output} & {*node.input}:
                return i
        return number

    def modules(self) -> list[dict[str, Any]]:
        found = [self._module("", "Graph", {}, self.paths)]
        for path, node in zip(self.paths, self.nodes, strict=True):
            kind = KINDS.get(node.op_type, node.op_type)
            said = {SETTINGS.get(k, k): v for k, v in _attributes(node).items()}
            found.append(self._module(path, kind, said, []))
        return found

    def _module(
        self, path: str, kind: str, said: Mapping[str, Any], children: list[str]
    ) -> dict[str, Any]:
        own = {
            "path": path,
            "kind": kind,
            "package": "onnx",
            "file": None,
            "line": None,
        }
        return {**own, "settings": settings_of(said), "children": children}

    def weights(self) -> Iterator[tuple[dict[str, Any], Any]]:
        for name, (path, leaf) in self.slots.items():
            entry = {"name": name, "module": path, "leaf": leaf, "also": []}
            trainable = not leaf.startswith("running_")
            yield entry | {"trainable": trainable}, np.array(self.values[name])

    def load(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if name not in self.slots:
                raise Refused(f"no tensor {name!r} in the model")
            self.values[name] = np.asarray(value, self.values[name].dtype)

    def calls(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The calls of one run, each tensor by its name in the graph."""
        tape = Tape(lambda value: isinstance(value, frozenset))
        self._recorded(tape, lambda name: frozenset({name}))
        return tape.calls

    def run(
        self,
        given: Mapping[str, Any],
        training: bool,
        last: bool | None,
        forced: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Runs the model as it is; it has no gradients."""
        graph = onnx.GraphProto()
        graph.CopyFrom(self.proto.graph)
        fed = {**self._fed(given), **self._swapped(graph, forced)}
        made = [name for node in graph.node for name in node.output if name]
        session = self._session(graph, made)
        found = dict(zip(made, session.run(made, fed), strict=True))
        values = {**self.values, **fed, **found}
        tape = Tape(lambda value: isinstance(value, np.ndarray))
        self._recorded(tape, values.get)
        outputs = {name: values[name] for name in self.outputs}
        outputs = picked(outputs, lambda v: isinstance(v, np.ndarray), self.wanted)
        none: dict[str, Any] = {"gradients": {}, "input_gradients": {}, "buffers": {}}
        return {"outputs": outputs, "calls": tape.calls, **none}

    def _fed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs by the graph's own names; those that are numbered by their order."""
        names = {str(i): name for i, name in enumerate(self.inputs)}
        fed = {names.get(path, path): value for path, value in given.items()}
        odd = sorted(fed.keys() ^ set(self.inputs))
        if odd:
            raise Refused(f"input {odd[0]!r}: the model takes {', '.join(self.inputs)}")
        return fed

    def _recorded(self, tape: Tape, value: Any) -> None:
        for path, node in zip(self.paths, self.nodes, strict=True):
            if node.op_type == "Constant":
                continue
            held = {*self._tensors(node)}
            entered = [value(name) for name in node.input if name and name not in held]
            call, _, _ = tape.enter(path, entered, {})
            tape.leave(call, {str(i): value(n) for i, n in enumerate(node.output) if n})

    def _swapped(self, graph: Any, forced: Mapping[str, Any]) -> dict[str, Any]:
        """Cuts the graph where other values are given to nodes, or taken from them."""
        fed: dict[str, Any] = {}
        for path, own, node in zip(self.paths, self.nodes, graph.node, strict=True):
            held = {*self._tensors(own)}
            places = [i for i, n in enumerate(own.input) if n and n not in held]
            start = f"{path}#1"
            for key, array in forced.items():
                if key.startswith(f"{start}>"):
                    fed[node.output[int(key.rpartition(">")[2])]] = array
                elif key.startswith(f"{start}<"):
                    place = places[int(key.rpartition("<")[2])]
                    node.input[place] = name = f"given.{key}"
                    fed[name] = array
        for node in graph.node:
            for i, name in enumerate(node.output):
                if name in fed:
                    node.output[i] = f"own.{name}"
        for name, array in fed.items():
            kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
            graph.input.append(onnx.helper.make_tensor_value_info(name, kind, None))
        return fed

    def _session(self, graph: Any, made: list[str]) -> Any:
        """A session that gives what every node gives, with the weights as they are."""
        proto = onnx.ModelProto()
        proto.CopyFrom(self.proto)
        proto.graph.CopyFrom(graph)
        for tensor in proto.graph.initializer:
            if tensor.name in self.slots:
                value = numpy_helper.from_array(self.values[tensor.name], tensor.name)
                tensor.CopyFrom(value)
        known = {value.name for value in proto.graph.output}
        for name in made:
            if name not in known:
                proto.graph.output.append(onnx.ValueInfoProto(name=name))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.graph_optimization_level = (
            onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        )
        providers = ["CPUExecutionProvider"]
        return onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=providers
        )

    def steps(self, given: Mapping[str, Any], plan: Plan, last: bool) -> list[Step]:
        """Refuses: a file for inference has no gradients."""
        raise Refused("an ONNX model does not train: leave --steps out")


def _attributes(node: Any) -> dict[str, Any]:
    made = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {k: _plain(v) for k, v in made.items()}


def _plain(value: Any) -> Any:
    """A word, or a number of float32 as it was written."""
    if isinstance(value, bytes):
        return value.decode()
    return float(str(np.float32(value))) if isinstance(value, float) else value


def main() -> None:
    sys.exit(run(sys.modules[__name__]))
