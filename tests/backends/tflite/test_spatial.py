"""Convolutions and pools in LiteRT, held against the interpreter."""

import pytest
from glmir.ops import nn
from glmir.ops.enums import Activation, Layout

from .building import argument, check_op, weight

NHWC = Layout.NHWC


def conv(x, w, bias=True, strides=1, padding=0, dilations=1, **options):
    rank = x.type.rank - 2
    b = weight(w.type.shape[0], seed=3) if bias else None
    as_tuple = lambda v, n: v if isinstance(v, tuple) else (v,) * n  # noqa: E731
    return nn.Conv(
        x, w, b, as_tuple(strides, rank), as_tuple(padding, 2 * rank), as_tuple(dilations, rank), layout=NHWC, **options
    )


def test_conv():
    check_op(conv(argument(1, 8, 8, 4), weight(6, 4, 3, 3), padding=1), writes="CONV_2D")
