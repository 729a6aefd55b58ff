"""What order-ops saves, for those who watch the passes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...instrumentation import SilentInstrument
from ...ir import Module
from ...pass_manager import PassInstance
from .memory_plan import MemoryPlan, memory_plan
from .order_ops import order_ops


@dataclass
class MemoryReport(SilentInstrument):
    """Plans the activations of ``main`` before and after order-ops, whenever it runs."""

    plans: list[tuple[Module, MemoryPlan, MemoryPlan]] = field(default_factory=list)
    """The module, and its plans before and after."""

    _before: MemoryPlan | None = None

    def before_pass(self, instance: PassInstance, module: Module) -> None:
        if instance.pass_ is order_ops:
            self._before = memory_plan(module)

    def after_pass(self, instance: PassInstance, module: Module, changed: bool) -> None:
        if instance.pass_ is order_ops and self._before is not None:
            self.plans.append((module, self._before, memory_plan(module) if changed else self._before))

    def before(self, module: Module) -> MemoryPlan | None:
        """The plan of a module as it was before order-ops; none where it did not run."""
        return next((plan for known, plan, _ in self.plans if known is module), None)

    def lines(self) -> Iterator[str]:
        """``peak of live activations 1,081,344 -> 770,048 bytes, arena 1,081,344 -> 770,048 (order-ops)``"""
        for _, before, after in self.plans:
            peaks = f"{before.peak:,} -> {after.peak:,} bytes"
            yield f"peak of live activations {peaks}, arena {before.arena:,} -> {after.arena:,} (order-ops)"


__all__ = ["MemoryReport"]
