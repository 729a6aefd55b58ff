"""Every op: it is documented, and its examples, or one made up for it, survive the whole machinery and run."""

import itertools
import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import numpy as np
import pytest

from glmir.dims import evaluate
from glmir.interpreter import run
from glmir.ir import Array, Function, Module, Op, Value
from glmir.opdef import ConstraintError, OpDefinition
from glmir.ops import DEFINITIONS, FAMILIES
from glmir.parser import parse_module
from glmir.printer import print_module
from glmir.types import DType, TensorType
from glmir.verifier import verify

FUNCTION = re.compile(r"^func .*?^}\n", re.DOTALL | re.MULTILINE)
"""A function that an example's op calls."""

INLINE_TYPE = re.compile(r"(%[\w.$/\-]+)\s*:\s*((?:quant<[^>]*>|\w+)\[[^\]]*\])")
"""An operand and the type that an example gives it in place: ``%x: f32[n, 3]``."""

RUN_TIME_NUMBERS: dict[str, dict[str, int]] = {"tensor.range": {"start": 1, "limit": 7, "delta": 2}}
"""Integer operands, by name, that an example's result shape supposes; others are 0 or 1, which is always in range."""

EXAMPLES = [(name, i) for name, definition in DEFINITIONS.items() for i in range(len(definition.examples))]
SIMPLE = [name for name, definition in DEFINITIONS.items() if not definition.examples]


@pytest.mark.parametrize("name", DEFINITIONS)
def test_op_has_a_summary(name: str) -> None:
    summary = DEFINITIONS[name].summary
    assert summary, f"{name} needs a docstring"
    assert not summary.startswith(f"{DEFINITIONS[name].cls.__name__}("), f"{name} needs a docstring of its own"
    assert not summary.endswith("."), f"the summary of {name} is a phrase: it ends without a full stop"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition(".")[2])
def test_every_op_of_a_family_is_exported(family: ModuleType) -> None:
    parts = [import_module(f"{family.__name__}.{part.name}") for part in iter_modules(family.__path__)]
    ops = {
        name
        for part in parts
        for name, member in vars(part).items()
        if isinstance(member, type) and "definition" in vars(member) and member.__module__ == part.__name__
    }
    assert ops and not ops - set(family.__all__), "import the op in the package of its family and list it in __all__"


@pytest.mark.parametrize(("name", "index"), EXAMPLES)
def test_example(name: str, index: int) -> None:
    module = example_module(DEFINITIONS[name].examples[index])
    assert any(op.definition.name == name for op in module.main.ops), f"the example of {name} is of another op"
    assert_runs(module)


@pytest.mark.parametrize("name", SIMPLE)
def test_op_without_example(name: str) -> None:
    assert_runs(default_module(DEFINITIONS[name]))


def example_module(example: str) -> Module:
    """The example as a function, beside those that it spells out.

    Operands with a type become its inputs, the last op's results its outputs.
    """
    functions = "".join(FUNCTION.findall(example))
    example = FUNCTION.sub("", example)
    inputs = dict(INLINE_TYPE.findall(example))
    body = INLINE_TYPE.sub(r"\1", example)
    parameters = ", ".join(f"{name}: {type_}" for name, type_ in inputs.items())
    module = parse_module(f"func @main({parameters}) -> () {{\n{body}\nreturn\n}}\n{functions}")
    *_, last = module.main.ops
    module.main.set_outputs(last.results, [f"output{i}" for i in range(len(last.results))])
    return module


def default_module(definition: OpDefinition) -> Module:
    """A function of one op on small tensors of the first dtype that the op takes."""
    for dtype in (DType.F32, DType.I32, DType.BOOL):
        try:
            op = default_op(definition, dtype)
        except ConstraintError:
            continue
        function = Function("main", op.operands)
        function.ops.append(op)
        function.set_outputs(op.results, [f"output{i}" for i in range(len(op.results))])
        return Module([function])
    raise AssertionError(f"{definition.name} is not simple enough to do without an example in its docstring")


def default_op(definition: OpDefinition, dtype: DType) -> Op:
    kinds = {"single": lambda name: Value(TensorType(dtype, (2, 3)), name), "optional": lambda name: None}
    operands = {f.name: kinds[f.kind](f.name) for f in definition.operand_fields}
    values = {int: 0, float: 1.0, bool: False, tuple[int, ...]: (0,)}
    attributes = {n: values[t] for n, t in definition.attribute_types.items() if t in values}
    return definition.cls(**operands, **attributes)


def assert_runs(module: Module) -> None:
    verify(module)
    text = print_module(module)
    reparsed = parse_module(text)
    assert reparsed == module
    assert print_module(reparsed) == text
    outputs = run(reparsed, random_inputs(reparsed.main))
    assert len(outputs) == len(module.main.outputs)


def random_inputs(function: Function) -> dict[str, Array]:
    """Seeded inputs; symbols become 4, 5, …, so that kernels fit and dims differ."""
    sizes = dict(zip(function.symbols, itertools.count(4), strict=False))
    random = np.random.default_rng(0)
    numbers = dict(run_time_numbers(function))
    inputs = {}
    for value in function.inputs:
        shape = [evaluate(d, sizes) for d in value.type.shape]
        numpy_dtype = value.type.dtype.numpy
        if value.type.dtype.is_float:
            inputs[value.name] = random.normal(size=shape).astype(numpy_dtype)
        else:
            inputs[value.name] = random.integers(0, 2, shape).astype(numpy_dtype)
        if value in numbers:
            inputs[value.name] = np.full(shape, numbers[value], numpy_dtype)
    return inputs


def run_time_numbers(function: Function) -> Iterator[tuple[Value, int]]:
    for op in function.ops:
        for field, number in RUN_TIME_NUMBERS.get(op.definition.name, {}).items():
            yield getattr(op, field), number
