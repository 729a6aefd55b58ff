"""The list of all passes; pipelines.py puts them in order."""

from ..pass_manager import Pass
from .canonicalization.canonicalize import canonicalize
from .canonicalization.eliminate_common_subexpressions import eliminate_common_subexpressions
from .canonicalization.eliminate_dead_code import eliminate_dead_code
from .canonicalization.fold_constants import fold_constants
from .canonicalization.fold_shape_arithmetic import fold_shape_arithmetic
from .canonicalization.infer_types import infer_types
from .canonicalization.reassociate import reassociate
from .canonicalization.simplify_control_flow import simplify_control_flow
from .compression.palettize_weights import palettize_weights
from .compression.prune_channels import prune_channels
from .compression.prune_weights import prune_weights
from .compression.quantize_weights import quantize_weights
from .compression.store_sparse import store_sparse
from .fusion.fold_batch_norm import fold_batch_norm
from .fusion.fold_scales import fold_scales
from .fusion.fuse_activations import fuse_activations
from .fusion.fuse_linear import fuse_linear
from .fusion.fuse_normalizations import fuse_normalizations
from .fusion.fuse_padding import fuse_padding
from .fusion.recognize_activations import recognize_activations
from .layout.assign_layouts import assign_layouts
from .layout.change_io_layout import change_io_layout
from .lowering.dissolve_compression import dissolve_compression
from .lowering.expand_quantization import expand_quantization
from .precision.lower_precision import lower_precision
from .precision.narrow_types import narrow_types
from .quantization.equalize_layers import equalize_layers
from .quantization.insert_quantization import insert_quantization
from .quantization.quantize_border import quantize_border

PASSES: tuple[Pass, ...] = (
    infer_types,
    fold_shape_arithmetic,
    fold_constants,
    simplify_control_flow,
    canonicalize,
    reassociate,
    eliminate_common_subexpressions,
    eliminate_dead_code,
    recognize_activations,
    fuse_normalizations,
    fuse_padding,
    fuse_linear,
    fold_scales,
    fold_batch_norm,
    fuse_activations,
    change_io_layout,
    assign_layouts,
    prune_channels,
    prune_weights,
    equalize_layers,
    insert_quantization,
    quantize_border,
    quantize_weights,
    palettize_weights,
    store_sparse,
    dissolve_compression,
    expand_quantization,
    narrow_types,
    lower_precision,
)

BY_NAME: dict[str, Pass] = {p.name: p for p in PASSES}
