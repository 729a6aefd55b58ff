"""What operators demand beyond the types of their parameters: ranks, words, axes, amounts. One table a kind of rule.

Sources: the operator reference and the type inference of Apple's converter, release 9.0, and reports of what the
compiler refuses all the same (its issues 2127, 2571, 2576, 2701; executorch 11691).
"""

from collections.abc import Callable, Iterator, Mapping

from . import compression
from .given import Given


def check_operator(given: Given) -> Iterator[str]:
    """What is wrong with an operation, one sentence each."""
    yield from _check_ranks(given)
    yield from _check_words(given)
    yield from _check_axes(given)
    for rule in _RULES.get(given.operator, ()):
        yield from rule(given)


_RANKS: Mapping[str, tuple[str, int, int]] = {
    **dict.fromkeys(("conv", "conv_transpose", "batch_norm", "avg_pool", "max_pool", "prelu"), ("x", 3, 5)),
    **dict.fromkeys(("instance_norm", "l2_pool", "local_response_norm"), ("x", 3, 4)),
    **dict.fromkeys(
        (
            "upsample_nearest_neighbor", "upsample_bilinear", "resize_nearest_neighbor", "resize_bilinear", "crop",
            "l2_norm", "space_to_batch", "batch_to_space",
        ),
        ("x", 3, 5),
    ),
    **dict.fromkeys(
        (
            "depth_to_space", "space_to_depth", "pixel_shuffle", "pixel_unshuffle", "affine", "resample", "crop_resize",
        ),
        ("x", 4, 4),
    ),
    **dict.fromkeys(("lstm", "gru", "rnn"), ("x", 3, 3)),
    "linear": ("x", 1, 3),
    "matmul": ("x", 1, 5),
    "band_part": ("x", 2, 5),
    "layer_norm": ("x", 1, 5),
    "softmax": ("x", 1, 5),
    "classify": ("probabilities", 1, 5),
    "scaled_dot_product_attention": ("query", 3, 5),
    **dict.fromkeys(("gather", "gather_along_axis", "gather_nd", "tile", "topk", "cumsum", "split"), ("x", 1, 5)),
    **dict.fromkeys(("scatter", "scatter_along_axis", "scatter_nd"), ("data", 1, 5)),
}  # fmt: skip
"""Operator -> a parameter and the ranks that it may have."""

_PADDING = frozenset({"valid", "same", "same_lower", "custom"})
_SCATTERING = frozenset({"add", "div", "max", "min", "mul", "sub", "update"})
_SAMPLING = frozenset({"STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "DEFAULT", "OFFSET_CORNERS", "UNALIGN_CORNERS"})
_DTYPES = frozenset({"bool", "fp16", "fp32", "int32"})
_NEWER_DTYPES = _DTYPES | {"int8", "uint8", "int16", "uint16"}
_INDEX_DTYPES = frozenset({"int32", "uint16"})
_CELLS = frozenset({"linear", "relu", "scaled_tanh", "sigmoid", "tanh"})
_GRID = {
    "sampling_mode": frozenset({"bilinear", "nearest"}),
    "padding_mode": frozenset({"constant", "border", "reflection", "symmetric"}),
    "coordinates_mode": frozenset({"unnormalized", "normalized_minus_one_to_one", "normalized_zero_to_one"}),
}
_WORDS: Mapping[str, Mapping[str, frozenset[str]]] = {
    **{key: {"pad_type": _PADDING} for key in ("conv", "avg_pool", "max_pool", "l2_pool")},
    "conv_transpose": {"pad_type": _PADDING - {"same_lower"}},
    **{key: {"mode": _SCATTERING} for key in ("scatter", "scatter_along_axis", "scatter_nd")},
    **dict.fromkeys(("affine", "resample"), _GRID),
    "pad": {"mode": frozenset({"constant", "reflect", "replicate"})},
    "gelu": {"mode": frozenset({"EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION"})},
    "resize_bilinear": {"sampling_mode": _SAMPLING},
    "resize": {
        "sampling_mode": _SAMPLING,
        "interpolation_mode": frozenset({"LINEAR", "NEAREST_NEIGHBOR"}),
    },
    "crop_resize": {
        "sampling_mode": _SAMPLING,
        "box_coordinate_mode": frozenset(
            {
                "CORNERS_HEIGHT_FIRST", "CORNERS_WIDTH_FIRST", "CENTER_SIZE_HEIGHT_FIRST", "CENTER_SIZE_WIDTH_FIRST",
            }
        ),
    },
    "lstm": {
        "direction": frozenset({"forward", "reverse", "bidirectional"}),
        **dict.fromkeys(("recurrent_activation", "cell_activation", "activation"), _CELLS | {"hard_sigmoid"}),
    },
    "gru": {
        "direction": frozenset({"forward", "reverse"}),
        **dict.fromkeys(("recurrent_activation", "activation"), _CELLS | {"sigmoid_hard", "hard_sigmoid"}),
    },
    "rnn": {"direction": frozenset({"forward", "reverse"}), "activation": _CELLS | {"sigmoid_hard", "hard_sigmoid"}},
    **{key: {"output_dtype": _INDEX_DTYPES} for key in ("reduce_argmax", "reduce_argmin")},
    "topk": {"output_indices_dtype": _INDEX_DTYPES},
    "quantize": {"output_dtype": frozenset({"int8", "uint8"})},
}  # fmt: skip
"""Operator -> parameter -> the words that it may be."""

_AXES: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(
        (
            "softmax", "topk", "cumsum", "gather", "gather_along_axis", "split", "reduce_argmax", "reduce_argmin",
            "argsort",
        ),
        ("x", "axis"),
    ),
    **dict.fromkeys(("scatter", "scatter_along_axis"), ("data", "axis")),
    **dict.fromkeys(
        (
            "layer_norm", "squeeze", "reverse", "reduce_l1_norm", "reduce_l2_norm", "reduce_log_sum",
            "reduce_log_sum_exp", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum",
            "reduce_sum_square",
        ),
        ("x", "axes"),
    ),
}  # fmt: skip
"""Operator -> a tensor, and the parameter that names axes of it."""


def _check_ranks(given: Given) -> Iterator[str]:
    if given.operator not in _RANKS:
        return
    name, low, high = _RANKS[given.operator]
    if not low <= given.rank(name) <= high:
        yield f"{name} has rank {given.rank(name)}, not {low if low == high else f'{low} to {high}'}"


def _check_words(given: Given) -> Iterator[str]:
    for name, words in _WORDS.get(given.operator, {}).items():
        word = given.word(name)
        if word is not None and word not in words:
            yield f"{name} is {word!r}, not {' or '.join(sorted(words))}"


def _check_axes(given: Given) -> Iterator[str]:
    if given.operator not in _AXES:
        return
    tensor, parameter = _AXES[given.operator]
    rank, axes = given.rank(tensor), given.integers(parameter)
    if axes is None:
        return
    if any(not -rank <= axis < rank for axis in axes):
        yield f"{parameter} is {axes}, for a tensor of rank {rank}"
    elif len({axis % rank for axis in axes}) != len(axes):
        yield f"{parameter} names an axis twice: {axes}"


def _cast(given: Given) -> Iterator[str]:
    words = _NEWER_DTYPES if given.opset >= 17 else _DTYPES
    if given.word("dtype") not in words:
        yield f"dtype is {given.word('dtype')!r}, not {' or '.join(sorted(words))}"


def _windows(given: Given) -> Iterator[str]:
    """Amounts of convolutions and pools: one an axis, padding two."""
    spatial = given.rank("x") - 2
    for name in ("kernel_sizes", "strides", "dilations"):
        amounts = given.integers(name)
        if amounts is not None and (len(amounts) != spatial or min(amounts) < 1):
            yield f"{name} is {amounts} for {spatial} spatial axes"
    padding = given.integers("pad")
    if padding is not None and (len(padding) != 2 * spatial or min(padding) < 0):
        yield f"pad is {padding} for {spatial} spatial axes"
    if given.word("pad_type") == "same_lower" and given.opset < 16:
        yield "pad_type is same_lower, which needs iOS 16"


def _ceiling(given: Given) -> Iterator[str]:
    mode = given.array("ceil_mode")
    if mode is None or not mode:
        return
    padding = given.integers("pad") or []
    if given.rank("x") > 4:
        yield "ceil_mode is for 1 or 2 spatial axes"
    if given.word("pad_type") in ("same", "same_lower"):
        yield "ceil_mode goes without padding to the same size"
    if padding[::2] != padding[1::2]:
        yield f"ceil_mode needs padding that is the same on both sides, not {padding}"


def _convolution(given: Given) -> Iterator[str]:
    x, weight = given.dims("x"), given.dims("weight")
    groups = (given.integers("groups") or [1])[0]
    if len(weight) != len(x):
        yield f"the weight has rank {len(weight)}, x {len(x)}"
        return
    is_transposed = given.operator == "conv_transpose"
    channels = weight[0] if is_transposed else None if weight[1] is None else weight[1] * groups
    if x[1] is not None and channels is not None and x[1] != channels:
        yield f"x has {x[1]} channels, the weight is for {channels}"
    if not is_transposed and not given.is_known("weight") and any(d > 1 for d in given.integers("dilations") or []):
        yield "a weight that is computed goes without dilations"


def _pad(given: Given) -> Iterator[str]:
    amounts = given.integers("pad")
    if amounts is None:
        return
    rank = given.rank("x")
    if len(amounts) % 2 or len(amounts) > 2 * rank or any(a < 0 for a in amounts):
        yield f"pad is {amounts} for a tensor of rank {rank}"
    elif given.word("mode") != "constant" and any(amounts[:-4]):
        yield f"pad is {amounts}: modes other than constant pad the last two axes only"


def _integer_product(given: Given) -> Iterator[str]:
    weight = "weight" if given.operator == "linear" else "y"
    if given.one["x"].type.kind == "i32" and any(given.one[n].constant is not None for n in ("x", weight)):
        yield "a product of integers with a constant fails to load"


def _linear(given: Given) -> Iterator[str]:
    inner, weight = given.dims("x")[-1:], given.dims("weight")
    if len(weight) != 2 or (inner and inner[0] is not None and inner[0] != weight[1]):
        yield f"the weight is {list(weight)} for x {list(given.dims('x'))}"


def _indices(given: Given) -> Iterator[str]:
    indices = given.array("indices")
    if given.opset >= 17 and indices is not None and indices.size and int(indices.min()) < 0:
        yield "an index is negative, which is out of bounds from iOS 17 on"


def _reshape(given: Given) -> Iterator[str]:
    shape = given.integers("shape")
    if shape is None:
        return
    if shape.count(-1) > 1 or any(d < -1 for d in shape):
        yield f"shape is {shape}"
    if len(shape) > 5:
        yield f"shape is {shape}, of more than 5 axes"


def _permutation(given: Given) -> Iterator[str]:
    order, rank = given.integers("perm") or [], given.rank("x")
    if sorted(axis % rank if rank else axis for axis in order) != list(range(rank)):
        yield f"perm is {order} for a tensor of rank {rank}"


def _slice(given: Given) -> Iterator[str]:
    rank = given.rank("x")
    for name in ("begin", "end", "size", "stride", "begin_mask", "end_mask", "squeeze_mask"):
        value = given.one.get(name)
        if value is not None and value.type.dims not in ((rank,), (None,)):
            yield f"{name} is {value.type}, not one number for each of {rank} axes"
    if 0 in (given.integers("stride") or []):
        yield "a stride is 0"


def _one_kind(given: Given) -> Iterator[str]:
    values = given.many["values"]
    if len({v.type.kind for v in values}) > 1:
        yield f"its values are of the types {', '.join(sorted({v.type.kind for v in values}))}"
    if len({len(v.type.dims) for v in values}) > 1:
        yield "its values are of several ranks"


def _same_branches(given: Given) -> Iterator[str]:
    kinds = {given.one[name].type.kind for name in ("a", "b")}
    if len(kinds) > 1:
        yield f"a and b are of the types {', '.join(sorted(kinds))}"


def _channel_parameters(given: Given) -> Iterator[str]:
    channels = given.dims("x")[1] if given.rank("x") > 1 else None
    for name in ("mean", "variance", "gamma", "beta", "alpha"):
        value = given.one.get(name)
        if value is not None and (len(value.type.dims) != 1 or channels not in (None, value.type.dims[0])):
            yield f"{name} is {value.type} for {channels} channels"


def _layer_norm(given: Given) -> Iterator[str]:
    rank, axes = given.rank("x"), given.integers("axes")
    if axes is None or any(not -rank <= axis < rank for axis in axes):
        return
    expected = tuple(given.dims("x")[axis % rank] for axis in sorted(axes, key=lambda a: a % rank))
    for name in ("gamma", "beta"):
        value = given.one.get(name)
        if value is not None and len(value.type.dims) != len(expected):
            yield f"{name} is {value.type}, x has {list(expected)} along the axes"


def _splits(given: Given) -> Iterator[str]:
    sizes, count = given.integers("split_sizes"), given.integers("num_splits")
    if sizes is None and count is None:
        yield "it has neither split_sizes nor num_splits"
    pieces = len(sizes) if sizes is not None else (count or [0])[0]
    if pieces != len(given.results):
        yield f"it splits into {pieces}, and has {len(given.results)} results"


def _declared_kind(given: Given) -> Iterator[str]:
    """The result of a cast is what its parameter says."""
    names = {"int8": "i8", "uint8": "u8", "int16": "i16", "uint16": "u16", "int32": "i32"}
    word = given.word("dtype") or ""
    if given.results and given.results[0].kind != names.get(word, word):
        yield f"its result is declared {given.results[0].kind}, cast to {word}"


_Rule = Callable[[Given], Iterator[str]]
_RULES: Mapping[str, tuple[_Rule, ...]] = {
    "cast": (_cast, _declared_kind),
    **dict.fromkeys(("avg_pool", "max_pool", "l2_pool"), (_windows, _ceiling)),
    **dict.fromkeys(("conv", "conv_transpose"), (_windows, _convolution)),
    "pad": (_pad,),
    "matmul": (_integer_product,),
    "linear": (_integer_product, _linear),
    **dict.fromkeys(("gather", "gather_along_axis", "gather_nd"), (_indices,)),
    **dict.fromkeys(("scatter", "scatter_along_axis", "scatter_nd"), (_indices,)),
    "reshape": (_reshape,),
    "transpose": (_permutation,),
    **dict.fromkeys(("slice_by_index", "slice_by_size", "slice_update"), (_slice,)),
    **dict.fromkeys(("concat", "stack"), (_one_kind,)),
    "select": (_same_branches,),
    **dict.fromkeys(("batch_norm", "instance_norm", "prelu"), (_channel_parameters,)),
    "layer_norm": (_layer_norm,),
    "split": (_splits,),
    **compression.RULES,
}
"""Operator -> what else is demanded of it."""
