"""``nn.*``: the layers of networks."""

from .activation import (
    Celu,
    Elu,
    FloatActivation,
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    LogSoftmax,
    Mish,
    PRelu,
    Relu,
    Relu6,
    Selu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Softsign,
)
from .convolution import Conv, Convolution, ConvTranspose, Linear
from .normalization import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
    Normalization,
    RmsNorm,
)
from .pooling import AveragePool, MaxPool, Pool
from .resize import Resize

__all__ = [name for name in dir() if not name.startswith("_")]
