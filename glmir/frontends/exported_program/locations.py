"""Where a node comes from: the module, and the user's source line (``nn_module_stack``, ``stack_trace``)."""

import re
from collections.abc import Mapping
from pathlib import PurePath

from ...ir import Location

_FRAME = re.compile(r'File "([^"\n]+)", line (\d{1,9})')
_PYTORCH = re.compile(r"-packages[/\\]torch[/\\]|^torch[/\\]|^<")
"""PyTorch's own files, and code that it made up (``<eval_with_key>``)."""
_NO_MODULES = ("_empty_nn_module_stack_from_metadata_hook",)
"""What the stack of nodes says that stand for no module's code, such as inserted size computations."""
_MAX_TRACE = 100_000


def location_of(metadata: Mapping[str, object]) -> Location:
    """Module path and ``file.py:12``, each where the program says it."""
    return tuple(part for part in (_module(metadata), _line(metadata)) if part)


def describe_place(metadata: Mapping[str, object]) -> str:
    """The place for a message: ``in blocks.0.attn (model.py:12)``."""
    line = _line(metadata)
    return f"in {_module(metadata) or 'the module itself'}{f' ({line})' if line else ''}"


def _module(metadata: Mapping[str, object]) -> str:
    """The qualified name of the innermost module: the stack is ``key,name,class`` of each, joined by semicolons."""
    stack = metadata.get("nn_module_stack")
    if not isinstance(stack, str):
        return ""
    parts = stack.rpartition(";")[2].split(",")
    return parts[1] if len(parts) > 1 and parts[1] not in _NO_MODULES else ""


def _line(metadata: Mapping[str, object]) -> str:
    """The innermost line that is not PyTorch's own."""
    trace = metadata.get("stack_trace")
    if not isinstance(trace, str):
        return ""
    frames = reversed(_FRAME.findall(trace[-_MAX_TRACE:]))
    file, line = next((frame for frame in frames if not _PYTORCH.search(frame[0])), ("", ""))
    return f"{PurePath(file).name}:{line}" if file else ""
