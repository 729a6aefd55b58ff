"""What the user says of targets: ``--precision``, ``--coreml-target``, ``--opset``, ``--image-input`` and so on."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..backends.coreml.opsets import OPSETS
from ..backends.target import ImageInput, Precision, Sizes, TargetOptions
from ..errors import InputError

COREML_TARGETS = tuple(f"ios{version}" for version in OPSETS)
PRECISIONS = tuple(precision.value for precision in Precision)
COLORS = ("rgb", "bgr", "gray")


def parse_target_options(
    precision: str | None,
    coreml_target: str | None,
    opset: int | None,
    image_inputs: Sequence[str],
    class_labels: Sequence[str] | Sequence[int],
    sizes: Mapping[str, Sizes],
) -> TargetOptions:
    """The options that these texts stand for; raises InputError."""
    for what, given, known in (
        ("precision", precision, PRECISIONS),
        ("Core ML target", coreml_target, COREML_TARGETS),
    ):
        if given is not None and given not in known:
            raise InputError(f"there is no {what} {given}; there are {', '.join(known)}")
    images = tuple(map(_image_input, image_inputs))
    if len({image.name for image in images}) < len(images):
        raise InputError("an image input is given twice")
    return TargetOptions(
        precision=None if precision is None else Precision(precision),
        coreml_target=None if coreml_target is None else int(coreml_target.removeprefix("ios")),
        opset=opset,
        image_inputs=images,
        class_labels=_labels(class_labels),
        sizes=sizes,
    )


def require_targets(options: TargetOptions, targets: Sequence[str]) -> None:
    """Raises InputError for an option that is for none of the targets: it would go unnoticed."""
    for flag, is_given, target in (
        ("--coreml-target", options.coreml_target is not None, "coreml"),
        ("--image-input", bool(options.image_inputs), "coreml"),
        ("--class-labels", bool(options.class_labels), "coreml"),
        ("--opset", options.opset is not None, "onnx"),
    ):
        if is_given and target not in targets:
            raise InputError(f"{flag} is for target {target}, not for {', '.join(targets)}")


def read_class_labels(path: Path) -> list[str]:
    """The lines of a text file; raises InputError, also when there are none."""
    try:
        labels = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file with a class label a line") from None
    if not labels:
        raise InputError(f"{path} is empty; it takes a class label a line")
    if "" in labels:
        raise InputError(f"{path}: line {labels.index('') + 1} is empty; it takes a class label a line")
    return labels


def _labels(given: Sequence[str] | Sequence[int]) -> tuple[str, ...] | tuple[int, ...]:
    if len(set(given)) < len(given):
        twice = next(label for label in given if list(given).count(label) > 1)
        raise InputError(f"the class label {twice!r} is given twice")
    texts = tuple(label for label in given if isinstance(label, str))
    numbers = tuple(label for label in given if isinstance(label, int) and not isinstance(label, bool))
    if len(given) not in (len(texts), len(numbers)):
        raise InputError("class labels are all texts or all integers")
    return texts or numbers


_IMAGE_FORM = "NAME=rgb|bgr|gray[:scale=NUMBER][:bias=NUMBER[,NUMBER,NUMBER]]"


def _image_input(text: str) -> ImageInput:
    """``NAME=COLOR:scale=S:bias=B``; numbers may be fractions, ``1/127.5``."""
    match = re.fullmatch(rf"(.+)=({'|'.join(COLORS)})(?::scale=([^:=]+))?(?::bias=([^:=]+))?", text)
    if match is None:
        raise InputError(f"--image-input takes {_IMAGE_FORM}, not {text!r}")
    name, color, scale, bias = match.groups()
    if _number(scale or "1", text) == 0:
        raise InputError(f"--image-input {text}: with a scale of 0 all images are the same")
    values = tuple(_number(part, text) for part in (bias or "0").split(","))
    if len(values) not in (1, 1 if color == "gray" else 3):
        raise InputError(f"--image-input {text}: {color} takes one bias{'' if color == 'gray' else ' or three'}")
    return ImageInput(name, color, _number(scale or "1", text), values)


def _number(part: str, text: str) -> float:
    numerator, _, denominator = part.partition("/")
    try:
        number = float(numerator) / float(denominator or "1")
    except (ValueError, ZeroDivisionError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"--image-input takes {_IMAGE_FORM}, not {text!r}")
    return number
