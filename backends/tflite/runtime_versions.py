"""The release of the runtime that a model needs: the first that has every operator in its version.

The releases are what the runtime's own table says (`tools/versioning/runtime_version.cc` of LiteRT). They are releases
of TensorFlow; LiteRT, which counts its own from 1.0 again, is newer than most of them.
"""

from collections.abc import Iterable, Mapping

from .schema_enums import BuiltinOperator as Op

SEPARATE_WEIGHTS_RELEASE = "2.14.0"
"""The first release that finds weights behind the FlatBuffer: the schema of 2.13 has no `Buffer.offset`.

The runtime's own table is of operators only and does not ask for it.
"""


def min_runtime_version(codes: Iterable[tuple[Op, int]]) -> str:
    """The newest of the releases that first ran each of these operators in its version: "2.9.0".

    As the converter of the runtime's makers does, it passes over operators and versions that the table does not know;
    when it knows none of them, or there are none, the answer is "".
    """
    return newest_release(first_release(operator, version) for operator, version in codes)


def first_release(operator: Op, version: int) -> str:
    """The first release that runs an operator in a version, "" if the table does not know it."""
    releases = FIRST_RELEASES.get(operator, "").split()
    known = 1 <= version <= len(releases) and releases[version - 1] != "-"
    return releases[version - 1] if known else ""


def newest_release(releases: Iterable[str]) -> str:
    """The largest by its numbers, of which "" has none: "2.10.0" is newer than "2.9.0"."""
    return max(releases, key=_numbers, default="")


def _numbers(release: str) -> list[int]:
    return [int(number) for number in release.split(".") if number]


FIRST_RELEASES: Mapping[Op, str] = {
    Op.ABS: "1.13.0 2.4.0 2.5.0 2.6.0 2.12.0",
    Op.ADD: "1.5.0 1.14.0 2.4.0 2.6.0 2.13.0 2.23.0",
    Op.ADD_N: "1.14.0",
    Op.ARG_MAX: "1.9.0 1.14.0 2.9.0",
    Op.ARG_MIN: "1.9.0 1.14.0 2.9.0",
    Op.ASSIGN_VARIABLE: "2.6.0",
    Op.ATAN2: "2.10.0",
    Op.AVERAGE_POOL_2D: "1.5.0 1.14.0 2.3.0",
    Op.BATCH_MATMUL: "2.3.0 2.3.0 2.4.0 2.5.0",
    Op.BATCH_TO_SPACE_ND: "1.6.0 1.14.0 2.3.0 2.12.0",
    Op.BIDIRECTIONAL_SEQUENCE_LSTM: "1.14.0 1.14.0 1.14.0",
    Op.BIDIRECTIONAL_SEQUENCE_RNN: "1.14.0 1.14.0 2.3.0",
    Op.BITCAST: "2.13.0",
    Op.BITWISE_XOR: "2.13.0",
    Op.BROADCAST_ARGS: "2.6.0",
    Op.BROADCAST_TO: "- 2.5.0 2.5.0 2.23.0",  # 1 was withdrawn
    Op.BUCKETIZE: "2.8.0",
    Op.CALL_ONCE: "2.5.0",
    Op.CAST: "1.5.0 2.7.0 2.8.0 2.9.0 2.12.0 2.15.0 2.17.0 2.21.0 2.23.0",
    Op.CEIL: "1.14.0",
    Op.COMPLEX_ABS: "2.5.0",
    Op.CONCATENATION: "1.5.0 1.14.0 2.3.0 2.14.0 2.21.0 2.23.0 2.23.0",
    Op.CONV_2D: "1.5.0 1.14.0 1.14.0 2.3.0 2.4.0 2.9.0 2.11.0 2.15.0",
    Op.CONV_3D: "2.5.0",
    Op.CONV_3D_TRANSPOSE: "2.6.0",
    Op.COS: "1.14.0 2.23.0",
    Op.CUMSUM: "2.4.0",
    Op.DENSIFY: "2.2.0",
    Op.DEPTHWISE_CONV_2D: "1.5.0 1.12.0 1.14.0 2.2.0 2.3.0 2.3.0 2.11.0",
    Op.DEPTH_TO_SPACE: "2.1.0 2.5.0",
    Op.DEQUANTIZE: "1.13.1 1.14.0 1.15.0 2.2.0 2.7.0 2.18.0 2.21.0 2.22.0 2.23.0",
    Op.DILATE: "2.15.0",
    Op.DIV: "1.6.0 2.3.0",
    Op.DYNAMIC_UPDATE_SLICE: "2.9.0 2.17.0 2.19.0 2.20.0 2.21.0 2.22.0",
    Op.ELU: "1.14.0",
    Op.EMBEDDING_LOOKUP: "1.13.0 1.14.0 1.14.0 2.18.0 2.21.0",
    Op.EMBEDDING_LOOKUP_SPARSE: "1.5.0",
    Op.EQUAL: "1.14.0 1.14.0 2.3.0 2.13.0 2.21.0",
    Op.EXP: "1.7.0 2.12.0",
    Op.EXPAND_DIMS: "1.10.0",
    Op.FAKE_QUANT: "1.5.0 1.10.0",
    Op.FILL: "1.13.0 2.3.0 2.5.0 2.12.0 2.23.0",
    Op.FLOOR: "1.9.0",
    Op.FLOOR_DIV: "1.14.0 1.14.0 2.13.0",
    Op.FLOOR_MOD: "1.13.0 2.13.0",
    Op.FULLY_CONNECTED: "1.5.0 1.10.0 1.14.0 1.14.0 2.0.0 2.1.0 2.3.0 2.3.0 2.3.0 2.11.0 2.15.0 2.17.0 2.18.0 2.21.0",
    Op.GATHER: "1.6.0 1.14.0 1.15.0 2.4.0 2.5.0 2.13.0 2.15.0 2.23.0",
    Op.GATHER_ND: "1.14.0 2.3.0 2.5.0 2.13.0 2.16.0 2.23.0",
    Op.GELU: "2.9.0 2.9.0 2.23.0",
    Op.GREATER: "1.14.0 1.14.0",
    Op.GREATER_EQUAL: "1.14.0 1.14.0 2.13.0",
    Op.HARD_SWISH: "1.15.0",
    Op.HASHTABLE: "2.5.0",
    Op.HASHTABLE_FIND: "2.5.0",
    Op.HASHTABLE_IMPORT: "2.5.0",
    Op.HASHTABLE_LOOKUP: "1.5.0",
    Op.HASHTABLE_SIZE: "2.5.0",
    Op.IF: "1.15.0",
    Op.IMAG: "2.5.0",
    Op.L2_NORMALIZATION: "1.5.0 1.14.0",
    Op.L2_POOL_2D: "1.5.0",
    Op.LEAKY_RELU: "1.13.1 2.3.0",
    Op.LESS: "1.14.0 1.14.0 2.13.0",
    Op.LESS_EQUAL: "1.14.0 1.14.0",
    Op.LOCAL_RESPONSE_NORMALIZATION: "1.5.0",
    Op.LOG: "1.14.0 2.15.0",
    Op.LOGICAL_AND: "1.11.0",
    Op.LOGICAL_NOT: "1.11.0",
    Op.LOGICAL_OR: "1.11.0",
    Op.LOGISTIC: "1.14.0 1.14.0 2.3.0",
    Op.LOG_SOFTMAX: "1.14.0 1.14.0",
    Op.LSH_PROJECTION: "1.5.0",
    Op.LSTM: "1.7.0 1.10.0 1.14.0 2.3.0",
    Op.MATRIX_DIAG: "1.14.0",
    Op.MATRIX_SET_DIAG: "1.14.0",
    Op.MAXIMUM: "1.14.0 1.14.0 2.3.0 2.3.0",
    Op.MAX_POOL_2D: "1.5.0 1.14.0 2.3.0",
    Op.MEAN: "1.6.0 1.14.0 2.4.0",
    Op.MINIMUM: "1.14.0 1.14.0 2.3.0 2.3.0",
    Op.MIRROR_PAD: "1.13.1 2.3.0 2.12.0",
    Op.MUL: "1.5.0 1.14.0 1.15.0 2.3.0 2.6.0 2.11.0 2.13.0 2.23.0",
    Op.MULTINOMIAL: "2.8.0",
    Op.NEG: "1.9.0",
    Op.NON_MAX_SUPPRESSION_V4: "2.1.0",
    Op.NON_MAX_SUPPRESSION_V5: "2.1.0",
    Op.NOT_EQUAL: "1.14.0 1.14.0 2.3.0 2.21.0",
    Op.ONE_HOT: "1.11.0",
    Op.PACK: "1.11.0 1.14.0 2.3.0 2.13.0 2.23.0",
    Op.PAD: "1.5.0 1.14.0 2.4.0 2.6.0 2.20.0 2.23.0",
    Op.PADV2: "1.9.0 1.14.0 2.4.0 2.6.0 2.20.0 2.23.0",
    Op.POW: "1.10.0",
    Op.PRELU: "1.8.0",
    Op.QUANTIZE: "1.14.0 1.15.0 2.7.0 2.21.0 2.21.0 2.21.0",
    Op.RANDOM_STANDARD_NORMAL: "2.8.0",
    Op.RANDOM_UNIFORM: "2.8.0",
    Op.RANGE: "1.13.0 2.14.0",
    Op.RANK: "1.14.0",
    Op.READ_VARIABLE: "2.6.0",
    Op.REAL: "2.5.0",
    Op.REDUCE_ALL: "2.6.0",
    Op.REDUCE_ANY: "1.11.0",
    Op.REDUCE_MAX: "1.11.0 1.14.0 2.5.0",
    Op.REDUCE_MIN: "1.11.0 1.14.0 2.5.0",
    Op.REDUCE_PROD: "1.11.0 2.6.0",
    Op.REDUCE_WINDOW: "2.15.0",
    Op.RELU: "1.5.0 2.1.0 2.5.0",
    Op.RELU6: "1.5.0 1.14.0 2.5.0",
    Op.RELU_0_TO_1: "2.10.0",
    Op.RELU_N1_TO_1: "1.5.0",
    Op.RESHAPE: "1.5.0",
    Op.RESIZE_BILINEAR: "1.7.0 1.14.0 2.2.0 2.5.0",
    Op.RESIZE_NEAREST_NEIGHBOR: "1.13.1 1.14.0 2.3.0 2.4.0",
    Op.REVERSE_SEQUENCE: "1.14.0",
    Op.REVERSE_V2: "1.14.0 2.2.0 2.5.0 2.23.0",
    Op.RFFT2D: "2.5.0",
    Op.RIGHT_SHIFT: "2.13.0",
    Op.RNN: "1.5.0 1.14.0 2.3.0",
    Op.ROUND: "1.14.0",
    Op.RSQRT: "1.10.0 2.5.0 2.15.0",
    Op.SCATTER_ND: "2.1.0",
    Op.SEGMENT_SUM: "2.2.0",
    Op.SELECT: "1.14.0 1.14.0 2.12.0 2.12.0",
    Op.SELECT_V2: "2.2.0 2.12.0",
    Op.SHAPE: "1.10.0",
    Op.SIGN: "2.11.0 2.12.0",
    Op.SIN: "1.9.0 2.23.0",
    Op.SKIP_GRAM: "1.5.0",
    Op.SLICE: "1.14.0 1.14.0 1.14.0 2.4.0 2.5.0 2.14.0 2.21.0 2.23.0",
    Op.SOFTMAX: "1.5.0 1.14.0 2.3.0 2.23.0",
    Op.SPACE_TO_BATCH_ND: "1.6.0 1.14.0 2.3.0 2.12.0",
    Op.SPACE_TO_DEPTH: "1.5.0 1.14.0",
    Op.SPARSE_TO_DENSE: "1.9.0 1.14.0 1.15.0",
    Op.SPLIT: "1.5.0 1.14.0 1.14.0 2.3.0 2.23.0",
    Op.SPLIT_V: "1.13.1 2.3.0 2.23.0",
    Op.SQRT: "1.10.0 2.21.0",
    Op.SQUARE: "1.12.0",
    Op.SQUARED_DIFFERENCE: "1.13.1 2.5.0",
    Op.SQUEEZE: "1.6.0 2.5.0",
    Op.STABLEHLO_ADD: "2.16.0",
    Op.STABLEHLO_AND: "2.17.0",
    Op.STABLEHLO_CASE: "2.17.0",
    Op.STABLEHLO_CBRT: "2.17.0",
    Op.STABLEHLO_COMPOSITE: "2.17.0",
    Op.STABLEHLO_GATHER: "2.16.0",
    Op.STABLEHLO_MAXIMUM: "2.16.0",
    Op.STABLEHLO_MINIMUM: "2.16.0",
    Op.STABLEHLO_MULTIPLY: "2.16.0",
    Op.STABLEHLO_PAD: "2.16.0",
    Op.STABLEHLO_REDUCE_WINDOW: "2.16.0",
    Op.STABLEHLO_RNG_BIT_GENERATOR: "2.15.0",
    Op.STABLEHLO_SCATTER: "2.15.0",
    Op.STABLEHLO_SHIFT_LEFT: "2.17.0",
    Op.STRIDED_SLICE: "1.6.0 1.14.0 2.1.0 2.2.0 2.5.0 2.6.0 2.14.0 2.14.0",
    Op.SUB: "1.6.0 1.14.0 2.3.0 2.4.0 2.4.0",
    Op.SUM: "1.10.0 1.15.0",
    Op.SVDF: "1.5.0 1.14.0 2.2.0 2.3.0",
    Op.TANH: "1.14.0 1.14.0 2.3.0",
    Op.TILE: "1.10.1 2.2.0 2.8.0",
    Op.TOPK_V2: "1.7.0 1.14.0 2.13.0",
    Op.TRANSPOSE: "1.6.0 1.14.0 1.15.0 2.3.0 2.4.0 2.12.0 2.14.4 2.22.0 2.23.0",
    Op.TRANSPOSE_CONV: "1.9.0 2.2.0 2.3.0 2.13.0 2.15.0",
    Op.UNIDIRECTIONAL_SEQUENCE_LSTM: "1.13.1 1.14.0 2.3.0 2.12.0",
    Op.UNIDIRECTIONAL_SEQUENCE_RNN: "1.14.0 1.14.0 2.3.0",
    Op.UNIQUE: "1.14.0",
    Op.UNPACK: "1.11.0 1.14.0 2.2.0 2.3.0 2.22.0 2.23.0",
    Op.UNSORTED_SEGMENT_MAX: "2.10.0",
    Op.UNSORTED_SEGMENT_MIN: "2.11.0",
    Op.UNSORTED_SEGMENT_PROD: "2.10.0",
    Op.UNSORTED_SEGMENT_SUM: "2.10.0",
    Op.VAR_HANDLE: "2.6.0",
    Op.WHERE: "1.14.0 2.8.0",
    Op.WHILE: "1.15.0",
    Op.ZEROS_LIKE: "1.12.0",
}
"""The first release of each version of an operator, from version 1 up; "-" where the source has none."""
