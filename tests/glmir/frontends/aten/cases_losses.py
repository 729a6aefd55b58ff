"""Cases of losses.py."""

from .cases import A, Case, T

PROBABILITIES = T(2, 3, low=0.1, high=0.9)
CLASSES = A([2, 0, 1], "i64")

CASES = [
    *(
        Case(name, T(2, 3), T(2, 3), reduction)
        for name in ["mse_loss", "l1_loss", "huber_loss"]
        for reduction in range(3)
    ),
    *(Case("smooth_l1_loss", T(2, 3), T(2, 3), reduction, 0.5) for reduction in range(3)),
    Case("smooth_l1_loss", T(2, 3), T(2, 3), 1, 0.0),
    Case("huber_loss", T(2, 3), T(2, 3), 0, 0.5),
    Case("soft_margin_loss", T(3), A([1.0, -1.0, 1.0])),
    Case("kl_div", T(2, 3), A([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]]), 0),
    Case("kl_div", T(2, 3), T(2, 3), 2, log_target=True),
    Case("binary_cross_entropy", PROBABILITIES, A([[1.0, 0.0, 0.5], [0.0, 1.0, 1.0]]), None, 0),
    Case("binary_cross_entropy", A([0.0, 1.0]), A([1.0, 1.0]), T(2, low=0)),
    Case("binary_cross_entropy_with_logits", T(2, 3), A([[1.0, 0.0, 0.5], [0.0, 1.0, 1.0]])),
    Case("binary_cross_entropy_with_logits", T(2, 3), T(2, 3, low=0, high=1), T(3, low=0), T(3, low=0), 0),
    *(Case("nll_loss_nd", T(3, 4), CLASSES, None, reduction) for reduction in range(3)),
    *(Case("nll_loss_nd", T(3, 4), CLASSES, T(4, low=0), reduction, 0) for reduction in range(3)),
    Case("nll_loss_nd", T(2, 3, 2, 2), T(2, 2, 2, dtype="i64", low=0)),
    Case("nll_loss_nd", T(4), A(2, "i64")),
    Case("cross_entropy_loss", T(3, 4), CLASSES),
    Case("cross_entropy_loss", T(3, 4), T(3, 4)).refused("labels"),
]
