"""All that is wrong with a package, as sentences: the folder, the description, the program, each operation."""

from collections.abc import Iterator
from pathlib import Path

from ..executor.kinds import ProgramError
from ..executor.signatures import OPSETS
from ..executor.values import declared_type
from ..protobuf import has
from ..schema import Function, FunctionDescription, Model, ModelDescription
from .border import check_border
from .folder import check_folder
from .program import check_function

LEAST_SPECIFICATION = {"CoreML5": 6, "CoreML6": 7, "CoreML7": 8, "CoreML8": 9, "CoreML9": 10}
"""The first specification version whose models may use an opset."""

_MULTIFUNCTION = 9


def problems(path: Path) -> tuple[str, ...]:
    """A sentence for everything that keeps Core ML from compiling the package, as far as can be told from the file."""
    found, package = check_folder(path)
    if package is None:
        return tuple(found)
    model = package.model
    found += _check_model(model)
    for name, description in _described(model).items():
        function = model.ml_program.functions.get(name)
        if function is None:
            found.append(f"the description names a function {name}, which the program does not have")
            continue
        opset_problem = _check_opset(name, function, model.specification_version)
        if opset_problem:
            found.append(opset_problem)
            continue
        found += check_function(function, OPSETS[function.opset], package.weights)
        if not (malformed := list(_malformed_types(function))):
            found += check_border(function, description, model.specification_version)
        found += malformed
    return tuple(dict.fromkeys(found))


def _check_model(model: Model) -> Iterator[str]:
    version, program = model.specification_version, model.ml_program
    if not has(model, "ml_program"):
        yield "the model holds no ML Program"
    if version not in LEAST_SPECIFICATION.values():
        yield f"the specification version is {version}; those of ML Programs are 6 to 10"
    if program.version != 1:
        yield f"the program has version {program.version}, not 1"
    if model.is_updatable:
        yield "ML Programs cannot be updatable"
    several = bool(model.description.functions)
    described = _described(model)
    for name in program.functions:
        if name not in described:
            yield f"the program has a function {name}, which the description does not name"
    if several and version < _MULTIFUNCTION:
        yield f"several functions need specification version 9, not {version}"
    description = model.description
    if several and (description.input or description.output or description.state):
        yield "a model of several functions describes inputs and outputs by function, not its own"
    if several and description.default_function_name not in described:
        yield f"the default function, {description.default_function_name or 'none'}, is not described"


def _described(model: Model) -> dict[str, ModelDescription | FunctionDescription]:
    if model.description.functions:
        return {function.name: function for function in model.description.functions}
    return {"main": model.description}


def _check_opset(name: str, function: Function, version: int) -> str:
    if function.opset not in LEAST_SPECIFICATION:
        return f"function {name} is of the unknown opset {function.opset!r}"
    if function.opset not in function.block_specializations:
        return f"function {name} has no block for its opset {function.opset}"
    if LEAST_SPECIFICATION[function.opset] > version:
        return f"function {name} is of opset {function.opset}, which specification version {version} does not have"
    return ""


def _malformed_types(function: Function) -> Iterator[str]:
    for value in function.inputs:
        try:
            declared_type(value.type)
        except ProgramError as error:
            yield f"input {value.name}: {error}"
