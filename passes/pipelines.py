"""The pipelines: which passes run at which level, in which order, and why in that order."""

import enum

from ..ops.enums import Layout
from ..pass_manager import PassInstance, Pipeline
from .canonicalization.canonicalize import canonicalize
from .canonicalization.eliminate_common_subexpressions import eliminate_common_subexpressions
from .canonicalization.eliminate_dead_code import eliminate_dead_code
from .canonicalization.fold_constants import fold_constants
from .canonicalization.fold_shape_arithmetic import fold_shape_arithmetic
from .canonicalization.generate_constants import generate_constants
from .canonicalization.hoist_slices import hoist_slices
from .canonicalization.infer_types import infer_types
from .canonicalization.merge_slices import merge_slices
from .canonicalization.reassociate import reassociate
from .canonicalization.simplify_control_flow import simplify_control_flow
from .fusion.fold_batch_norm import fold_batch_norm
from .fusion.fold_part_scales import fold_part_scales
from .fusion.fold_product_scales import fold_product_scales
from .fusion.fold_scales import fold_scales
from .fusion.fuse_activations import fuse_activations
from .fusion.fuse_attention import fuse_attention
from .fusion.fuse_linear import fuse_linear
from .fusion.fuse_normalizations import fuse_normalizations
from .fusion.fuse_padding import fuse_padding
from .fusion.fuse_rotary_embeddings import fuse_rotary_embeddings
from .fusion.merge_layers import merge_layers
from .fusion.recognize_activations import recognize_activations
from .fusion.recognize_movement import recognize_movement
from .layout.assign_layouts import assign_layouts
from .layout.cancel_transposes import cancel_transposes
from .layout.change_io_layout import change_io_layout
from .layout.route_channels import route_channels
from .lowering.decompose_attention import decompose_attention
from .lowering.decompose_rotary_embeddings import decompose_rotary_embeddings
from .lowering.expand_integer_products import expand_integer_products
from .memory.order_ops import order_ops


class OptLevel(enum.Enum):
    """How much is optimised: nothing but what correctness needs, cleaning up, everything, also what changes rounding
    more, everything for size."""

    O0 = "0"
    O1 = "1"
    O2 = "2"
    O3 = "3"
    OS = "s"

    @property
    def only_cleans_up(self) -> bool:
        """Whether ops keep the forms that their source has them in, where the target takes those."""
        return self in (OptLevel.O0, OptLevel.O1)


def optimize(level: OptLevel) -> Pipeline:
    """The passes that do not depend on the target, for modules as frontends make them."""
    if level is OptLevel.O0:
        return _correctness(level)
    if level is OptLevel.O1:
        return (*_correctness(level), *_normal_form(level), *cleanup(level))
    # Between the two: on one spelling, and before weights and norms swallow the constants.
    rounding = (reassociate.with_options(),) if level is OptLevel.O3 else ()
    return (*_correctness(level), *_normal_form(level), *rounding, *_fusions(level), *cleanup(level))


def _correctness(level: OptLevel) -> Pipeline:
    return (
        # Types of inputs may have been pinned after the frontend inferred the rest from wider ones.
        infer_types.with_options(),
        # Few targets compute shapes at run time, and every later pass sees more where the sizes are known.
        fold_shape_arithmetic.with_options(),
        # Many targets take only constant weights, axes and amounts; frontends leave them to be computed.
        _fold(level),
        eliminate_dead_code.with_options(),
    )


def _fold(level: OptLevel) -> PassInstance:
    # For size, tables that few numbers give (masks, relative positions) are computed when the model runs.
    return fold_constants.with_options(max_growth=256) if level is OptLevel.OS else fold_constants.with_options()


def _normal_form(level: OptLevel) -> Pipeline:
    unrolled = {"max_unrolled_ops": 0} if level is OptLevel.OS else {}
    return (
        # What is decided now every later pass sees as a straight line.
        simplify_control_flow.with_options(**unrolled),
        # One spelling of everything, so that each pattern below is written once.
        canonicalize.with_options(),
        # Patterns with inner uses (x - mean(x), twice) match only when equal parts are one value.
        eliminate_common_subexpressions.with_options(),
    )


def _fusions(level: OptLevel) -> Pipeline:
    # For size no weights are multiplied out that would then be larger, or stored a second time.
    grows = level is not OptLevel.OS
    return (
        # Layers on integers are layers to all that follows.
        fold_product_scales.with_options(),
        # Before weights swallow the constants that activations and norms are recognised by (x + 3, x * 0.5).
        recognize_activations.with_options(),
        fuse_normalizations.with_options(),
        # Before paddings: that of a dilated convolution stands before its pixels are dealt out.
        recognize_movement.with_options(),
        fuse_padding.with_options(),
        # Linear layers take part in the two passes below.
        fuse_linear.with_options(),
        # Brings factors to the layers that the next pass folds them into.
        fold_scales.with_options(grows=grows),
        # Before activations stand between a layer and the scale behind it.
        fold_batch_norm.with_options(grows=grows),
        # Branches end in sums once norms are gone; an activation would end a layer.
        merge_layers.with_options(grows=grows),
        fuse_activations.with_options(),
        # Past whole norms and layers, and before what is left of these is counted and moved.
        hoist_slices.with_options(),
        # When layers have swallowed all that stood between them and the moves of their channels.
        route_channels.with_options(),
    )


def lower(
    legalize: Pipeline,
    spatial: Layout,
    level: OptLevel,
    io_layout: Layout = Layout.NCHW,
    io_names: str = "",
    keeps_attention: bool = False,
    keeps_integer_products: bool = False,
) -> Pipeline:
    """From optimised modules to what one target can write: its layout first, so that its rules see one layout only."""
    change_io = (change_io_layout.with_options(layout=io_layout, names=io_names),)
    return (
        *(change_io if io_layout is Layout.NHWC else ()),
        # Before layouts, which know the layers that these become.
        *(() if keeps_integer_products else (expand_integer_products.with_options(),)),
        *(() if level.only_cleans_up else _attention(keeps_attention)),
        assign_layouts.with_options(spatial=spatial),
        # Transposes meet their inverses here, and those that move nothing become reshapes.
        *((canonicalize.with_options(),) if level is not OptLevel.O0 else ()),
        *(() if level.only_cleans_up else _transposes(spatial)),
        # Also slices that layouts and attention made; rules know slices better, targets splits.
        *((merge_slices.with_options(),) if level is not OptLevel.O0 else ()),
        # Not earlier, for rules look into constants.
        *((generate_constants.with_options(),) if level is OptLevel.OS else ()),
        # Among these are optimisations of the target's own.
        *(instance for instance in legalize if instance.pass_.is_needed or not level.only_cleans_up),
        *cleanup(level),
        # Last, when all ops are there: every target's runtime takes them in the order in which they are written.
        *(() if level.only_cleans_up else (order_ops.with_options(),)),
    )


def _transposes(spatial: Layout) -> Pipeline:
    """When those are gone that only pass through each other, for what is left may stand where it costs less."""
    return (cancel_transposes.with_options(softmax_along_last=spatial is Layout.NHWC),)


def _attention(is_kept: bool) -> Pipeline:
    """Behind quantization, which takes products and the softmax between them apart."""
    # Whichever of the many forms the exporter wrote, the one that costs least comes out, of ops that layouts pass
    # through.
    decompose = () if is_kept else (decompose_attention.with_options(),)
    return (
        fuse_rotary_embeddings.with_options(),
        fuse_attention.with_options(),
        *decompose,
        decompose_rotary_embeddings.with_options(),
        fold_part_scales.with_options(),
    )


def cleanup(level: OptLevel = OptLevel.O2) -> Pipeline:
    """What every rewriting of many ops leaves behind: constants to fold, the same computed twice, dead code."""
    return (
        _fold(level),
        *((eliminate_common_subexpressions.with_options(),) if level is not OptLevel.O0 else ()),
        eliminate_dead_code.with_options(),
    )
