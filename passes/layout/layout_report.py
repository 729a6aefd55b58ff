"""What the layout passes find and leave of a module's transposes, for reports."""

from dataclasses import dataclass, field

from ...instrumentation import SilentInstrument
from ...ir import Module
from ...ops.enums import Layout
from ...pass_manager import PassInstance
from .assign_layouts import assign_layouts, choose
from .layout_facts import LayoutFacts, layout_facts


@dataclass(frozen=True)
class LayoutFindings:
    """The transposes that the module brings, and what assign-layouts knows: the least that transposes can cost, in
    bytes a run, and what they would cost if no more were moved than must be; none where it has nothing to choose."""

    brought: LayoutFacts
    bound: int | None = None
    op_by_op: int | None = None


@dataclass
class LayoutReport(SilentInstrument):
    """Looks at each module before assign-layouts."""

    findings: list[tuple[Module, LayoutFindings]] = field(default_factory=list)

    def before_pass(self, instance: PassInstance, module: Module) -> None:
        if instance.pass_ is not assign_layouts:
            return
        choice = choose(module) if instance.options.get("spatial", Layout.NHWC) is Layout.NHWC else None
        brought = layout_facts(module)
        found = LayoutFindings(brought) if choice is None else LayoutFindings(brought, choice.bound, choice.op_by_op)
        self.findings.append((module, found))

    def of(self, module: Module) -> LayoutFindings | None:
        """The findings on a module; none where assign-layouts did not run."""
        return next((found for known, found in self.findings if known is module), None)
