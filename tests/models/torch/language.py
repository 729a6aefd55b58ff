"""Transformers with small configurations and seeded weights: text, image and audio encoders, decoders with caches."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from torch import Tensor, nn
from torch.export import Dim
from transformers.models.whisper.modeling_whisper import WhisperDecoder, WhisperEncoder

from .zoo import CORE, EXPORTED, TRACED, Build, Call, Case, integers, noise, settle

FORMS = (TRACED, EXPORTED)
WORDS, WIDTH = 100, 64
SMALL = {
    "vocab_size": WORDS,
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}
TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


class Text(nn.Module):
    """The first outputs of a text encoder."""

    def __init__(self, model: nn.Module, outputs: int = 1) -> None:
        super().__init__()
        self.model, self.outputs = model, outputs

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
        results = self.model(input_ids=input_ids, attention_mask=attention_mask, return_dict=False)
        return results[0] if self.outputs == 1 else results[: self.outputs]


class Pixels(nn.Module):
    """The first output of an image model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.model(pixel_values, return_dict=False)[0]


class Detector(nn.Module):
    """Scores and boxes of a detection transformer."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        result = self.model(pixel_values)
        return result.logits.softmax(-1), result.pred_boxes


class Audio(nn.Module):
    """The first output of a model on waveforms or features."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_values: Tensor) -> Tensor:
        return self.model(input_values, return_dict=False)[0]


class Decoder(nn.Module):
    """A decoder over the whole sequence."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits


class DecoderStep(nn.Module):
    """A decoder with the keys and values of two layers as inputs and outputs."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor,
        key0: Tensor,
        value0: Tensor,
        key1: Tensor,
        value1: Tensor,
    ) -> tuple[Tensor, ...]:
        cache = transformers.DynamicCache([(key0, value0), (key1, value1)])
        result = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
        )
        layers = result.past_key_values.layers
        return (result.logits, *(t for layer in layers for t in (layer.keys, layer.values)))


class CrossDecoder(nn.Module):
    """Whisper's decoder on given encoder states."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, encoder_hidden_states: Tensor) -> Tensor:
        return self.model(input_ids, encoder_hidden_states=encoder_hidden_states, use_cache=False).last_hidden_state


def text_calls(length: int = 12) -> list[Call]:
    """Token ids and masks i64[2, length], the second sequence shorter."""
    calls = []
    for seed in range(2):
        mask = torch.ones(2, length, dtype=torch.int64)
        mask[1, length - 3 - seed :] = 0
        calls.append((integers(seed, WORDS - 3, 2, length) + 3, mask))
    return calls


def step_calls(heads: int, size: int, past: int = 7) -> list[Call]:
    """One new token after `past` cached ones."""
    calls = []
    for seed in range(2):
        caches = tuple(noise(seed * 4 + k, 1, heads, past + 2 * seed, size) for k in range(4))
        length = past + 2 * seed
        calls.append(
            (
                integers(seed, WORDS, 1, 1),
                torch.ones(1, length + 1, dtype=torch.int64),
                torch.tensor([[length]]),
                *caches,
            )
        )
    return calls


def encoder(kind: str, attention: str = "eager", outputs: int = 1, **options: Any) -> Build:
    """A text encoder of the library's by the name of its classes."""

    def build() -> tuple[nn.Module, list[Call]]:
        config = getattr(transformers, f"{kind}Config")(**{**SMALL, **TOKENS, **options}, attn_implementation=attention)
        return settle(Text(getattr(transformers, f"{kind}Model")(config), outputs)), text_calls()

    return build


DISTILBERT = {"vocab_size": WORDS, "dim": WIDTH, "n_layers": 2, "n_heads": 4, "hidden_dim": 128}
T5 = {"vocab_size": WORDS, "d_model": WIDTH, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4}
GPT2 = {"vocab_size": WORDS, "n_embd": WIDTH, "n_layer": 2, "n_head": 4, "n_positions": 64}
GROUPED = {**SMALL, **TOKENS, "num_key_value_heads": 2, "max_position_embeddings": 64, "head_dim": 16}
DECODERS: dict[str, dict[str, Any]] = {
    "Glm": GROUPED,
    "Qwen2": GROUPED,
    "Llama": GROUPED,
    "Glm4": GROUPED,
    "Gemma2": GROUPED,
    "Qwen3": GROUPED,
    "Phi3": GROUPED,
    "GPT2": {**GPT2, **TOKENS},
    "GPTNeoX": {**SMALL, **TOKENS},
}


def causal(kind: str, attention: str) -> nn.Module:
    """A causal language model of two layers."""
    suffix = "LMHeadModel" if kind == "GPT2" else "ForCausalLM"
    config = getattr(transformers, f"{kind}Config")(**DECODERS[kind], attn_implementation=attention)
    return getattr(transformers, f"{kind}{suffix}")(config)


def decoder(kind: str, attention: str = "eager") -> Build:
    """A decoder over a whole sequence."""
    return lambda: (settle(Decoder(causal(kind, attention))), text_calls(10))


def step(kind: str, attention: str = "eager", past: int = 7) -> Build:
    """A decoder's step with its cache as inputs and outputs; a trace knows the first length alone."""

    def build() -> tuple[nn.Module, list[Call]]:
        calls = step_calls(4 if kind == "GPT2" else 2, 16, past)
        return settle(DecoderStep(causal(kind, attention))), calls[:1] + step_calls(
            4 if kind == "GPT2" else 2, 16, past - 2
        )[1:]

    return build


def dynamic_step(kind: str, attention: str) -> Build:
    """The same with another cache length in the second call."""
    return lambda: (settle(DecoderStep(causal(kind, attention))), step_calls(2, 16))


def whisper_config(attention: str) -> transformers.WhisperConfig:
    """Two layers each side."""
    layers = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4}
    widths = {"d_model": WIDTH, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "num_mel_bins": 80, "vocab_size": WORDS}
    limits = {"max_source_positions": 100, "max_target_positions": 32, "decoder_start_token_id": 1}
    return transformers.WhisperConfig(**layers, **widths, **limits, **TOKENS, attn_implementation=attention)


def clip(attention: str) -> nn.Module:
    """CLIP's image encoder with its projection."""
    sizes = {"hidden_size": WIDTH, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = transformers.CLIPVisionConfig(
        **sizes, image_size=64, patch_size=16, projection_dim=32, attn_implementation=attention
    )
    return transformers.CLIPVisionModelWithProjection(config)


def clip_text() -> nn.Module:
    """CLIP's text encoder with its projection."""
    config = transformers.CLIPTextConfig(
        **{**SMALL, **TOKENS}, max_position_embeddings=32, projection_dim=32, attn_implementation="eager"
    )
    return transformers.CLIPTextModelWithProjection(config)


def wav2vec() -> nn.Module:
    """Wav2Vec2 with four convolutions and two layers."""
    convolutions = {"conv_dim": (32,) * 4, "conv_stride": (5, 2, 2, 2), "conv_kernel": (10, 3, 3, 2)}
    positions = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
    config = transformers.Wav2Vec2Config(
        **{**SMALL, "vocab_size": 32}, **convolutions, **positions, attn_implementation="eager"
    )
    return transformers.Wav2Vec2ForCTC(config)


def segformer() -> nn.Module:
    """SegFormer with a layer a stage."""
    config = transformers.SegformerConfig(
        hidden_sizes=[16, 32, 40, 64],
        depths=[1] * 4,
        num_attention_heads=[1, 2, 4, 4],
        decoder_hidden_size=32,
        num_labels=7,
    )
    return transformers.SegformerForSemanticSegmentation(config)


def detr() -> nn.Module:
    """DETR on a small backbone."""
    backbone = transformers.ResNetConfig(
        embedding_size=16, hidden_sizes=[16, 32, 32, 48], depths=[1] * 4, layer_type="basic", out_features=["stage4"]
    )
    layers = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4}
    config = transformers.DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=backbone,
        d_model=32,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        num_queries=10,
        num_labels=5,
        **layers,
    )
    return transformers.DetrForObjectDetection(config)


def over(wrapper: type[nn.Module], make: Any, *shape: int) -> Build:
    """A wrapped model on standard normal inputs of one shape."""
    return lambda: (settle(wrapper(make())), [(noise(k, *shape),) for k in range(2)])


BATCH, LENGTH = Dim("batch", min=1, max=8), Dim("length", min=2, max=32)
TEXT_DIMS = ({0: BATCH, 1: LENGTH}, {0: BATCH, 1: LENGTH})
# The models' own guards on the length are more than Dim ranges can express, so torch finds the ranges.
STEP_DIMS = (None, {1: Dim.AUTO}, None, *({2: Dim.AUTO},) * 4)
STEP_TYPES = dict.fromkeys(("key0", "value0", "key1", "value1"), "f32[1, 2, past, 16]") | {
    "attention_mask": "i64[1, past + 1]"
}
DYNAMIC_TEXT = {"input_ids": "i64[batch, length]", "attention_mask": "i64[batch, length]"}


def dynamic_text(build: Build) -> Build:
    """The same model with a second call of another shape."""

    def changed() -> tuple[nn.Module, list[Call]]:
        network, calls = build()
        return network, [calls[0], tuple(t[:1, :7] for t in calls[1])]

    return changed


CASES: list[Case] = [
    Case("bert", encoder("Bert", outputs=2), (*FORMS, CORE)),
    Case("bert_sdpa", encoder("Bert", "sdpa", outputs=2), FORMS),
    Case("bert_dynamic", dynamic_text(encoder("Bert", outputs=2)), (EXPORTED,), TEXT_DIMS, DYNAMIC_TEXT),
    Case("bert_dynamic_trace", dynamic_text(encoder("Bert", outputs=2)), (TRACED,), None, DYNAMIC_TEXT),
    Case("bert_model_output", lambda: (settle(encoder("Bert")()[0].model), text_calls()), FORMS, note="dictionary out"),
    Case(
        "distilbert",
        lambda: (
            settle(
                Text(
                    transformers.DistilBertModel(
                        transformers.DistilBertConfig(**DISTILBERT, attn_implementation="eager")
                    )
                )
            ),
            text_calls(),
        ),
        (*FORMS, CORE),
    ),
    Case(
        "distilbert_sdpa",
        lambda: (
            settle(
                Text(
                    transformers.DistilBertModel(
                        transformers.DistilBertConfig(**DISTILBERT, attn_implementation="sdpa")
                    )
                )
            ),
            text_calls(),
        ),
        FORMS,
    ),
    Case("roberta", encoder("Roberta"), FORMS),
    Case("albert", encoder("Albert", embedding_size=32), FORMS),
    Case(
        "deberta",
        encoder(
            "DebertaV2",
            relative_attention=True,
            pos_att_type=["p2c", "c2p"],
            position_buckets=8,
            max_relative_positions=-1,
            share_att_key=True,
            norm_rel_ebd="layer_norm",
        ),
        FORMS,
    ),
    Case("mpnet", encoder("MPNet"), FORMS),
    Case("squeezebert", encoder("SqueezeBert", embedding_size=WIDTH), FORMS),
    Case(
        "mobilebert",
        encoder(
            "MobileBert", embedding_size=32, intra_bottleneck_size=32, true_hidden_size=32, num_feedforward_networks=2
        ),
        FORMS,
    ),
    Case("modernbert", encoder("ModernBert"), FORMS),
    Case(
        "t5_encoder",
        lambda: (
            settle(
                Text(transformers.T5EncoderModel(transformers.T5Config(**T5, **TOKENS, feed_forward_proj="gated-gelu")))
            ),
            text_calls(),
        ),
        (*FORMS, CORE),
    ),
    Case("whisper_encoder", over(Audio, lambda: WhisperEncoder(whisper_config("eager")), 1, 80, 200), (*FORMS, CORE)),
    Case("whisper_encoder_sdpa", over(Audio, lambda: WhisperEncoder(whisper_config("sdpa")), 1, 80, 200), FORMS),
    Case(
        "whisper_decoder",
        lambda: (
            settle(CrossDecoder(WhisperDecoder(whisper_config("sdpa")))),
            [(integers(k, WORDS, 1, 6), noise(k, 1, 20, WIDTH)) for k in range(2)],
        ),
        FORMS,
    ),
    Case("clip_image", over(Pixels, lambda: clip("eager"), 1, 3, 64, 64), (*FORMS, CORE)),
    Case("clip_image_sdpa", over(Pixels, lambda: clip("sdpa"), 1, 3, 64, 64), FORMS),
    Case("clip_text", lambda: (settle(Text(clip_text())), text_calls()), FORMS),
    Case("wav2vec2", over(Audio, wav2vec, 1, 4000), (*FORMS, CORE)),
    Case("segformer", over(Pixels, segformer, 1, 3, 128, 128), (*FORMS, CORE)),
    Case("detr", over(Detector, detr, 1, 3, 64, 64), FORMS),
    *(
        Case(f"{kind.lower()}", decoder(kind), (*FORMS, CORE) if kind in ("Glm", "Qwen2", "GPT2") else FORMS)
        for kind in DECODERS
    ),
    *(Case(f"{kind.lower()}_sdpa", decoder(kind, "sdpa"), FORMS) for kind in ("Glm", "Qwen2", "Llama", "GPT2")),
    *(Case(f"{kind.lower()}_past", step(kind), FORMS) for kind in ("Glm", "Qwen2", "GPT2")),
    *(Case(f"{kind.lower()}_past_sdpa", step(kind, "sdpa"), (*FORMS, CORE)) for kind in ("Glm", "Qwen2", "Llama")),
    *(
        Case(f"{kind.lower()}_past_dynamic", dynamic_step(kind, "sdpa"), (EXPORTED,), STEP_DIMS, STEP_TYPES)
        for kind in ("Glm", "Qwen2")
    ),
    *(
        Case(f"{kind.lower()}_past_dynamic_eager", dynamic_step(kind, "eager"), (EXPORTED,), STEP_DIMS, STEP_TYPES)
        for kind in ("Glm", "Qwen2")
    ),
]
