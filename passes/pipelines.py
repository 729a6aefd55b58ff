"""The pipelines: which passes run at which level, in which order, and why in that order."""

import enum

from ..ops.enums import Layout
from ..pass_manager import Pipeline
from .canonicalization.canonicalize import canonicalize
from .canonicalization.eliminate_common_subexpressions import eliminate_common_subexpressions
from .canonicalization.eliminate_dead_code import eliminate_dead_code
from .canonicalization.fold_constants import fold_constants
from .canonicalization.fold_shape_arithmetic import fold_shape_arithmetic
from .canonicalization.infer_types import infer_types
from .canonicalization.reassociate import reassociate
from .canonicalization.simplify_control_flow import simplify_control_flow
from .fusion.fold_batch_norm import fold_batch_norm
from .fusion.fold_scales import fold_scales
from .fusion.fuse_activations import fuse_activations
from .fusion.fuse_linear import fuse_linear
from .fusion.fuse_normalizations import fuse_normalizations
from .fusion.fuse_padding import fuse_padding
from .fusion.recognize_activations import recognize_activations
from .layout.assign_layouts import assign_layouts
from .layout.change_io_layout import change_io_layout


class OptLevel(enum.Enum):
    """How much is optimised: nothing but what correctness needs, cleaning up, everything, also what changes rounding
    more, everything for size."""

    O0 = "0"
    O1 = "1"
    O2 = "2"
    O3 = "3"
    OS = "s"


def optimize(level: OptLevel) -> Pipeline:
    """The passes that do not depend on the target, for modules as frontends make them."""
    if level is OptLevel.O0:
        return _correctness()
    if level is OptLevel.O1:
        return (*_correctness(), *_normal_form(), *cleanup())
    if level is OptLevel.O3:
        # Between the two: on one spelling, and before weights and norms swallow the constants.
        return (*_correctness(), *_normal_form(), reassociate.with_options(), *_fusions(), *cleanup())
    return (*_correctness(), *_normal_form(), *_fusions(), *cleanup())


def _correctness() -> Pipeline:
    return (
        # Types of inputs may have been pinned after the frontend inferred the rest from wider ones.
        infer_types.with_options(),
        # Few targets compute shapes at run time, and every later pass sees more where the sizes are known.
        fold_shape_arithmetic.with_options(),
        # Many targets take only constant weights, axes and amounts; frontends leave them to be computed.
        fold_constants.with_options(),
        eliminate_dead_code.with_options(),
    )


def _normal_form() -> Pipeline:
    return (
        # What is decided now every later pass sees as a straight line.
        simplify_control_flow.with_options(),
        # One spelling of everything, so that each pattern below is written once.
        canonicalize.with_options(),
        # Patterns with inner uses (x - mean(x), twice) match only when equal parts are one value.
        eliminate_common_subexpressions.with_options(),
    )


def _fusions() -> Pipeline:
    return (
        # Before weights swallow the constants that activations and norms are recognised by (x + 3, x * 0.5).
        recognize_activations.with_options(),
        fuse_normalizations.with_options(),
        fuse_padding.with_options(),
        # Linear layers take part in the two passes below.
        fuse_linear.with_options(),
        # Brings factors to the layers that the next pass folds them into.
        fold_scales.with_options(),
        # Before activations stand between a layer and the scale behind it.
        fold_batch_norm.with_options(),
        fuse_activations.with_options(),
    )


def lower(
    legalize: Pipeline,
    spatial: Layout,
    level: OptLevel,
    io_layout: Layout = Layout.NCHW,
    io_names: str = "",
) -> Pipeline:
    """From optimised modules to what one target can write: its layout first, so that its rules see one layout only."""
    change_io = (change_io_layout.with_options(layout=io_layout, names=io_names),)
    return (
        *(change_io if io_layout is Layout.NHWC else ()),
        assign_layouts.with_options(spatial=spatial),
        # Transposes meet their inverses here, and those that move nothing become reshapes.
        *((canonicalize.with_options(),) if level is not OptLevel.O0 else ()),
        *legalize,
        *cleanup(),
    )


def cleanup() -> Pipeline:
    """What every rewriting of many ops leaves behind: constants to fold, the same computed twice, dead code."""
    return (
        fold_constants.with_options(),
        eliminate_common_subexpressions.with_options(),
        eliminate_dead_code.with_options(),
    )
