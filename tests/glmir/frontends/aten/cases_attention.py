"""Cases of attention.py."""

from typing import Any

from .cases import A, Case, Operations, T, program

Q, K, V = T(2, 3, 4, 8), T(2, 3, 5, 8), T(2, 3, 5, 6)
SEEN = A([[True, False, True, True, False]] * 3 + [[False] * 5], "bool")
MHA = (T(24, 8, constant=True), T(24, constant=True), T(8, 8, constant=True), T(8, constant=True))
NORM = (T(8, constant=True), T(8, constant=True))
FFN = (T(6, 8, constant=True), T(6, constant=True), T(8, 6, constant=True), T(8, constant=True))


def _first_of(name: str) -> Any:
    def run(ops: Operations, *args: Any, **kwargs: Any) -> Any:
        return ops[name](*args, **kwargs)[0]

    return run


def _self_attention(ops: Operations, x: Any, *parameters: Any) -> Any:
    return ops._native_multi_head_attention(x, x, x, 8, 2, *parameters)


def _weights_of_each_head(ops: Operations, x: Any, mask: Any, *parameters: Any) -> Any:
    return ops._native_multi_head_attention(x, x, x, 8, 2, *parameters, mask, True, False, 1)


def _no_weights(ops: Operations, x: Any, y: Any, *parameters: Any) -> Any:
    return ops._native_multi_head_attention(x, y, y, 8, 2, *parameters, None, False)[0]


CASES = [
    Case("scaled_dot_product_attention", Q, K, V),
    Case("scaled_dot_product_attention", T("b=2", 3, "s=4", 8), T("b=2", 3, "t=5", 8), T("b=2", 3, "t=5", 8)),
    Case("scaled_dot_product_attention", T(2, "h=3", 4, 8), T(2, "h=3", 5, 8), T(2, "h=3", 5, 8), T(4, 5)),
    Case("scaled_dot_product_attention", Q, K, V, T(4, 5), scale=0.7),
    Case("scaled_dot_product_attention", Q, K, V, T(2, 1, 4, 5)),
    Case("scaled_dot_product_attention", Q, K, V, SEEN),
    Case("scaled_dot_product_attention", Q, K, V, A([[[[True, False, True, True, True]]]] * 2, "bool", constant=True)),
    Case("scaled_dot_product_attention", Q, K, V, is_causal=True),
    Case("scaled_dot_product_attention", T(2, 3, "s=4", 8), T(2, 3, "t=5", 8), T(2, 3, "t=5", 8), is_causal=True),
    Case("scaled_dot_product_attention", Q, K, V, None, 0.5).refused("eval"),
    Case("scaled_dot_product_attention", T(3, 4, 8), T(3, 5, 8), T(3, 5, 8)),
    Case("scaled_dot_product_attention", T(3, 4, 8), T(3, 5, 8), T(3, 5, 8), T(3, 4, 5)),
    Case("scaled_dot_product_attention", T(4, 8), T(5, 8), T(5, 8), T(4, 5)),
    Case("scaled_dot_product_attention", T(2, 2, 3, 4, 8), T(2, 2, 3, 5, 8), T(2, 2, 3, 5, 8)),
    Case("scaled_dot_product_attention", T(2, 2, 3, 4, 8), T(2, 2, 3, 5, 8), T(2, 2, 3, 5, 8), T(2, 1, 1, 4, 5)),
    Case("scaled_dot_product_attention", T(2, 1, 4, 8), T(1, 3, 5, 8), T(1, 3, 5, 8)),
    Case("scaled_dot_product_attention", T(2, 6, 4, 8), T(2, 2, 5, 8), T(2, 2, 5, 8), enable_gqa=True),
    Case("scaled_dot_product_attention", T(2, 6, 4, 8), T(2, 1, 5, 8), T(2, 1, 5, 8), is_causal=True, enable_gqa=True),
    Case("_scaled_dot_product_attention_math", Q, K, V, T(4, 5)),
    Case("_scaled_dot_product_attention_math", Q, K, V, is_causal=True, scale=0.5),
    program(
        "flash attention",
        _first_of("_scaled_dot_product_flash_attention_for_cpu"),
        *(T(2, 3, 4, 8), T(2, 3, 5, 8), T(2, 3, 5, 8)),
        attn_mask=T(4, 5),
    ),
    program("self attention", _self_attention, T(2, 5, 8), *MHA),
    program("masked", _weights_of_each_head, T(2, 3, 8), A([[False, True, False], [False] * 3], "bool"), *MHA),
    program("cross attention", _no_weights, T(2, 3, 8), T(2, 3, 8), *MHA),
    Case("_transformer_encoder_layer_fwd", T(2, 5, 8), 8, 2, *MHA, False, False, 1e-5, *NORM, *NORM, *FFN),
    Case("_transformer_encoder_layer_fwd", T(2, 5, 8), 8, 2, *MHA, True, True, 1e-5, *NORM, *NORM, *FFN),
]
