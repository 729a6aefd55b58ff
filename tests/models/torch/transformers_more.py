"""Further transformers people put on phones: image, audio and language models with small configurations."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from torch import Tensor, nn

from .language import GROUPED, SMALL, TOKENS, WIDTH, WORDS, Audio, Decoder, Pixels, encoder, over, text_calls
from .torchvision_models import classifier
from .zoo import COMMON, CORE, EXPORTED, SCRIPTED, TRACED, Build, Call, Case, image_calls, integers, noise, settle

FORMS = (TRACED, EXPORTED)
VISION = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
DECODERS: dict[str, dict[str, Any]] = {
    "Mistral": {**GROUPED, "sliding_window": 6},
    "Gemma3Text": {**GROUPED, "layer_types": ["sliding_attention", "full_attention"], "sliding_window": 6},
    "OPT": {
        **TOKENS,
        "vocab_size": WORDS,
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "ffn_dim": 128,
        "max_position_embeddings": 64,
        "word_embed_proj_dim": WIDTH,
    },
    "Bloom": {**TOKENS, "vocab_size": WORDS, "hidden_size": WIDTH, "n_layer": 2, "n_head": 4},
    "Falcon": {**SMALL, **TOKENS, "new_decoder_architecture": True, "num_kv_heads": 2},
    "Olmo2": GROUPED,
    "SmolLM3": GROUPED,
    "Mamba": {
        **TOKENS,
        "vocab_size": WORDS,
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "state_size": 8,
        "time_step_rank": 4,
    },
    "Lfm2": {**GROUPED, "layer_types": ["conv", "full_attention"], "block_ff_dim": 128},
    "Qwen2Moe": {
        **GROUPED,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 32,
        "shared_expert_intermediate_size": 32,
        "experts_implementation": "batched_mm",
    },
}
CLASSES = {"Gemma3Text": "Gemma3ForCausalLM"}


class Tokens(nn.Module):
    """A decoder that takes token ids alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.model(input_ids=input_ids, use_cache=False).logits


class Depth(nn.Module):
    """A depth map."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.model(pixel_values).predicted_depth


class Boxes(nn.Module):
    """Logits and boxes of a detector."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        result = self.model(pixel_values)
        return result.logits, result.pred_boxes


class Speech(nn.Module):
    """A vocoder from mel frames to a waveform."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, spectrogram: Tensor) -> Tensor:
        return self.model(spectrogram)


class Codec(nn.Module):
    """The continuous halves of a neural codec."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_values: Tensor) -> tuple[Tensor, Tensor]:
        coded = self.model.encoder(input_values)
        return coded, self.model.decoder(coded)


class Translation(nn.Module):
    """An encoder-decoder's logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, decoder_input_ids: Tensor) -> Tensor:
        return self.model(input_ids=input_ids, decoder_input_ids=decoder_input_ids, use_cache=False).logits


def decoder(kind: str) -> Build:
    """A decoder over a whole sequence."""

    def build() -> tuple[nn.Module, list[Call]]:
        options = dict(DECODERS[kind])
        experts = options.pop("experts_implementation", None)
        config = getattr(transformers, f"{kind}Config")(**options)
        if experts:
            config._experts_implementation = experts
        model = getattr(transformers, CLASSES.get(kind, f"{kind}ForCausalLM"))(config)
        if kind == "Mamba":
            return settle(Tokens(model)), [(integers(k, WORDS, 1, 9),) for k in range(2)]
        return settle(Decoder(model)), text_calls(10)

    return build


def model(kind: str, head: str = "Model", **options: Any) -> Any:
    """A model of the library's by the names of its classes."""
    return lambda: getattr(transformers, f"{kind}{head}")(getattr(transformers, f"{kind}Config")(**options))


def translation(kind: str, **options: Any) -> Build:
    """An encoder-decoder on two sequences."""

    def build() -> tuple[nn.Module, list[Call]]:
        network = Translation(model(kind, "ForConditionalGeneration", **options)())
        return settle(network), [(integers(k, WORDS, 1, 9), integers(k + 5, WORDS, 1, 5)) for k in range(2)]

    return build


def quantized_classifier(name: str) -> Build:
    """A torchvision network with int8 weights and activations, calibrated on noise."""

    def build() -> tuple[nn.Module, list[Call]]:
        from torchvision.models import quantization

        torch.backends.quantized.engine = "fbgemm"
        network = settle(getattr(quantization, name)(weights=None, quantize=False), noise(9, 4, 3, 96, 96))
        network.fuse_model(is_qat=False)
        network.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
        torch.ao.quantization.prepare(network, inplace=True)
        network(noise(8, 4, 3, 96, 96))
        return torch.ao.quantization.convert(network), image_calls(96)

    return build


BART = {
    **TOKENS,
    "vocab_size": WORDS,
    "d_model": WIDTH,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 128,
    "decoder_ffn_dim": 128,
    "max_position_embeddings": 64,
    "decoder_start_token_id": 1,
}
T5 = {
    **TOKENS,
    "vocab_size": WORDS,
    "d_model": WIDTH,
    "d_kv": 16,
    "d_ff": 128,
    "num_layers": 2,
    "num_heads": 4,
    "decoder_start_token_id": 0,
}
STAGES = {"hidden_sizes": [16, 32, 32, 48], "depths": [1, 1, 1, 1]}
RESNET = {"embedding_size": 16, **STAGES, "layer_type": "basic", "out_features": ["stage2", "stage3", "stage4"]}
CODEC = {"num_filters": 8, "hidden_size": 32, "upsampling_ratios": [4, 2], "num_lstm_layers": 1}
IMAGE = (1, 3, 64, 64)


def depth() -> nn.Module:
    """Depth Anything on a small DINOv2."""
    backbone = transformers.Dinov2Config(
        **VISION, image_size=56, patch_size=14, out_indices=[1, 2], reshape_hidden_states=False
    )
    sizes = {
        "neck_hidden_sizes": [16, 32],
        "reassemble_factors": [2, 1],
        "fusion_hidden_size": 16,
        "head_hidden_size": 8,
    }
    config = transformers.DepthAnythingConfig(backbone_config=backbone, reassemble_hidden_size=WIDTH, **sizes)
    return transformers.DepthAnythingForDepthEstimation(config)


def rt_detr() -> nn.Module:
    """RT-DETR on a small ResNet."""
    backbone = transformers.RTDetrResNetConfig(**RESNET)
    sizes = {"d_model": 32, "encoder_hidden_dim": 32, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "num_queries": 10}
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "decoder_layers": 2}
    channels = {"encoder_in_channels": [32, 32, 48], "decoder_in_channels": [32, 32, 32]}
    config = transformers.RTDetrConfig(
        backbone_config=backbone,
        use_pretrained_backbone=False,
        anchor_image_size=[64, 64],
        **sizes,
        **heads,
        **channels,
    )
    return transformers.RTDetrForObjectDetection(config)


CASES: list[Case] = [
    *(Case(kind.lower(), decoder(kind), FORMS) for kind in DECODERS),
    Case(
        "electra",
        encoder("Electra", embedding_size=32),
        FORMS,
    ),
    Case("xlm_roberta", encoder("XLMRoberta"), FORMS),
    Case(
        "convbert",
        encoder("ConvBert", embedding_size=32),
        FORMS,
    ),
    Case("bart", translation("Bart", **BART), FORMS),
    Case(
        "t5",
        translation("T5", **T5),
        FORMS,
    ),
    Case(
        "hf_vit",
        over(Pixels, model("ViT", **VISION, image_size=64, patch_size=16), *IMAGE),
        FORMS,
    ),
    Case(
        "dinov2",
        over(Pixels, model("Dinov2", **VISION, image_size=70, patch_size=14), 1, 3, 56, 56),
        FORMS,
    ),
    Case(
        "siglip_image",
        over(
            Pixels,
            lambda: transformers.SiglipVisionModel(
                transformers.SiglipVisionConfig(**VISION, image_size=64, patch_size=16)
            ),
            *IMAGE,
        ),
        (*FORMS, CORE),
    ),
    Case(
        "hf_swin",
        over(
            Pixels, model("Swin", image_size=64, embed_dim=24, depths=[2, 2], num_heads=[2, 4], window_size=4), *IMAGE
        ),
        FORMS,
    ),
    Case(
        "hf_mobilevit",
        over(
            Pixels,
            model(
                "MobileViT",
                "ForImageClassification",
                hidden_sizes=[24, 32, 40],
                neck_hidden_sizes=[8, 8, 16, 16, 24, 32, 48],
            ),
            *IMAGE,
        ),
        FORMS,
    ),
    Case(
        "yolos",
        over(
            Boxes,
            model("Yolos", "ForObjectDetection", **VISION, image_size=[64, 64], patch_size=16, num_detection_tokens=5),
            *IMAGE,
        ),
        FORMS,
    ),
    Case(
        "depth_anything",
        over(Depth, lambda: depth(), 1, 3, 56, 56),
        FORMS,
    ),
    Case(
        "rt_detr",
        over(Boxes, lambda: rt_detr(), *IMAGE),
        FORMS,
    ),
    Case(
        "convnextv2",
        over(Pixels, model("ConvNextV2", "ForImageClassification", **STAGES), *IMAGE),
        FORMS,
    ),
    Case(
        "vocoder",
        over(
            Speech,
            lambda: transformers.SpeechT5HifiGan(transformers.SpeechT5HifiGanConfig(upsample_initial_channel=32)),
            1,
            20,
            80,
        ),
        FORMS,
    ),
    Case(
        "encodec",
        over(Codec, model("Encodec", **CODEC), 1, 1, 640),
        FORMS,
    ),
    Case(
        "hubert",
        over(
            Audio,
            model(
                "Hubert",
                **VISION,
                conv_dim=(32,) * 3,
                conv_stride=(5, 2, 2),
                conv_kernel=(10, 3, 3),
                num_conv_pos_embeddings=16,
                num_conv_pos_embedding_groups=4,
            ),
            1,
            2000,
        ),
        FORMS,
    ),
    Case(
        "audio_spectrogram",
        over(Audio, model("AST", **VISION, max_length=64, num_mel_bins=32), 1, 64, 32),
        FORMS,
    ),
    Case("tv_mobilenet_v2_int8", quantized_classifier("mobilenet_v2"), (TRACED, SCRIPTED)),
    Case("tv_resnet18_int8", quantized_classifier("resnet18"), (TRACED, SCRIPTED)),
    Case("tv_densenet121_small", classifier("densenet121", 64), COMMON),
]
