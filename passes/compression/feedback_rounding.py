"""Rounding of weights by what calibration data shows of their layers' inputs (``error_feedback``)."""

from collections.abc import Mapping

import numpy as np

from ...ir import Array, Module, Op, Value
from ..quantization.error_feedback import round_with_feedback
from ..quantization.products import Product, product_of
from ..quantization.statistics import Request, TensorStatistics
from ..quantization.uniform import QuantizedArray, Refinement, Scheme, quantize
from ..quantization.weights import WeightUse
from .quantize_weights import Form, WeightOptions, plan_weights

LEAST_IMPORTANCE = 0.01
"""What an input counts at least, in parts of the mean, when scales are chosen."""


class FeedbackRounding:
    """Rounds the weights of a module's ``main`` that get what ``options`` ask for so that their layers' results change
    least; those that get 8 bits instead of fewer need no such care.

    Scales are chosen for the least squared error, each input weighted by its second moment; then each element makes up
    for the errors of those before it. The values of the module have names, by which calibration knows them.
    """

    def __init__(self, module: Module, options: WeightOptions) -> None:
        self._scheme = options.scheme
        plans = [p for p in plan_weights(module, options) if p.weight.constant.function is module.main]
        uses = [p.weight.first_use for p in plans if p.form is not None and p.form.scheme == options.scheme]
        self._products = _one_kind_a_source([p for p in map(product_of, uses) if p is not None and p.source.name])
        self._grams: Mapping[str, Array] = {}

    @property
    def requests(self) -> dict[str, Request]:
        """What calibration is to gather, by the names of values."""
        return {product.source.name: Request(rows=product.vectors) for product in self._products.values()}

    def learn(self, tensors: Mapping[str, TensorStatistics]) -> None:
        """Takes what calibration has gathered; of what it has not, weights are rounded to the nearest."""
        self._grams = {name: s.gram for name, s in tensors.items() if s.gram is not None}

    def __call__(self, use: WeightUse, elements: Array, form: Form) -> QuantizedArray | None:
        """The weight's integers; None when nothing is known of its inputs, or it is not what was asked for."""
        product = self._products.get((use.op, use.field))
        gram = None if product is None else self._grams.get(product.source.name)
        if product is None or gram is None or form.scheme != self._scheme:
            return None
        return _rounded(product, elements, product.moments(gram), form)


def _one_kind_a_source(products: list[Product]) -> dict[tuple[Op, str], Product]:
    """The products by op and field, all those of one tensor on the same vectors; those that cannot be are left out."""
    kinds: dict[Value, set[object]] = {}
    for product in products:
        kinds.setdefault(product.source, set()).add(product.kind)
    found: dict[tuple[Op, str], Product] = {}
    chosen: dict[Value, object] = {}
    for product in products:
        common = product if len(kinds[product.source]) == 1 else product_of(product.use, is_joint=False)
        if common is not None and chosen.setdefault(common.source, common.kind) == common.kind:
            found[common.use.op, common.use.field] = common
    return found


def _rounded(product: Product, elements: Array, moments: Array, form: Form) -> QuantizedArray:
    weight = product.matrices(elements)
    diagonals = np.diagonal(moments, axis1=1, axis2=2)
    mean = float(diagonals.mean())
    # Squares may have overflown: then nothing is known.
    is_known = mean > 0 and np.isfinite(mean)
    relative = diagonals / mean + LEAST_IMPORTANCE if is_known else np.ones_like(diagonals)
    importance = product.weight(np.broadcast_to(relative[:, None, :], weight.shape))
    nearest = quantize(
        elements, form.scheme, axis=form.axis, block=form.block, refinement=Refinement.MSE, importance=importance
    )
    scales = product.matrices(_spread(nearest, nearest.scales))
    zeros = np.zeros(1) if nearest.zero_points is None else product.matrices(_spread(nearest, nearest.zero_points))
    integers = round_with_feedback(weight, moments, scales, zeros.astype(np.float32), form.scheme.levels)
    stored = _stored(product.weight(integers), form.scheme)
    return QuantizedArray(stored, nearest.scales, nearest.zero_points, nearest.grouping)


def _spread(quantized: QuantizedArray, parameters: Array) -> Array:
    return np.broadcast_to(quantized.grouping.over(parameters), quantized.stored.shape)


def _stored(integers: Array, scheme: Scheme) -> Array:
    return integers.astype(np.int32).astype(scheme.storage.numpy)


__all__ = ["FeedbackRounding"]
