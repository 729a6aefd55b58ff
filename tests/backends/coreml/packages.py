"""Reads packages that tests have written."""

from pathlib import Path

from glmir.backends.coreml.schema import Model, Operation


def written_operations(package: Path) -> list[str]:
    """The types of the operations of a package's program, but for constants."""
    return [o.type for o in read_operations(package) if o.type != "const"]


def read_model(package: Path) -> Model:
    return Model.parse((package / "Data/com.apple.CoreML/model.mlmodel").read_bytes())


def read_operations(package: Path) -> list[Operation]:
    function = read_model(package).ml_program.functions["main"]
    return list(function.block_specializations[function.opset].operations)
