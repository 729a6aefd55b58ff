"""Cases of normalization.py."""

from typing import Any

from .cases import Case, Operations, T, program

P = T(3, low=0.5, high=2, constant=True)
V = T(3, low=0.5, high=2, seed=1, constant=True)


def _change_what_dropout_gives(ops: Operations, x: Any) -> Any:
    ops.add_(ops.dropout(x, 0.5, False), 1)
    return x


CASES = [
    Case("batch_norm", T(2, 3, 4, 5), P, P, P, V, False, 0.1, 1e-5, True),
    Case("batch_norm", T("n=2", 3), None, None, P, V, False, 0.1, 1e-3, True),
    Case("batch_norm", T(2, 3, 4), P, P, None, None, True, 0.1, 1e-5, True),
    Case("batch_norm", T(2, 3, 4), P, P, P, V, True, 0.1, 1e-5, True).refused("eval"),
    Case("native_batch_norm", T(2, 3, 4), P, P, P, V, False, 0.1, 1e-5),
    Case("native_batch_norm", T(2, 3, 4), P, None, None, None, True, 0.1, 1e-5),
    Case("_native_batch_norm_legit", T(2, 3, 4), P, P, P, V, False, 0.1, 1e-5),
    Case("_native_batch_norm_legit", T(2, 3, 4), P, P, True, 0.1, 1e-5),
    Case("_native_batch_norm_legit_no_training", T(2, 3, 4, 2), P, P, P, V, 0.1, 1e-5),
    Case("_batch_norm_no_update", T(2, 3, 4, 2), P, P, P, V, 0.1, 1e-5),
    Case("_batch_norm_impl_index", T(2, 3, 4, 2), P, P, P, V, False, 0.1, 1e-5, True),
    Case("instance_norm", T(2, 3, 4, 5), P, P, None, None, True, 0.1, 1e-5, True),
    Case("instance_norm", T("n=2", 3, "l=6"), None, None, None, None, True, 0.1, 1e-5, True),
    Case("instance_norm", T(2, 3, 6), P, P, P, V, False, 0.1, 1e-5, True),
    Case("layer_norm", T(2, 4, 3), [3], P, V, 1e-6),
    Case("layer_norm", T("n=2", 4, 3), [4, 3]),
    Case("layer_norm", T("n=2", 4, 3), [3], P),
    Case("layer_norm", T(2, 3, dtype="f16"), [3]),
    Case("native_layer_norm", T(2, 4, 3), [3], P, V, 1e-6),
    Case("native_layer_norm", T(2, 4, 3), [4, 3], None, None, 1e-6),
    Case("group_norm", T(2, 6, 4, 2), 3, T(6), T(6)),
    Case("group_norm", T("n=2", 6, "h=4", "w=2"), 2),
    Case("group_norm", T(2, 6), 2, T(6)),
    Case("native_group_norm", T(2, 6, 4, 2), T(6), T(6), 2, 6, 8, 3, 1e-5),
    Case("native_group_norm", T("n=2", 6, 4), None, None, 2, 6, 4, 3, 1e-5),
    Case("rms_norm", T(2, 4, 3), [3], P, 1e-6),
    Case("rms_norm", T(2, 4, 3), [4, 3]),
    Case("_fused_rms_norm", T(2, 4, 3), [3], P, 1e-6),
    Case("renorm", T(3, 4), 2, 0, 2.5),
    Case("renorm", T(3, 4), 1, 1, 3),
    Case("renorm", T(3, 4), 3, 1, 3),
    Case("norm_except_dim", T(3, 4, 2), 2, 1),
    Case("_weight_norm", T(3, 4, 2), T(3, 1, 1), 0),
    Case("_weight_norm", T(3, 4), T(low=1), -1),
    Case("_weight_norm_interface", T(3, 4, 2), T(3, 1, 1), 0),
    Case("_weight_norm_interface", T(3, 4, 2), T(1, 1, 2), 2),
    Case("dropout", T(2, 3), 0.5, False),
    Case("dropout", T(2, 3), 0.0, True),
    Case("dropout", T(2, 3), 0.5, True).refused("eval"),
    Case("dropout_", T(2, 3), 0.5, False),
    program("dropout is an alias", _change_what_dropout_gives, T(2, 3)),
    Case("feature_dropout", T(2, 3), 0.5, False),
    Case("alpha_dropout", T(2, 3), 0.5, False),
    Case("native_dropout", T(2, 3), 0.5, False),
]
