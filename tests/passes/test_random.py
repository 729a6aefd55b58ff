"""Properties of all passes on random modules: they keep what is computed, and a second run changes nothing."""

from hypothesis import HealthCheck, given, settings

from glmir.interpreter import run
from glmir.ir import Array, Module
from glmir.pass_manager import PassManager, Pipeline
from glmir.passes import PASSES
from glmir.passes.pipelines import OptLevel, optimize
from glmir.printer import print_module
from glmir.verifier import verify
from tests.random_graphs import modules
from tests.tolerances import assert_close

ON_MODULES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
# These change the inputs and outputs themselves, which is their purpose.
KEEPING = [p for p in PASSES if p.name not in ("change-io-layout", "quantize-border")]
# lower-precision rounds, which is its purpose; its own tests say how much.
PIPELINES: dict[str, Pipeline] = {p.name: (p.with_options(),) for p in KEEPING if p.name != "lower-precision"} | {
    f"-O{level.value}": optimize(level) for level in OptLevel
}


@ON_MODULES
@given(modules())
def test_every_pass_keeps_what_a_module_computes(case: tuple[Module, dict[str, Array]]) -> None:
    module, inputs = case
    verify(module)
    expected = run(module, inputs)
    for name, pipeline in PIPELINES.items():
        changed_module = module.clone()
        PassManager(pipeline).run(changed_module)
        try:
            verify(changed_module)
            actual = run(changed_module, inputs)
            for output, array in expected.items():
                tolerance = "model" if array.dtype.kind == "f" else "exact"
                assert_close(actual[output], array, tolerance, f"{output} after {name}")
        except Exception as error:
            error.add_note(f"{name} made of\n{print_module(module)}\nthis:\n{print_module(changed_module)}")
            raise


@ON_MODULES
@given(modules())
def test_a_second_run_of_any_pass_changes_nothing(case: tuple[Module, dict[str, Array]]) -> None:
    # A pass that requires a form which it changes (assign-layouts) cannot run twice.
    for pass_ in (p for p in KEEPING if not p.requires):
        module = case[0].clone()
        pass_(module)
        text = print_module(module)
        changed = pass_(module)
        assert print_module(module) == text and not changed, f"{pass_.name} on\n{print_module(case[0])}"
