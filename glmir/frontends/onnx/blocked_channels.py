"""Models whose channels onnxruntime has put in blocks (com.microsoft.nchwc), as it does at its highest level.

Between ReorderInput and ReorderOutput a tensor [N, C, H, W] lies in memory as [N, C / b, H, W, b], C rounded up to the
block b with channels of zeros, and so do the weights of convolutions. The file says neither b, which is 8 or 16 as the
processor had it, nor how many channels are true. Both are found here, from all nodes together, and told to the
importers (ops/microsoft_blocked.py) in attributes; what onnxruntime runs on blocks besides is left as it is, since an
elementwise function does not ask for the order of its elements.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import onnx_graphsurgeon as gs

from ...errors import CompileError
from ...ir import Array
from .block_evidence import likely_block

DOMAIN = "com.microsoft.nchwc"
BLOCK_SIZES = (8, 16)
BLOCK, CHANNELS, INNER = "block_size", "true_channels", "has_inner_blocks"
"""The attributes in which the importers find the block, the number of true channels of the result, and whether the
weight's input channels lie in blocks, too."""

_ELEMENTWISE = frozenset(
    (
        *("Add", "Sum", "Mul", "Sub", "Div", "Max", "Min"),
        *("Relu", "LeakyRelu", "Sigmoid", "Tanh", "Clip", "HardSigmoid", "HardSwish", "Elu", "Softplus", "Softsign"),
        *("Gelu", "QuickGelu", "FastGelu"),
    )
)
_KEEPING = frozenset(("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool", "Upsample"))

Read = Callable[[gs.Constant], Array]


@dataclass
class _Group:
    """Tensors with the same channels: what the file says of their number."""

    padded: set[int] = field(default_factory=set)
    """As many as the convolutions that write them have."""
    told: int | None = None
    """As many as a ReorderOutput takes of them."""
    needed: int = 1
    """At least so many."""
    is_full: bool = False
    """None is made of zeros."""


def annotate_blocks(graph: gs.Graph, read: Read, source: str) -> None:
    """Tells the nodes of the domain their block and true channels; raises CompileError where these do not show."""
    if any(node.domain == DOMAIN for node in graph.nodes):
        _Blocks(graph, read, source).annotate()


def unblocked(weight: Array, block: int, is_inner: bool) -> Array:
    """A weight [O, I, *kernel] in the order that its shape says: it lies in memory as [O / b, I / b, *kernel, b of I,
    b of O], or, unless ``is_inner``, as [O / b, I, *kernel, b of O]."""
    out, inner, *kernel = weight.shape
    if not is_inner:
        split = weight.reshape(out // block, inner, *kernel, block)
        return np.moveaxis(split, -1, 1).reshape(weight.shape)
    split = weight.reshape(out // block, inner // block, *kernel, block, block)
    return np.moveaxis(split, (-1, -2), (1, 3)).reshape(weight.shape)


def is_depthwise(group: int, weight: Sequence[int]) -> bool:
    """Whether a convolution in blocks has one channel of its weight a group."""
    return group > 1 and weight[0] == group and weight[1] == 1


@dataclass
class _Blocks:
    graph: gs.Graph
    read: Read
    source: str
    parents: dict[str, str] = field(default_factory=dict)
    groups: dict[str, _Group] = field(default_factory=dict)

    def annotate(self) -> None:
        convs = self._follow()
        block = self._block_size(convs)
        for node in convs:
            self._need(node, block)
        for node in convs:
            node.attrs[BLOCK] = block
            node.attrs[CHANNELS] = self._channels(node)
            node.attrs[INNER] = int(self._is_inner(node))

    def _channels(self, node: gs.Node) -> int:
        group = self._group(node.outputs[0].name)
        if group.told is not None:
            return max(group.told, group.needed)
        return max(group.padded) if group.is_full else group.needed

    def _refusal(self, reason: str) -> CompileError:
        way_out = "save it with graph_optimization_level = ORT_ENABLE_EXTENDED, which leaves channels in order"
        return CompileError(
            [f"onnxruntime has put the model's channels in blocks, and {reason}; {way_out}."], self.source
        )

    def _root(self, name: str) -> str:
        while self.parents[name] != name:
            name = self.parents[name]
        return name

    def _group(self, name: str) -> _Group:
        return self.groups[self._root(name)]

    def _is_blocked(self, tensor: gs.Tensor) -> bool:
        return tensor.name in self.parents

    def _block(self, name: str) -> _Group:
        """A group of its own for a tensor in blocks."""
        self.parents[name] = name
        self.groups[name] = _Group()
        return self.groups[name]

    def _join(self, name: str, others: Iterable[gs.Tensor]) -> None:
        """The tensor has the same channels as the others."""
        if name not in self.parents:
            self._block(name)
        for other in others:
            a, b = self._root(name), self._root(other.name)
            if a == b:
                continue
            one, two = self.groups[a], self.groups.pop(b)
            self.parents[b] = a
            one.padded |= two.padded
            one.told = two.told if one.told is None else one.told
            one.needed, one.is_full = max(one.needed, two.needed), one.is_full or two.is_full

    def _follow(self) -> list[gs.Node]:
        """Finds the tensors in blocks, node by node, and the convolutions that write them."""
        convs: list[gs.Node] = []
        for node in list(self.graph.nodes):
            blocked = [x for x in node.inputs if self._is_blocked(x)]
            if node.domain == DOMAIN:
                self._follow_own(node)
                convs += [node] if node.op == "Conv" else []
            elif blocked:
                self._follow_other(node, blocked)
        if any(self._is_blocked(x) for x in self.graph.outputs):
            raise self._refusal("an output of the model is in blocks")
        return convs

    def _follow_own(self, node: gs.Node) -> None:
        name = node.outputs[0].name
        if node.op == "ReorderOutput":
            group = self._group(node.inputs[0].name)
            group.told = int(node.attrs["channels"])
        elif node.op == "ReorderInput":
            self._block(name).needed = _declared_channels(node)
        elif node.op == "Conv":
            shape = node.inputs[1].shape
            self._block(name).padded.add(int(shape[0]))
            beside = node.inputs[:1] if is_depthwise(int(node.attrs.get("group", 1)), shape) else []
            self._join(name, [x for x in (*beside, *node.inputs[3:4]) if self._is_blocked(x)])
        elif node.op in _KEEPING:
            self._join(name, node.inputs[:1])
        else:
            raise self._refusal(f"the operator {node.op} of such channels is not known")

    def _follow_other(self, node: gs.Node, blocked: list[gs.Tensor]) -> None:
        """An operator of another domain that onnxruntime lets run on blocks."""
        name = node.outputs[0].name
        rest = [x for x in node.inputs if x not in blocked and x.name]
        if node.op == "Concat" and not rest and node.attrs.get("axis") == 1:
            # Only channels that fill their blocks can stand one behind the other.
            self._block(name).is_full = True
            for x in blocked:
                self._group(x.name).is_full = True
        elif node.op in _ELEMENTWISE and (not rest or node.op == "Clip"):
            self._join(name, blocked)
        else:
            raise self._refusal(f"node {node.name} ({node.op}) reads blocks, which is not known of it")

    def _need(self, node: gs.Node, block: int) -> None:
        """Which channels of its operand a convolution reads: those whose weights are not all zero."""
        weight = self._weight(node, block)
        if self._is_blocked(node.inputs[0]) and not is_depthwise(int(node.attrs.get("group", 1)), weight.shape):
            group = self._group(node.inputs[0].name)
            if int(node.attrs.get("group", 1)) > 1:
                group.is_full = True
            group.needed = max(group.needed, _last_used(weight, 1) + 1)

    def _weight(self, node: gs.Node, block: int) -> Array:
        weight = node.inputs[1]
        if not isinstance(weight, gs.Constant):
            raise self._refusal(f"the weight of node {node.name} is not constant")
        return unblocked(self.read(weight), block, self._is_inner(node))

    def _is_inner(self, node: gs.Node) -> bool:
        """Whether the weight's input channels lie in blocks, too."""
        is_plain = not self._is_blocked(node.inputs[0])
        return not is_plain and not is_depthwise(int(node.attrs.get("group", 1)), node.inputs[1].shape)

    def _block_size(self, convs: list[gs.Node]) -> int:
        possible = [block for block in BLOCK_SIZES if all(self._may_be(node, block) for node in convs)]
        if not possible:
            raise self._refusal("no block fits its weights")
        if len(possible) == 1:
            return possible[0]
        block = likely_block([partial(self._weight, node) for node in convs], possible)
        if block is None:
            raise self._refusal(f"whether {' or '.join(map(str, possible))} at a time does not show")
        return block

    def _may_be(self, node: gs.Node, block: int) -> bool:
        out, inner = node.inputs[1].shape[:2]
        if out % block or (self._is_inner(node) and inner % block):
            return False
        told = self._group(node.outputs[0].name).told
        if told is None:
            return True
        return out == -(-told // block) * block and _last_used(self._weight(node, block), 0) < told


def _last_used(weight: Array, axis: int) -> int:
    """The last index of the axis at which not all is zero."""
    used = np.flatnonzero(np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1).any(axis=1))
    return int(used[-1]) if used.size else 0


def _declared_channels(node: gs.Node) -> int:
    shape = node.inputs[0].shape
    if shape is None or len(shape) != 4:
        return 1
    channels = shape[3 if node.attrs.get("channels_last", 0) else 1]
    return channels if isinstance(channels, int) else 1
