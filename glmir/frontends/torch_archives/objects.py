"""Objects of the classes that a TorchScript archive defines in its own ``code/``."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class ScriptObject:
    """An instance of a class that is known by name only; its attributes may change while a program is interpreted."""

    class_name: str
    """Qualified: ``__torch__.torch.nn.modules.conv.___torch_mangle_5.Conv2d``."""
    attributes: dict[str, object] = field(default_factory=dict, repr=False)
    state: object | None = field(default=None, repr=False)
    """What the archive holds for the class's ``__setstate__`` in place of attributes; None if it has attributes."""
