"""What data shows of f16: the ops of a float module that would overflow in it, or lose their results."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ..interpreter import run_op
from ..ir import Module, Op, Value
from ..ops import math, nn, quant
from ..passes.precision.half_trials import Loss, lost_in_half
from ..passes.precision.islands import hanging_on, is_known_op, sources_within, uses_floats
from ..passes.precision.uses import MOVING
from ..passes.quantization.plan import name_values
from ..types import Array, bind_lone_symbols
from .quantization.data import DataSource, Sample, open_samples
from .quantization.model_inputs import ModelInputs
from .quantization.runner import Runner

if TYPE_CHECKING:
    from .quantization.record import Record

MOST_SAMPLES = 16
"""So many are looked at: each op is computed a second time on each of them, by the interpreter."""

LAYERS_BEFORE = 2
"""Over so many layers an island grows that needs exact operands: the products that are scores, and their factors."""


def islands_on_data(
    module: Module, record: "Record | None", data: DataSource, pinned: Collection[str], show: Callable[[str], None]
) -> dict[str, str]:
    """What ``observed_islands`` finds of a module that is about to be lowered; its values get names.

    Of a module that ``record`` tells about, quantized or pruned, those of the floats before.
    """
    tried = module if record is None else record.reference
    name_values(tried)
    samples: Iterable[Sample]
    if record is not None and record.first is not None:
        samples = record.first.take()
    else:
        samples = open_samples(data, ModelInputs.of(tried, pinned))
    return observed_islands(tried, samples, show)


def observed_islands(module: Module, samples: Iterable[Sample], show: Callable[[str], None]) -> dict[str, str]:
    """The values of ``main`` that f16 would lose on the samples, by name, each with the reason.

    All values must have names. Raises InputError for samples that do not fit, GlmirError when the module cannot be run
    on them.
    """
    ops = [op for op in module.main.ops if _is_tried(op)]
    values = {v.name: v for op in ops for v in (*op.operands, *op.results)}
    runner = Runner(module, list(values))
    lost: dict[Op, Loss] = {}
    for number, sample in enumerate(islice(samples, MOST_SAMPLES), 1):
        show(f"trying f16 on sample {number}")
        if sample.begins:
            runner.reset()
        arrays: dict[Value, Array] = {}

        def keep(name: str, array: Array, arrays: dict[Value, Array] = arrays) -> None:
            arrays[values[name]] = np.array(array)

        runner.run(sample.inputs, keep)
        sizes: dict[str, int] = {}
        for value, array in arrays.items():
            bind_lone_symbols(value.type, array.shape, sizes)
        evaluate = partial(_evaluated, sizes)
        for op in ops:
            if op not in lost and (loss := lost_in_half(op, arrays, evaluate)) is not None:
                lost[op] = loss
    return _named(lost)


def _attending(op: Op) -> Iterator[Op]:
    """The products that weigh values by a softmax which is ``op``, or of what ``op`` gives: attention, as one op, has
    the name of its product."""
    seen = {op}
    waiting = [op]
    while waiting:
        current = waiting.pop()
        users = [user for result in current.results for user in result.users if user not in seen]
        seen.update(users)
        if isinstance(current, nn.Softmax):
            yield from (user for user in users if isinstance(user, math.MatMul))
        else:
            waiting += [user for user in users if isinstance(user, (*MOVING, math.Arithmetic, nn.Softmax))]


def _evaluated(sizes: Mapping[str, int], op: Op, operands: Mapping[Value, Array]) -> tuple[Array, ...]:
    return run_op(op, operands, dict(sizes))


def _named(lost: Mapping[Op, Loss]) -> dict[str, str]:
    """The reasons by name, with those of what computes operands that must not be rounded."""
    found = {op.results[0].name: loss.reason for op, loss in lost.items()}
    for op, loss in lost.items():
        for source in sources_within(op.operands, LAYERS_BEFORE) if loss.is_of_operands else ():
            found.setdefault(source.results[0].name, hanging_on(op))
        for product in _attending(op):
            found.setdefault(product.results[0].name, f"{op.definition.name} inside: {loss.reason}")
    return found


def _is_tried(op: Op) -> bool:
    if is_known_op(op) or not uses_floats(op) or op.calls or isinstance(op, quant.Scaled):
        return False
    return all(v.type.quantization is None for v in (*op.operands, *op.results))
