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
from .attention import Attention
from .convolution import Conv, Convolution, ConvTranspose, Linear
from .detection import NonMaxSuppression
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
from .recurrent import Gru, Lstm, Recurrent, Rnn
from .resize import Resize
from .rotary import RotaryEmbedding
from .sampling import GridSample

__all__ = [
    "Attention",
    "AveragePool",
    "BatchNorm",
    "Celu",
    "Conv",
    "ConvTranspose",
    "Convolution",
    "Elu",
    "FloatActivation",
    "Gelu",
    "GridSample",
    "GroupNorm",
    "Gru",
    "HardSigmoid",
    "HardSwish",
    "InstanceNorm",
    "LayerNorm",
    "LeakyRelu",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "Lstm",
    "MaxPool",
    "Mish",
    "NonMaxSuppression",
    "Normalization",
    "PRelu",
    "Pool",
    "Recurrent",
    "Relu",
    "Relu6",
    "Resize",
    "RmsNorm",
    "Rnn",
    "RotaryEmbedding",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Softplus",
    "Softsign",
]
