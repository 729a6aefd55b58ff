"""Core ML as a target of the driver."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...errors import InputError
from ...ops.enums import Layout
from ...pass_manager import Pipeline
from ...passes.fusion.fold_part_scales import fold_part_scales
from ...passes.fusion.fuse_attention import fuse_attention
from ...passes.fusion.recognize_recurrent import recognize_recurrent
from ...passes.precision.lower_precision import encode_islands, lower_precision
from ...passes.precision.narrow_types import encode_types, narrow_types
from ...types import DType
from ..target import Precision, Target, TargetOptions, refuse_bfloat
from . import runtime
from .border import adapt_coreml_border, border_dtype, encode_images, image_of_input, take_images
from .emitters import TABLE
from .legalize import legalize_coreml, rules_for
from .legalize_quantization import fit_coreml_quantization
from .opsets import ATTENTION_VERSION, DEFAULT_VERSION, OPSETS, version_flag
from .serializer import serialize

REPRESENTED = {
    **dict.fromkeys((DType.I64, DType.U64, DType.U32, DType.I16, DType.U16, DType.I8, DType.U8), DType.I32),
    **dict.fromkeys((DType.F64, DType.BF16), DType.F32),
}
"""What stands for the dtypes that programs lack."""

TOLERANCES = {Precision.FP16: 1e-2, Precision.FP32: 1e-4}


def make_target(options: TargetOptions) -> Target:
    """Core ML of the iOS release asked for, in fp16 unless asked otherwise; raises InputError for another release."""
    version = options.coreml_target
    if version is None:
        return _target(options, DEFAULT_VERSION, may_be_newer=True)
    if version not in OPSETS:
        raise InputError(f"there is no {version_flag(version)}; there are ios{', ios'.join(map(str, OPSETS))}")
    return _target(options, version, may_be_newer=False)


def _target(options: TargetOptions, version: int, may_be_newer: bool) -> Target:
    refuse_bfloat(options, "coreml", "ML Programs compute in f16 and f32")
    precision = options.precision or Precision.FP16
    may_be_newer = may_be_newer and version + 1 in OPSETS
    newer = partial(_target, options, version + 1, may_be_newer=True)
    return Target(
        name="coreml",
        suffix=".mlpackage",
        spatial_layout=Layout.NCHW,
        legalize=_pipeline(options, precision, version, may_be_newer),
        rules=rules_for(version),
        table=TABLE.at(version),
        serialize=partial(serialize, version=version, options=options),
        run=runtime.run,
        input_types=runtime.input_types,
        problems=problems,
        border=partial(border_dtype, version=version),
        adapt_input=partial(image_of_input, images=options.image_inputs),
        precision=precision,
        with_islands=lambda islands: _target(replace(options, islands=islands), version, may_be_newer),
        tolerance=TOLERANCES[precision],
        is_folder=True,
        newer=newer if may_be_newer else None,
    )


def problems(artifact: Path) -> Sequence[str]:
    """Sentences on what Core ML's tools would refuse in a package."""
    # Only --verify asks.
    from . import validation

    return validation.problems(artifact)


def _pipeline(options: TargetOptions, precision: Precision, version: int, may_be_newer: bool) -> Pipeline:
    halves = (lower_precision.with_options(islands=encode_islands(options.islands)),)
    return (
        # Pixels are f32 whatever the model computes in.
        take_images.with_options(images=encode_images(options.image_inputs)),
        # While the stored integers still are of few bits.
        fit_coreml_quantization.with_options(version=version, may_be_newer=may_be_newer),
        narrow_types.with_options(types=encode_types(REPRESENTED), keep_quantization=True),
        # The older versions have no such unit with the reset behind the product: its loop would be the slower form.
        recognize_recurrent.with_options(gru=False),
        *(halves if precision is Precision.FP16 else ()),
        *((fuse_attention.with_options(),) if version >= ATTENTION_VERSION else ()),
        adapt_coreml_border.with_options(version=version),
        legalize_coreml.with_options(version=version, may_be_newer=may_be_newer),
        # Attention has a scale of its own there, for which queries may have to be multiplied.
        *((fold_part_scales.with_options(),) if version >= ATTENTION_VERSION else ()),
    )
