"""Sequence networks: recurrent classifiers, audio, attention, streaming; annotations are real types for scripting."""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.export import Dim

from .zoo import COMMON, CORE, EXPORTED, FROZEN, LITE, SCRIPTED, TRACED, Call, Case, integers, noise, settle


class LstmClassifier(nn.Module):
    """Tokens, an LSTM in both directions, the last states."""

    def __init__(self, layers: int = 2, both: bool = True, batch_first: bool = True) -> None:
        super().__init__()
        self.embedding = nn.Embedding(200, 32, padding_idx=0)
        self.lstm = nn.LSTM(32, 48, layers, batch_first=batch_first, bidirectional=both, dropout=0.1)
        self.both = both
        self.head = nn.Linear(96 if both else 48, 5)

    def forward(self, ids: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(self.embedding(ids))
        last = torch.cat([hidden[-2], hidden[-1]], dim=1) if self.both else hidden[-1]
        return self.head(last).log_softmax(1)


class GruClassifier(nn.Module):
    """Features, a GRU with states in and out, a mean over time."""

    def __init__(self, layers: int = 1, both: bool = False, batch_first: bool = False) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.gru = nn.GRU(20, 32, layers, batch_first=batch_first, bidirectional=both)
        self.head = nn.Linear(64 if both else 32, 4)

    def forward(self, x: Tensor, h0: Tensor) -> tuple[Tensor, Tensor]:
        y, hidden = self.gru(x, h0)
        return self.head(y.mean(1 if self.batch_first else 0)), hidden


class PackedClassifier(nn.Module):
    """An LSTM over packed sequences in any order of length."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(16, 24, batch_first=True, bidirectional=True)
        self.head = nn.Linear(48, 3)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (hidden, _) = self.lstm(packed)
        return self.head(torch.cat([hidden[0], hidden[1]], 1))


class Crnn(nn.Module):
    """Text recognition: convolutions, two LSTMs, classes a column."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d((2, 1)),
            nn.Conv2d(32, 32, (8, 1)),
            nn.LeakyReLU(0.1),
        )
        self.first = nn.LSTM(32, 32, bidirectional=True)
        self.second = nn.LSTM(64, 32, bidirectional=True)
        self.head = nn.Linear(64, 30)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x).squeeze(2).permute(2, 0, 1)
        x, _ = self.first(x)
        x, _ = self.second(x)
        return self.head(x).log_softmax(2)


class TasNet(nn.Module):
    """Conv-TasNet: a learned basis, dilated blocks, masks, a transposed convolution back."""

    def __init__(self, basis: int = 32, hidden: int = 48, sources: int = 2) -> None:
        super().__init__()
        self.sources, self.basis = sources, basis
        self.encoder = nn.Conv1d(1, basis, 16, 8, bias=False)
        self.norm = nn.GroupNorm(1, basis, eps=1e-8)
        blocks = []
        for dilation in (1, 2, 4):
            depthwise = nn.Conv1d(hidden, hidden, 3, padding=dilation, dilation=dilation, groups=hidden)
            enter = [nn.Conv1d(basis, hidden, 1), nn.PReLU(), nn.GroupNorm(1, hidden)]
            blocks.append(
                nn.Sequential(*enter, depthwise, nn.PReLU(), nn.GroupNorm(1, hidden), nn.Conv1d(hidden, basis, 1))
            )
        self.blocks = nn.ModuleList(blocks)
        self.mask = nn.Conv1d(basis, basis * sources, 1)
        self.decoder = nn.ConvTranspose1d(basis, 1, 16, 8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n, length = x.shape[0], x.shape[-1]
        rest = 8 - (length - 16) % 8
        x = F.pad(x, [0, rest]) if rest < 8 else x
        coded = F.relu(self.encoder(x))
        y = self.norm(coded)
        for block in self.blocks:
            y = y + block(y)
        masks = torch.sigmoid(self.mask(y)).view(n, self.sources, self.basis, -1)
        parts = (coded.unsqueeze(1) * masks).view(n * self.sources, self.basis, -1)
        return self.decoder(parts).view(n, self.sources, -1)[..., :length]


class WaveNet(nn.Module):
    """Causal gated convolutions with skips."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.enter = nn.Conv1d(1, width, 1)
        self.gates = nn.ModuleList([nn.Conv1d(width, 2 * width, 2, dilation=2**k) for k in range(5)])
        self.skips = nn.ModuleList([nn.Conv1d(width, width, 1) for _ in range(5)])
        self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(width, 32, 1), nn.ReLU(), nn.Conv1d(32, 64, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        total: Tensor | None = None
        for gate, skip in zip(self.gates, self.skips):  # noqa: B905  (scripting knows no strict)
            y = gate(F.pad(x, [gate.dilation[0], 0]))
            a, b = y.chunk(2, 1)
            y = torch.tanh(a) * torch.sigmoid(b)
            total = y if total is None else total + y
            x = x + skip(y)
        assert total is not None
        return self.head(total)


class Tcn(nn.Module):
    """Weight-normalised dilated convolutions, squeeze and excitation, statistics pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.utils.parametrizations.weight_norm(nn.Conv1d(40, 64, 5, padding=2))
        self.body = nn.ModuleList([nn.Conv1d(64, 64, 3, padding=d, dilation=d, groups=64) for d in (1, 2, 4)])
        self.norms = nn.ModuleList([nn.BatchNorm1d(64) for _ in range(3)])
        self.squeeze, self.excite = nn.Linear(64, 16), nn.Linear(16, 64)
        self.attend, self.head = nn.Conv1d(192, 64, 1), nn.Linear(128, 12)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.enter(x))
        for layer, norm in zip(self.body, self.norms):  # noqa: B905
            x = x + F.hardtanh(norm(layer(F.elu(x))), -2.0, 2.0)
        x = x * torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean(2))))).unsqueeze(2)
        mean, spread = x.mean(2, keepdim=True).expand_as(x), x.std(2, keepdim=True).expand_as(x)
        share = torch.tanh(self.attend(torch.cat([x, mean, spread], 1))).softmax(2)
        first = (x * share).sum(2)
        second = ((x**2 * share).sum(2) - first**2).clamp(min=1e-5).sqrt()
        return F.normalize(self.head(torch.cat([first, second], 1)), dim=1)


class Keywords(nn.Module):
    """Keyword spotting on a spectrogram computed in the network."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(128))
        self.register_buffer("mel", torch.rand(65, 20) * 0.1)
        self.body = nn.Sequential(nn.Conv1d(20, 32, 3, padding=1), nn.BatchNorm1d(32), nn.ReLU6(), nn.AvgPool1d(2))
        self.head = nn.Linear(32, 8)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.stft(x, 128, 64, 128, self.window, center=True, return_complex=True).abs() ** 2
        features = torch.log(torch.matmul(spectrum.transpose(1, 2), self.mel) + 1e-6).transpose(1, 2)
        features = features - features.mean(2, keepdim=True)
        return self.head(F.adaptive_max_pool1d(self.body(features), 1).squeeze(-1))


class Frames(nn.Module):
    """Voice activity as a scripted model keeps it: frames by unfold, a basis convolution, states, a choice of rate."""

    state: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("basis", torch.randn(66, 1, 64) * 0.1)
        self.context = nn.Conv1d(33, 16, 3, padding=1)
        self.cell = nn.LSTMCell(16, 16)
        self.head = nn.Conv1d(16, 1, 1)
        self.state = torch.zeros(2, 1, 16)

    @torch.jit.export
    def reset(self) -> None:
        self.state = torch.zeros(2, 1, 16)

    def forward(self, x: Tensor, sr: int) -> Tensor:
        if sr not in [8000, 16000]:
            raise ValueError(f"no model for {sr} Hz")
        if sr == 16000:
            x = x[:, ::2]
        if x.dim() != 2 or x.size(-1) < 64:
            raise ValueError("a batch of frames is needed")
        x = F.pad(x.unsqueeze(1), [16, 16], mode="reflect")
        y = F.conv1d(x, self.basis, stride=32)
        magnitude = torch.sqrt(y[:, :33] ** 2 + y[:, 33:] ** 2)
        features = F.relu(self.context(magnitude))
        h, c = self.state[0], self.state[1]
        outputs: list[Tensor] = []
        for t in range(features.size(2)):
            h, c = self.cell(features[:, :, t], (h, c))
            outputs.append(h)
        self.state = torch.stack([h, c])
        return torch.sigmoid(self.head(torch.stack(outputs, 2)).mean(2))


class Transformer(nn.Module):
    """PyTorch's own encoder with positions and masks; told of the causal mask or, norms first, left to find out."""

    def __init__(self, norm_first: bool = False) -> None:
        super().__init__()
        self.told: bool | None = None if norm_first else True
        self.embedding = nn.Embedding(100, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, 0.1, "gelu", batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        angles = torch.arange(50)[:, None] * torch.exp(torch.arange(0, 32, 2) * (-math.log(10000.0) / 32))
        self.register_buffer("positions", torch.stack([angles.sin(), angles.cos()], 2).flatten(1))

    def forward(self, ids: Tensor, padding: Tensor) -> Tensor:
        x = self.embedding(ids) * math.sqrt(32) + self.positions[: ids.size(1)]
        causal = torch.triu(torch.ones(ids.size(1), ids.size(1), dtype=torch.bool), diagonal=1)
        x = self.encoder(x, mask=causal, src_key_padding_mask=padding, is_causal=self.told)
        return x.masked_fill(padding.unsqueeze(-1), 0.0).sum(1) / (~padding).sum(1, keepdim=True)


class Seq2Seq(nn.Module):
    """PyTorch's own encoder and decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.Transformer(32, 4, 1, 1, 64, 0.0, batch_first=True)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(target.size(1))
        return self.transformer(source, target, tgt_mask=mask, tgt_is_causal=True)


class Masks(nn.Module):
    """Multi-head attention, time first, with every kind of mask."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attention = nn.MultiheadAttention(32, 4)
        self.cross = nn.MultiheadAttention(32, 4, kdim=24, vdim=16, add_bias_kv=True, bias=False)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, padding: Tensor) -> tuple[Tensor, Tensor | None]:
        n = x.size(0)
        causal = torch.ones(n, n, dtype=torch.bool).triu(1)
        y, _ = self.self_attention(x, x, x, attn_mask=causal, need_weights=False)
        return self.cross(y, keys, values, key_padding_mask=padding, average_attn_weights=False)


class Greedy(nn.Module):
    """Greedy decoding that ends when the data say so."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.cell, self.head = nn.Embedding(12, 16), nn.GRUCell(16, 16), nn.Linear(16, 12)

    def forward(self, hidden: Tensor, limit: int = 8) -> tuple[Tensor, Tensor]:
        token = torch.zeros(hidden.size(0), dtype=torch.int64)
        tokens: list[Tensor] = []
        score = torch.zeros(hidden.size(0))
        for _ in range(limit):
            hidden = self.cell(self.embedding(token), hidden)
            best, token = self.head(hidden).log_softmax(1).max(1)
            score = score + best
            tokens.append(token)
        return torch.stack(tokens, 1), score


class Search(nn.Module):
    """A fixed buffer filled until the end token comes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.cell, self.head = nn.Embedding(5, 16), nn.GRUCell(16, 16), nn.Linear(16, 5)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        tokens = torch.full([1, 10], -1, dtype=torch.int64)
        token = torch.zeros(1, dtype=torch.int64)
        step = 0
        while step < 10 and bool((token != 4).all()):
            hidden = self.cell(self.embedding(token), hidden)
            token = self.head(hidden).argmax(1)
            tokens[:, step] = token
            step += 1
        return tokens, hidden


class StreamingNet(nn.Module):
    """Causal convolutions and a GRU whose pasts are buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([nn.Conv1d(16, 16, 3, dilation=d) for d in (1, 2)])
        self.register_buffer("past0", torch.zeros(1, 16, 2))
        self.register_buffer("past1", torch.zeros(1, 16, 4))
        self.gru = nn.GRU(16, 16, batch_first=True)
        self.register_buffer("hidden", torch.zeros(1, 1, 16))

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([self.past0, x], 2)
        self.past0.copy_(joined[:, :, -2:])
        x = F.relu(self.convolutions[0](joined))
        joined = torch.cat([self.past1, x], 2)
        self.past1.copy_(joined[:, :, -4:])
        x, hidden = self.gru(F.relu(self.convolutions[1](joined)).transpose(1, 2), self.hidden)
        self.hidden.copy_(hidden)
        return x


def tokens(shape: tuple[int, int], high: int = 200) -> list[Call]:
    """Calls with token ids."""
    return [(integers(k, high, *shape),) for k in range(2)]


def noises(*shapes: tuple[int, ...], count: int = 2) -> list[Call]:
    """Calls with standard normal inputs of these shapes."""
    return [tuple(noise(10 * k + i, *shape) for i, shape in enumerate(shapes)) for k in range(count)]


PADDING = torch.arange(9)[None] >= torch.tensor([[9], [6]])
FRAMES = Dim("frames", min=20, max=200)
CASES: list[Case] = [
    Case("lstm_classifier", lambda: (settle(LstmClassifier()), tokens((2, 12))), (*COMMON, FROZEN, LITE)),
    Case("lstm_one_way", lambda: (settle(LstmClassifier(1, False)), tokens((2, 12))), (*COMMON, CORE)),
    Case("lstm_time_first", lambda: (settle(LstmClassifier(3, True, False)), tokens((12, 2))), COMMON),
    Case(
        "lstm_packed",
        lambda: (settle(PackedClassifier()), [(noise(k, 3, 9, 16), torch.tensor([5, 9, 7 - k])) for k in range(2)]),
        (TRACED, SCRIPTED),
    ),
    Case("gru_classifier", lambda: (settle(GruClassifier()), noises((12, 2, 20), (1, 2, 32))), (*COMMON, CORE)),
    Case("gru_both_ways", lambda: (settle(GruClassifier(2, True, True)), noises((2, 12, 20), (4, 2, 32))), COMMON),
    Case("crnn", lambda: (settle(Crnn(), noise(9, 4, 1, 32, 64)), noises((1, 1, 32, 64))), COMMON),
    Case("conv_tasnet", lambda: (settle(TasNet()), noises((1, 1, 803))), (*COMMON, CORE)),
    Case("wavenet", lambda: (settle(WaveNet()), noises((1, 1, 120))), (*COMMON, CORE)),
    Case("tcn", lambda: (settle(Tcn(), noise(9, 4, 40, 60)), noises((1, 40, 60))), (TRACED, EXPORTED)),
    Case(
        "tcn_dynamic",
        lambda: (settle(Tcn(), noise(9, 4, 40, 60)), [(noise(0, 1, 40, 60),), (noise(1, 1, 40, 97),)]),
        (EXPORTED, TRACED),
        ({2: FRAMES},),
        {"x": "f32[1, 40, frames]"},
    ),
    Case("keywords", lambda: (settle(Keywords(), noise(9, 4, 1024)), noises((1, 1024))), (*COMMON, CORE)),
    Case(
        "voice_frames",
        lambda: (settle(Frames()), [(noise(k, 1, 512), 16000) for k in range(3)]),
        (SCRIPTED,),
        stateful=True,
    ),
    Case(
        "transformer",
        lambda: (settle(Transformer()), [(integers(k, 100, 2, 9), PADDING) for k in range(2)]),
        (*COMMON, CORE),
    ),
    Case(
        "transformer_norm_first",
        lambda: (settle(Transformer(True)), [(integers(k, 100, 2, 9), PADDING) for k in range(2)]),
        (TRACED, SCRIPTED),
    ),
    Case("seq2seq", lambda: (settle(Seq2Seq()), noises((1, 7, 32), (1, 5, 32))), COMMON),
    Case(
        "attention_masks",
        lambda: (settle(Masks()), [(*call, PADDING) for call in noises((5, 2, 32), (9, 2, 24), (9, 2, 16))]),
        (TRACED, EXPORTED),
    ),
    Case("greedy", lambda: (settle(Greedy()), [(noise(k, 2, 16), 8) for k in range(2)]), (SCRIPTED,)),
    Case("search", lambda: (settle(Search()), noises((1, 16))), (SCRIPTED,)),
    Case(
        "streaming_net", lambda: (settle(StreamingNet()), noises((1, 16, 4), count=3)), (*COMMON, CORE), stateful=True
    ),
]
