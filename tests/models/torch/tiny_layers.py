"""Tiny modules with state, recurrent layers, unusual weights and quantized weights; annotations are real types."""

import warnings

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.ao import quantization

from .zoo import COMMON, CORE, FROZEN, LITE, SCRIPTED, TRACED, Call, Case, integers, noise

SCRIPTS = (SCRIPTED, TRACED)


class Counter(nn.Module):
    """A running mean kept in buffers, changed in place and by assignment, and an integer attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros([], dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(4))
        self.calls = 0

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.seen += x.shape[0]
        self.mean = self.mean * 0.9 + x.mean(0) * 0.1
        self.calls += 1
        return (x - self.mean) * self.calls, self.seen.clone()


class StreamingConv(nn.Module):
    """A causal convolution that keeps the last frames of the call before."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 3, dilation=2)
        self.register_buffer("past", torch.zeros(1, 4, 4))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.past, x], dim=2)
        self.past.copy_(x[:, :, -4:])
        return F.elu(self.conv(x))


class CacheStep(nn.Module):
    """One attention step that writes keys and values into caches at a position kept in the module."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)
        self.register_buffer("keys", torch.zeros(1, 5, 8))
        self.register_buffer("values", torch.zeros(1, 5, 8))
        self.register_buffer("position", torch.zeros(1, dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).split(8, dim=-1)
        self.keys.index_copy_(1, self.position, k)
        self.values[:, self.position] = v
        visible = torch.arange(5) <= self.position
        self.position += 1
        scores = (q @ self.keys.transpose(1, 2) / 8**0.5).masked_fill(~visible, float("-inf"))
        return scores.softmax(-1) @ self.values


class Recurrent(nn.Module):
    """A hidden state that is None before the first call, and a list of what was seen."""

    hidden: Tensor | None
    history: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(3, 4)
        self.hidden = None
        self.history = [torch.zeros(1, 4)]
        self.first = True

    def forward(self, x: Tensor, reset: bool = False) -> Tensor:
        if reset or self.hidden is None:
            self.hidden = torch.zeros(x.size(0), 4)
        hidden = self.cell(x, self.hidden)
        self.hidden = hidden
        if self.first:
            self.first = False
            hidden = hidden + 1
        self.history[0] = hidden
        return torch.cat([self.history[0], hidden])


class Cells(nn.Module):
    """The three recurrent cells in a loop over time."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.gru, self.rnn = nn.LSTMCell(3, 4), nn.GRUCell(4, 4), nn.RNNCell(4, 5, nonlinearity="relu")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h, c = torch.zeros(x.size(1), 4), torch.zeros(x.size(1), 4)
        g, r = torch.zeros(x.size(1), 4), torch.zeros(x.size(1), 5)
        outputs: list[Tensor] = []
        for t in range(x.size(0)):
            h, c = self.lstm(x[t], (h, c))
            g = self.gru(h, g)
            r = self.rnn(g, r)
            outputs.append(r)
        return torch.stack(outputs), c


class Lstm(nn.Module):
    """Two bidirectional layers, batch first, and the last states."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, (h, _) = self.lstm(x)
        return self.head(y[:, -1]), h


class LstmProjected(nn.Module):
    """An LSTM with projections and no biases."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 6, proj_size=2, bias=False)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, (h, c) = self.lstm(x, (h, c))
        return y, h, c


class Gru(nn.Module):
    """Time first, states in and out, and a plain RNN on top."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 4, num_layers=2)
        self.rnn = nn.RNN(4, 3, nonlinearity="tanh", bidirectional=True)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, h = self.gru(x, h)
        z, last = self.rnn(y)
        return z, h, last


class Packed(nn.Module):
    """An LSTM over packed sequences of given lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=True)
        y, (h, _) = self.lstm(packed)
        padded, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
        return padded, h


class Attention(nn.Module):
    """Multi-head attention with both masks, and an encoder layer."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True, kdim=6, vdim=6)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=True)

    def forward(self, x: Tensor, memory: Tensor, padding: Tensor) -> tuple[Tensor, Tensor | None]:
        causal = torch.full([x.size(1), memory.size(1)], float("-inf")).triu(1)
        additive = torch.zeros(padding.shape).masked_fill(padding, float("-inf"))
        y, weights = self.attention(x, memory, memory, key_padding_mask=additive, attn_mask=causal)
        return self.layer(y), weights


class Tied(nn.Module):
    """An embedding whose table is the output layer's too."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6, padding_idx=0)
        self.bag = nn.EmbeddingBag(11, 6, mode="mean")
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(F.gelu(self.embedding(ids) + self.bag(ids)[:, None]))


class Views(nn.Module):
    """Weights that are strided, offset views of one storage."""

    def __init__(self) -> None:
        super().__init__()
        base = torch.randn(6, 10)
        self.left = nn.Parameter(base[:, 1:5])
        self.turned = nn.Parameter(base.t()[5:9])
        self.register_buffer("every", base[::2, ::3])
        self.register_buffer("row", base[3])
        self.register_buffer("spread", base[0, 0].expand(3))

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.left @ self.turned).mean(1, keepdim=True) + x[:, :4] @ self.every.new_ones(4, 3) * (
            self.row[:3] + self.spread + self.every.sum(0)[:3]
        )


class Halves(nn.Module):
    """Half precision and bfloat16 weights, computed in float."""

    def __init__(self) -> None:
        super().__init__()
        self.small = nn.Parameter(torch.randn(4, 4).half())
        self.brain = nn.Parameter(torch.randn(4).bfloat16())
        self.register_buffer("table", torch.arange(-3, 3, dtype=torch.int8))

    def forward(self, x: Tensor, rows: Tensor) -> Tensor:
        return F.linear(x, self.small.float(), self.brain.to(x.dtype)) * self.table[rows].unsqueeze(1)


class Integers(nn.Module):
    """Integer, boolean and floating inputs together."""

    def forward(self, ids: Tensor, keep: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        hashed = (ids * 31 + 7) % 13
        hot = F.one_hot(hashed.clamp(max=4), 5).to(weight.dtype)
        return torch.where(keep.unsqueeze(-1), hot @ weight, weight[0]), torch.bitwise_and(hashed >> 1, 3)


class QuantizedNet(nn.Module):
    """Convolution, add and linear, between quantization stubs."""

    def __init__(self) -> None:
        super().__init__()
        self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.second = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.add = nn.quantized.FloatFunctional()
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.quant(x))
        x = self.add.add(F.max_pool2d(x, 2), F.max_pool2d(self.second(x), 2))
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.dequant(self.head(x))


class Classifier(nn.Module):
    """An LSTM and a linear layer, for dynamic quantization."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x)[0][:, -1]).relu()


def quantized(trained: bool) -> tuple[nn.Module, list[Call]]:
    """The small net after static quantization, post-training or quantization-aware."""
    warnings.filterwarnings("ignore")
    torch.backends.quantized.engine = "fbgemm"
    network = QuantizedNet()
    if trained:
        network.train()
        network.qconfig = quantization.get_default_qat_qconfig("fbgemm")
        quantization.fuse_modules_qat(network, [["first.0", "first.1", "first.2"]], inplace=True)
        quantization.prepare_qat(network, inplace=True)
    else:
        network.eval()
        network.qconfig = quantization.get_default_qconfig("fbgemm")
        quantization.fuse_modules(network, [["first.0", "first.1", "first.2"]], inplace=True)
        quantization.prepare(network, inplace=True)
    for seed in range(3):
        network(noise(seed, 2, 3, 16, 16))
    return quantization.convert(network.eval()), [(noise(k, 1, 3, 16, 16),) for k in range(2)]


def dynamically_quantized() -> tuple[nn.Module, list[Call]]:
    """The classifier with int8 weights and activations quantized at run time."""
    network = quantization.quantize_dynamic(Classifier().eval(), {nn.LSTM, nn.Linear}, dtype=torch.qint8)
    return network, [(noise(k, 1, 5, 4),) for k in range(2)]


def weight_quantized() -> tuple[nn.Module, list[Call]]:
    """Two linear layers statically quantized."""
    network = nn.Sequential(
        quantization.QuantStub(), nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3), quantization.DeQuantStub()
    )
    network.eval().qconfig = quantization.get_default_qconfig("fbgemm")
    prepared = quantization.prepare(network)
    prepared(noise(7, 8, 6))
    return quantization.convert(prepared), [(noise(k, 2, 6),) for k in range(2)]


def steps(*shape: int, count: int = 3) -> list[Call]:
    """Consecutive calls with one tensor each."""
    return [(noise(k, *shape),) for k in range(count)]


PADDING = torch.tensor([[False, False, False], [False, False, True]])
CASES: list[Case] = [
    Case("counter", lambda: (Counter(), steps(2, 4)), (SCRIPTED,), stateful=True),
    Case("streaming_conv", lambda: (StreamingConv(), steps(1, 4, 6)), (*COMMON, CORE), stateful=True),
    Case("cache_step", lambda: (CacheStep(), steps(1, 1, 8)), COMMON, stateful=True),
    Case(
        "recurrent",
        lambda: (Recurrent(), [(noise(0, 1, 3), False), (noise(1, 1, 3), False), (noise(2, 1, 3), False)]),
        (SCRIPTED,),
        stateful=True,
    ),
    Case("cells", lambda: (Cells(), steps(3, 2, 3, count=2)), SCRIPTS),
    Case("lstm", lambda: (Lstm(), steps(2, 5, 3, count=2)), COMMON),
    Case("lstm_small", lambda: (Classifier(), steps(1, 2, 4, count=2)), (CORE, FROZEN)),
    Case(
        "lstm_projected", lambda: (LstmProjected(), [(noise(0, 4, 2, 3), noise(1, 1, 2, 2), noise(2, 1, 2, 6))]), COMMON
    ),
    Case("gru", lambda: (Gru(), [(noise(0, 4, 2, 3), noise(1, 2, 2, 4))]), COMMON),
    Case("packed", lambda: (Packed(), [(noise(0, 2, 5, 3), torch.tensor([5, 3]))]), SCRIPTS),
    Case("attention", lambda: (Attention(), [(noise(0, 2, 3, 8), noise(1, 2, 3, 6), PADDING)]), SCRIPTS),
    Case("tied", lambda: (Tied(), [(integers(k, 11, 2, 3),) for k in range(2)]), COMMON),
    Case("views", lambda: (Views(), steps(2, 6, count=2)), COMMON),
    Case("halves", lambda: (Halves(), [(noise(0, 2, 4), torch.tensor([5, 0]))]), (*COMMON, LITE)),
    Case(
        "integers", lambda: (Integers(), [(integers(0, 50, 2, 3), integers(1, 2, 2, 3).bool(), noise(2, 5, 4))]), COMMON
    ),
    Case("quantized_static", lambda: quantized(False), SCRIPTS),
    Case("quantized_trained", lambda: quantized(True), (SCRIPTED, FROZEN)),
    Case("quantized_linear", weight_quantized, (SCRIPTED, LITE)),
    Case("quantized_dynamic", dynamically_quantized, SCRIPTS),
]
