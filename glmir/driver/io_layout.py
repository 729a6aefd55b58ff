"""``--io-layout``: which inputs and outputs the compiled model takes and gives channels-last."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InputError
from ..ir import Module
from ..passes.layout.change_io_layout import SMALLEST_RANK, encode_names, selected_names


@dataclass(frozen=True)
class IoLayout:
    """All images (``names`` is empty then) or the named inputs and outputs are channels-last, or none is."""

    is_channels_last: bool = False
    names: tuple[str, ...] = ()

    @staticmethod
    def parse(texts: Sequence[str]) -> "IoLayout":
        """What ``nchw``, ``nhwc`` or any number of ``NAME=nhwc`` ask for; raises InputError."""
        names = []
        for text in texts:
            name, equals, layout = text.rpartition("=")
            if layout not in ("nchw", "nhwc") or bool(name) != bool(equals):
                raise InputError(f"--io-layout takes nchw, nhwc or NAME=nhwc, not {text!r}")
            if not equals and len(texts) > 1:
                raise InputError(f"--io-layout {text} is for all inputs and outputs; it takes no other beside it")
            if equals and layout == "nhwc":
                names.append(name)
        return IoLayout(bool(names) or "nhwc" in texts, tuple(names))

    @property
    def option_text(self) -> str:
        """The names as change-io-layout takes them."""
        return encode_names(self.names)

    def selected(self, module: Module) -> frozenset[str]:
        """The inputs and outputs that become channels-last; raises InputError for a name that cannot."""
        if not self.is_channels_last:
            return frozenset()
        function = module.main
        ranks = {v.name: v.type.rank for v in function.inputs}
        ranks |= {n: v.type.rank for n, v in zip(function.output_names, function.outputs, strict=True)}
        if unknown := [name for name in self.names if name not in ranks]:
            raise InputError(f"there is no input or output {', '.join(unknown)}; there are {', '.join(ranks)}")
        if flat := [name for name in self.names if ranks[name] < SMALLEST_RANK]:
            raise InputError(f"{', '.join(flat)} cannot be channels-last: that needs {SMALLEST_RANK} dims or more")
        if states := {name for s in module.states for name in (s.input, s.output)}.intersection(self.names):
            raise InputError(f"{', '.join(sorted(states))} cannot be channels-last: a state stays as the model has it")
        return selected_names(module, self.option_text)
