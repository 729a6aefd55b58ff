"""The enumerations of the MNN schema that our tables use, with the members and numbers of MNN 3.6.1."""

from enum import IntEnum


class OpType(IntEnum):
    ABS_VAL = 0
    QUANTIZED_ADD = 1
    ARG_MAX = 2
    AS_STRING = 3
    INSTANCE_NORM = 4
    BATCH_TO_SPACE_ND = 5
    COPY = 6
    BINARY_OP = 7
    BNLL = 8
    CAST = 9
    CONCAT = 10
    CONST = 11
    CONVOLUTION = 12
    CONVOLUTION_DEPTHWISE = 13
    CROP = 14
    CROP_AND_RESIZE = 15
    IMAGE_PROCESS = 16
    DECONVOLUTION = 17
    DECONVOLUTION_DEPTHWISE = 18
    DEQUANTIZE = 19
    DETECTION_OUTPUT = 20
    DROPOUT = 21
    ELTWISE = 22
    ELU = 23
    UNIQUE = 24
    EXP = 25
    EXPAND_DIMS = 26
    FILL = 27
    FLATTEN = 28
    IM_2_COL = 29
    GATHER = 30
    GATHER_V2 = 31
    IM_2_SEQ = 32
    INNER_PRODUCT = 33
    INPUT = 34
    INTERP = 35
    LOG = 36
    LRN = 37
    LSTM = 38
    MAT_MUL = 39
    MOE = 40
    NON_MAX_SUPPRESSION = 41
    NON_MAX_SUPPRESSION_V2 = 42
    NORMALIZE = 43
    PACK = 44
    PADDING = 45
    PERMUTE = 46
    POOLING = 47
    POWER = 48
    PRELU = 49
    PRIOR_BOX = 50
    PROPOSAL = 51
    QUANTIZED_AVG_POOL = 52
    QUANTIZED_BIAS_ADD = 53
    QUANTIZED_CONCAT = 54
    QUANTIZED_DEPTHWISE_CONV_2D = 55
    QUANTIZED_LOGISTIC = 56
    RASTER_AND_INTERPOLATE = 57
    QUANTIZED_MAX_POOL = 58
    TEXTURE = 59
    RASTER_DIFF = 60
    QUANTIZED_RESHAPE = 61
    QUANTIZED_SOFTMAX = 62
    QUANTIZE_MAX_MIN = 63
    QUANTIZE_V2 = 64
    RANGE = 65
    RANK = 66
    REDUCE_JOIN = 67
    REDUCTION = 68
    RELU = 69
    RELU6 = 70
    REQUANTIZATION_RANGE = 71
    REQUANTIZE = 72
    RESHAPE = 73
    RESIZE = 74
    RNN = 75
    ROI_POOLING = 76
    SCALE = 77
    SELU = 78
    SEQ_2_OUT = 79
    SHAPE = 80
    SIGMOID = 81
    SIZE = 82
    SLICE = 83
    SLICE_TF = 84
    SOFTMAX = 85
    SPACE_TO_BATCH_ND = 86
    SPATIAL_PRODUCT = 87
    COL_2_IM = 88
    SEGMENT = 89
    SQUEEZE = 90
    STRIDED_SLICE = 91
    CAST_LIKE = 92
    STRING_SPLIT = 93
    STRING_TO_NUMBER = 94
    TANH = 95
    TF_QUANTIZED_CONV_2D = 96
    THRESHOLD = 97
    TILE = 98
    TOP_K_V2 = 99
    TRANSPOSE = 100
    UNARY_OP = 101
    UNPACK = 102
    WHERE = 103
    MOMENTS = 104
    RNN_SEQUENCE_GRU = 105
    BATCH_MAT_MUL = 106
    UNSQUEEZE = 107
    COSINE_SIMILARITY = 108
    DEPTH_TO_SPACE = 109
    SPACE_TO_DEPTH = 110
    REVERSE_SEQUENCE = 111
    POOLING_3D = 112
    CONVOLUTION_3D = 113
    MATRIX_BAND_PART = 114
    GATHER_ND = 115
    DETECTION_POST_PROCESS = 116
    UNRAVEL_INDEX = 117
    SCATTER_ND = 118
    ONE_HOT = 119
    BROADCAST_TO = 120
    DILATION_2D = 121
    INTERP_3D = 122
    RASTER = 128
    CONVERT_TENSOR = 129
    ARG_MIN = 130
    LIN_SPACE = 131
    RANDOM_UNIFORM = 132
    TENSOR_ARRAY = 133
    TENSOR_ARRAY_SIZE = 134
    TENSOR_ARRAY_READ = 135
    TENSOR_ARRAY_WRITE = 136
    TENSOR_ARRAY_GATHER = 137
    TENSOR_ARRAY_SCATTER = 138
    TENSOR_ARRAY_SPLIT = 139
    TENSOR_ARRAY_CONCAT = 140
    LSTM_BLOCK_CELL = 141
    REVERSE = 142
    ROI_ALIGN = 143
    RANDOM_NORMAL = 144
    TENSOR_ARRAY_INSERT = 145
    TENSOR_ARRAY_ERASE = 146
    EYE_LIKE = 147
    CUM_SUM = 148
    DET = 149
    CUM_PROD = 150
    SCATTER_ELEMENTS = 151
    GATHER_ELEMENTS = 152
    SVD = 153
    HISTOGRAM = 154
    DYNAMIC_QUANT = 155
    STFT = 156
    PLUGIN = 256
    SELECT = 257
    ZEROS_LIKE = 258
    BROASTCAST = 259
    SET_DIFF_1D = 260
    RELU_GRAD = 261
    IDENTITY = 262
    POOL_GRAD = 263
    SOFTMAX_GRAD = 264
    CONV_2D_BACK_PROP_FILTER = 265
    TRAINABLE_PARAM = 266
    BATCH_NORM = 267
    CONV_TRANSPOSE_3D = 268
    ZERO_GRAD = 269
    ATTENTION = 299
    FMHA_V2 = 300
    FMHCA = 301
    SEQ_LEN_2_SPATIAL = 302
    SPLIT_GELU = 303
    GROUP_NORM = 304
    LINEAR_ATTENTION = 305
    ROPE = 306
    EXTRA = 512
    CONV_INT8 = 513
    INT8_TO_FLOAT = 514
    DEPTHWISE_CONV_INT8 = 515
    FLOAT_TO_INT8 = 517
    ELTWISE_INT8 = 518
    WHILE = 600
    IF = 601
    LAYER_NORM = 603
    GRID_SAMPLE = 604


class DataType(IntEnum):
    INVALID = 0
    FLOAT = 1
    DOUBLE = 2
    INT32 = 3
    UINT8 = 4
    INT16 = 5
    INT8 = 6
    STRING = 7
    COMPLEX64 = 8
    INT64 = 9
    BOOL = 10
    QINT8 = 11
    QUINT8 = 12
    QINT32 = 13
    BFLOAT16 = 14
    QINT16 = 15
    QUINT16 = 16
    UINT16 = 17
    COMPLEX128 = 18
    HALF = 19
    RESOURCE = 20
    VARIANT = 21


class DataFormat(IntEnum):
    NCHW = 0
    NHWC = 1
    NC4HW4 = 2
    NHWC4 = 3
    UNKNOWN = 4


class NetSource(IntEnum):
    CAFFE = 0
    TENSORFLOW = 1
    TFLITE = 2
    ONNX = 3
    TORCH = 4


class ForwardType(IntEnum):
    CPU = 0
    METAL = 1
    CUDA = 2
    OPENCL = 3
    AUTO = 4
    NNAPI = 5
    OPENGLES = 6
    VULKAN = 7


class Usage(IntEnum):
    INFERENCE = 0
    TRAIN = 1
    INFERENCE_STATIC = 2


class PadMode(IntEnum):
    CAFFE = 0
    VALID = 1
    SAME = 2


class PoolType(IntEnum):
    MAXPOOL = 0
    AVEPOOL = 1


class PoolPadType(IntEnum):
    CAFFE = 0
    VALID = 1
    SAME = 2


class AvgPoolCountType(IntEnum):
    DEFAULT = 0
    INCLUDE_PADDING = 1
    EXCLUDE_PADDING = 2


class SparseAlgo(IntEnum):
    RANDOM = 0
    SIMD_OC = 1


class ScaleStorageType(IntEnum):
    FP32 = 0
    FP16 = 1


class QuantizeAlgo(IntEnum):
    DEFAULT = 0
    OVERFLOW_AWARE = 1
    WINOGRAD_AWARE = 2


class CoordinateTransformationMode(IntEnum):
    NOT_SET = 0
    ALIGN_CORNERS = 1
    HALF_PIXELS = 2
    PYTORCH_HALF_PIXELS = 3
    ASYMMETRIC = 4
    TENSORFLOW_HALF_PIXELS = 5
    TENSORFLOW_CROP_AND_RESIZE = 6


class BinaryOperation(IntEnum):
    ADD = 0
    SUB = 1
    MUL = 2
    DIV = 3
    MAX_TEMP = 4
    MIN_TEMP = 5
    POW = 6
    REALDIV = 7
    MINIMUM = 8
    MAXIMUM = 9
    GREATER = 10
    GREATER_EQUAL = 11
    LESS = 12
    FLOORDIV = 13
    SQUARED_DIFFERENCE = 14
    EQUAL = 15
    LESS_EQUAL = 16
    FLOORMOD = 17
    MOD = 19
    ATAN2 = 20
    LOGICALOR = 21
    NOTEQUAL = 22
    BITWISE_AND = 23
    BITWISE_OR = 24
    BITWISE_XOR = 25
    LOGICALXOR = 26
    LEFTSHIFT = 27
    RIGHTSHIFT = 28
    MUL_SILU = 29


class UnaryOperation(IntEnum):
    ABS = 0
    NEG = 1
    FLOOR = 2
    CEIL = 3
    SQUARE = 4
    SQRT = 5
    RSQRT = 6
    EXP = 7
    LOG = 8
    SIN = 9
    COS = 10
    TAN = 11
    ASIN = 12
    ACOS = 13
    ATAN = 14
    RECIPROCAL = 15
    LOG1P = 16
    BNLL = 17
    ACOSH = 18
    SINH = 19
    ASINH = 20
    ATANH = 21
    SIGN = 22
    ROUND = 23
    COSH = 24
    ERF = 25
    ERFC = 26
    ERFINV = 27
    EXPM1 = 28
    SIGMOID = 29
    TANH = 30
    HARDSWISH = 31
    GELU = 32
    GELU_STANDARD = 33
    SILU = 34


class ReductionType(IntEnum):
    SUM = 0
    ASUM = 1
    SUMSQ = 2
    MEAN = 3
    MAXIMUM = 4
    MINIMUM = 5
    PROD = 6
    ANY = 7
    ALL = 8


class SampleMode(IntEnum):
    BILINEAR = 0
    NEAREST = 1


class BorderMode(IntEnum):
    ZEROS = 0
    CLAMP = 1
    REFLECTION = 2


class PadValueMode(IntEnum):
    CONSTANT = 0
    REFLECT = 1
    SYMMETRIC = 2
    EDGE = 3
