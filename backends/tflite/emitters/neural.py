"""Matrix products, softmax, local response normalization, and channels to space and back."""

from ....ops import math, nn, tensor
from ....passes.patterns import is_known
from ....types import DType
from ...conditions import (
    has_channels_last,
    has_four_axes,
    is_along_last_axis,
    is_block_major,
    is_f32,
    takes,
    up_to_rank,
)
from ..graph import Graph, TfliteTable
from ..integer_kernels import (
    I8,
    LOG_UNIT_I8,
    UNIT_I8,
    giving,
    is_integer_product,
    is_storable_layer,
    with_one_scale,
)
from ..schema_enums import BuiltinOperator
from ..schema_options import (
    BatchMatMulOptions,
    DepthToSpaceOptions,
    FullyConnectedOptions,
    LocalResponseNormalizationOptions,
    LogSoftmaxOptions,
    SoftmaxOptions,
    SpaceToDepthOptions,
)
from .elementwise import ACTIVATIONS
from .weights import transposed, weight

TABLE = TfliteTable()

MAX_MATMUL_RANK = 5
MAX_XNNPACK_RANK = 6
"""Of more axes XNNPACK takes these ops and then fails, and the whole model with it."""

_MOVABLE = takes(DType.F32, DType.I8, DType.U8, DType.I32, DType.I64)


def has_constant_weight(op: nn.Linear) -> bool:
    """a constant weight"""
    # The kernel takes others too, but XNNPACK does not; it multiplies two computed matrices.
    return is_known(op.weight)


@TABLE.emits(nn.Linear, when=(is_f32, has_constant_weight, up_to_rank(MAX_XNNPACK_RANK)), stored=is_storable_layer)
def fully_connected(op: nn.Linear, graph: Graph) -> None:
    options = FullyConnectedOptions(
        fused_activation_function=ACTIVATIONS[op.activation],
        keep_num_dims=op.x.type.rank != 2,
        asymmetric_quantize_inputs=op.x.type.quantization is None and op.weight.type.quantization is not None,
    )
    graph.add(BuiltinOperator.FULLY_CONNECTED, [op.x, weight(op.weight, graph), op.bias], [op.result], options)


def multiplies_by_constant(op: math.MatMul) -> bool:
    """a constant matrix on the right"""
    return is_known(op.y) and op.y.type.rank == 2 and not op.transpose_x


def has_few_batch_axes(op: math.MatMul) -> bool:
    """at most three batch axes"""
    return max(op.x.type.rank, op.y.type.rank) <= MAX_MATMUL_RANK


@TABLE.emits(math.MatMul, when=(is_f32, multiplies_by_constant, up_to_rank(MAX_XNNPACK_RANK)))
def constant_mat_mul(op: math.MatMul, graph: Graph) -> None:
    matrix = transposed(op.y, (0, 1) if op.transpose_y else (1, 0), graph)
    options = FullyConnectedOptions(keep_num_dims=op.x.type.rank != 2)
    graph.add(BuiltinOperator.FULLY_CONNECTED, [op.x, matrix, None], [op.result], options)


@TABLE.emits(math.MatMul, when=(is_f32, has_few_batch_axes), stored=is_integer_product)
def batch_matmul(op: math.MatMul, graph: Graph) -> None:
    options = BatchMatMulOptions(adj_x=op.transpose_x, adj_y=op.transpose_y)
    graph.add(BuiltinOperator.BATCH_MATMUL, [op.x, op.y], [op.result], options)


@TABLE.emits(nn.Softmax, when=(is_f32, is_along_last_axis, up_to_rank(MAX_XNNPACK_RANK)), stored=giving(UNIT_I8))
def softmax(op: nn.Softmax, graph: Graph) -> None:
    graph.add(BuiltinOperator.SOFTMAX, [op.x], [op.result], SoftmaxOptions(beta=1.0))


@TABLE.emits(nn.LogSoftmax, when=(is_f32, is_along_last_axis), stored=giving(LOG_UNIT_I8))
def log_softmax(op: nn.LogSoftmax, graph: Graph) -> None:
    graph.add(BuiltinOperator.LOG_SOFTMAX, [op.x], [op.result], LogSoftmaxOptions())


@TABLE.emits(tensor.DepthToSpace, when=(has_channels_last, is_block_major, _MOVABLE), stored=with_one_scale(I8))
def depth_to_space(op: tensor.DepthToSpace, graph: Graph) -> None:
    graph.add(BuiltinOperator.DEPTH_TO_SPACE, [op.x], [op.result], DepthToSpaceOptions(block_size=op.block))


@TABLE.emits(tensor.SpaceToDepth, when=(has_channels_last, _MOVABLE), stored=with_one_scale(I8))
def space_to_depth(op: tensor.SpaceToDepth, graph: Graph) -> None:
    graph.add(BuiltinOperator.SPACE_TO_DEPTH, [op.x], [op.result], SpaceToDepthOptions(block_size=op.block))


def is_centred(op: nn.LocalResponseNorm) -> bool:
    """an odd number of channels to sum over"""
    return op.size % 2 == 1


@TABLE.emits(nn.LocalResponseNorm, when=(has_channels_last, is_f32, has_four_axes, is_centred))
def local_response_normalization(op: nn.LocalResponseNorm, graph: Graph) -> None:
    options = LocalResponseNormalizationOptions(
        radius=op.size // 2, bias=op.bias, alpha=op.alpha / op.size, beta=op.beta
    )
    graph.add(BuiltinOperator.LOCAL_RESPONSE_NORMALIZATION, [op.x], [op.result], options)
