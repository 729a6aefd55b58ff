"""The list of all passes; pipelines.py puts them in order."""

from ..pass_manager import Pass
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
from .compression.palettize_weights import palettize_weights
from .compression.prune_channels import prune_channels
from .compression.prune_weights import prune_weights
from .compression.quantize_weights import quantize_weights
from .compression.store_sparse import store_sparse
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
from .fusion.join_attention_heads import join_attention_heads
from .fusion.merge_layers import merge_layers
from .fusion.recognize_activations import recognize_activations
from .fusion.recognize_movement import recognize_movement
from .fusion.recognize_recurrent import recognize_recurrent
from .layout.assign_layouts import assign_layouts
from .layout.cancel_transposes import cancel_transposes
from .layout.change_io_layout import change_io_layout
from .layout.route_channels import route_channels
from .lowering.decompose_attention import decompose_attention
from .lowering.decompose_rotary_embeddings import decompose_rotary_embeddings
from .lowering.dissolve_compression import dissolve_compression
from .lowering.expand_integer_products import expand_integer_products
from .lowering.expand_quantization import expand_quantization
from .lowering.gather_rows import gather_rows
from .memory.order_ops import order_ops
from .precision.lower_precision import lower_precision
from .precision.narrow_types import narrow_types
from .precision.round_weights import round_weights
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
    hoist_slices,
    merge_slices,
    generate_constants,
    eliminate_dead_code,
    recognize_activations,
    fuse_normalizations,
    fuse_padding,
    recognize_movement,
    recognize_recurrent,
    fuse_linear,
    fold_scales,
    fold_batch_norm,
    merge_layers,
    fuse_activations,
    fuse_rotary_embeddings,
    fuse_attention,
    join_attention_heads,
    fold_part_scales,
    fold_product_scales,
    route_channels,
    change_io_layout,
    assign_layouts,
    cancel_transposes,
    prune_channels,
    prune_weights,
    equalize_layers,
    insert_quantization,
    quantize_border,
    quantize_weights,
    palettize_weights,
    store_sparse,
    decompose_attention,
    decompose_rotary_embeddings,
    dissolve_compression,
    expand_integer_products,
    expand_quantization,
    gather_rows,
    narrow_types,
    lower_precision,
    round_weights,
    order_ops,
)

BY_NAME: dict[str, Pass] = {p.name: p for p in PASSES}
