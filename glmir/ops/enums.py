"""The enumerations that op attributes use; each value is its name in the text."""

import enum


class Layout(enum.Enum):
    """Where the channel axis of a spatial op's data stands: ``nchw`` is [N, C, *spatial], ``nhwc`` [N, *spatial, C]."""

    NCHW = "nchw"
    NHWC = "nhwc"

    def channel_axis(self, rank: int) -> int:
        return 1 if self is Layout.NCHW else rank - 1

    def spatial_axes(self, rank: int) -> tuple[int, ...]:
        return tuple(range(2, rank)) if self is Layout.NCHW else tuple(range(1, rank - 1))


class Activation(enum.Enum):
    """An activation that is applied to an op's result as part of the op."""

    NONE = "none"
    RELU = "relu"
    RELU6 = "relu6"


class PadMode(enum.Enum):
    """What padded elements are: a constant, a mirror image without its edge, the edge, the other side (ONNX Pad)."""

    CONSTANT = "constant"
    REFLECT = "reflect"
    EDGE = "edge"
    WRAP = "wrap"


class ScatterReduction(enum.Enum):
    """How an update meets the element it is scattered to."""

    NONE = "none"
    ADD = "add"
    MUL = "mul"
    MIN = "min"
    MAX = "max"


class ChannelOrder(enum.Enum):
    """How depth-to-space reads channels: ``dcr`` as [block, block, C], ``crd`` (pixel shuffle) as [C, block, block]."""

    DCR = "dcr"
    CRD = "crd"


class GeluForm(enum.Enum):
    """The exact GELU with erf, or its tanh approximation."""

    ERF = "erf"
    TANH = "tanh"


class ResizeMode(enum.Enum):
    """The interpolation kernel."""

    NEAREST = "nearest"
    LINEAR = "linear"
    CUBIC = "cubic"


class CoordinateTransform(enum.Enum):
    """How an output coordinate maps to an input coordinate (ONNX Resize)."""

    HALF_PIXEL = "half_pixel"
    HALF_PIXEL_SYMMETRIC = "half_pixel_symmetric"
    PYTORCH_HALF_PIXEL = "pytorch_half_pixel"
    ALIGN_CORNERS = "align_corners"
    ASYMMETRIC = "asymmetric"
    TF_HALF_PIXEL_FOR_NN = "tf_half_pixel_for_nn"
    TF_CROP_AND_RESIZE = "tf_crop_and_resize"


class NearestRounding(enum.Enum):
    """How a nearest-neighbour coordinate is rounded (ONNX Resize)."""

    ROUND_PREFER_FLOOR = "round_prefer_floor"
    ROUND_PREFER_CEIL = "round_prefer_ceil"
    FLOOR = "floor"
    CEIL = "ceil"


class SamplePadding(enum.Enum):
    """What stands outside an image that is sampled: zeros, its border, or the image mirrored (ONNX GridSample)."""

    ZEROS = "zeros"
    BORDER = "border"
    REFLECTION = "reflection"


class Direction(enum.Enum):
    """In which direction a recurrent layer reads the time axis; ``bidirectional`` is both, side by side."""

    FORWARD = "forward"
    REVERSE = "reverse"
    BIDIRECTIONAL = "bidirectional"

    @property
    def count(self) -> int:
        return 2 if self is Direction.BIDIRECTIONAL else 1


class RecurrentActivation(enum.Enum):
    """An activation inside a recurrent layer (ONNX RNN); some take ``alpha``, some ``beta`` too."""

    SIGMOID = "sigmoid"
    TANH = "tanh"
    RELU = "relu"
    AFFINE = "affine"
    LEAKY_RELU = "leaky_relu"
    THRESHOLDED_RELU = "thresholded_relu"
    SCALED_TANH = "scaled_tanh"
    HARD_SIGMOID = "hard_sigmoid"
    ELU = "elu"
    SOFTSIGN = "softsign"
    SOFTPLUS = "softplus"
