"""A legal module to a package: program, description, weights, folder."""

from pathlib import Path

from ...ir import Module, Op
from ..emission import check_legal
from ..target import TargetOptions
from . import schema
from .classifier import add_classifier
from .emitters import TABLE
from .interface import describe
from .opsets import OPSETS
from .package import write_package
from .program import Program


def serialize(module: Module, path: Path, version: int, options: TargetOptions) -> None:
    """Writes the module's ``main`` as an ``.mlpackage`` folder at ``path``, where nothing may be.

    ``version`` is the iOS release to write for. Raises CompileError with every op that it cannot express, InputError
    when the options do not fit the module, OSError.
    """
    table = TABLE.at(version)
    check_legal(module, table, "coreml")

    def emit(op: Op, program: Program) -> None:
        emitter = table.find(op)
        assert emitter is not None
        emitter.emit(op, program)

    program = Program(module, version, emit)
    description = describe(module, program, options)
    program.emit_main()
    if options.class_labels:
        description = add_classifier(module.main, program, description, options.class_labels)
    opset = OPSETS[version]
    function = program.function(opset.name, program.output_names)
    model = schema.Model(
        specification_version=opset.specification,
        description=description,
        ml_program=schema.Program(version=1, functions={"main": function}),
    )
    write_package(model, program.weights, path)
