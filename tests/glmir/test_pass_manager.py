"""Pipelines, options, and what watches the passes."""

import enum
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glmir.errors import CompileError, InputError
from glmir.instrumentation import (
    PIPELINE_COMMENT,
    CrashReproducer,
    PrintAfter,
    PrintWhen,
    Statistics,
    Timing,
    VerifyEach,
)
from glmir.ir import Module
from glmir.ops import math, nn
from glmir.parser import load_module, parse_module
from glmir.pass_manager import (
    Option,
    PassManager,
    Property,
    RequirementError,
    format_pipeline,
    module_pass,
    parse_pipeline,
)
from glmir.printer import print_module
from glmir.rewriter import RewriteSession, RuleSet, apply_rules
from glmir.verifier import InvalidModuleError

TEXT = "func @main(%x: f32[2]) -> (%y: f32[2]) {\n  %y = nn.relu(%x) : f32[2]\n  return %y\n}\n"
RULES = RuleSet()


class Mode(enum.Enum):
    FAST = "fast"
    SAFE = "safe"


@RULES.on(nn.Relu)
def relu_to_neg(relu: nn.Relu) -> math.Neg:
    """relu(x) -> -x, for the sake of change"""
    return math.Neg(relu.x)


@module_pass()
def turn(module: Module) -> bool:
    """Turns relus into negations."""
    return apply_rules(module, RULES)


@module_pass()
def choose(
    module: Module, *, bits: int = 8, scale: float = 1.0, deep: bool = False, mode: Mode = Mode.SAFE, names: str = "",
    block: int | None = None, limit: int | None = 4,
) -> bool:  # fmt: skip
    """Has options of every type

    and a second line."""
    return False


@module_pass()
def damage(module: Module) -> bool:
    """Breaks the module and says it did nothing."""
    module.main.inputs[0].uses.clear()
    return False


@module_pass()
def crash(module: Module) -> bool:
    """Fails."""
    raise RuntimeError("no luck")


@module_pass()
def refuse(module: Module) -> bool:
    """Cannot compile this."""
    raise CompileError(["too hard"])


NO_RELU = Property("no-relu", "there is no relu", lambda m: not any(isinstance(o, nn.Relu) for o in m.main.ops))


@module_pass(requires=[NO_RELU])
def needy(module: Module) -> bool:
    """Takes no relus."""
    return False


KNOWN = {p.name: p for p in (turn, choose, damage, crash, refuse, needy)}


def pipeline(text: str) -> tuple[object, ...]:
    return tuple((i.name, dict(i.options)) for i in parse_pipeline(text, KNOWN))


def test_passes_describe_themselves() -> None:
    assert (choose.name, choose.summary) == ("choose", "Has options of every type")
    assert choose.options["bits"] == Option("bits", int, 8)
    assert choose.options["block"] == Option("block", int, None, is_optional=True)
    assert choose.options["mode"].type is Mode


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("  ", ()),
        ("turn", (("turn", {}),)),
        (" turn , choose {} ,turn ", (("turn", {}), ("choose", {}), ("turn", {}))),
        ("choose{bits=4,scale=0.5,deep=true}", (("choose", {"bits": 4, "scale": 0.5, "deep": True}),)),
        ("choose{ mode = fast , block = 32 }", (("choose", {"mode": Mode.FAST, "block": 32}),)),
        ("choose{bits=8,block=none,limit=none}", (("choose", {"limit": None}),)),
        ('choose{names="a,b} c"},turn', (("choose", {"names": "a,b} c"}), ("turn", {}))),
        ("choose{names=a b}", (("choose", {"names": "a b"}),)),
    ],
)
def test_pipeline_texts(text: str, expected: tuple[object, ...]) -> None:
    assert pipeline(text) == expected
    again = format_pipeline(parse_pipeline(text, KNOWN))
    assert pipeline(again) == expected
    assert format_pipeline(parse_pipeline(again, KNOWN)) == again


@given(
    names=st.text(),
    bits=st.integers(),
    scale=st.floats(allow_nan=False),
    deep=st.booleans(),
    mode=st.sampled_from(Mode),
    limit=st.none() | st.integers(),
)
def test_any_options_survive(names: str, bits: int, scale: float, deep: bool, mode: Mode, limit: int | None) -> None:
    instance = choose.with_options(names=names, bits=bits, scale=scale, deep=deep, mode=mode, limit=limit)
    assert parse_pipeline(f"{instance},{instance}", KNOWN) == (instance, instance)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("turm", "there is no pass turm; there are choose, crash, damage, needy, refuse, turn"),
        ("turn,", "cannot read the pipeline at column 6: there is nothing"),
        ("turn,,turn", "cannot read the pipeline at column 6: there is ',turn'"),
        ("turn turn", "cannot read the pipeline at column 6: there is 'turn'"),
        ("choose{bits=4", "cannot read the pipeline at column 8"),
        ("choose}", "cannot read the pipeline at column 7"),
        ("turn{a=1}", "pass turn has no option 'a=1'; it has none"),
        ("choose{bats=4}", "has no option 'bats=4'; there are bits, block, deep, limit, mode, names, scale"),
        ("choose{bits}", "pass choose has no option 'bits'"),
        ("choose{bits=4,bits=5}", "the option bits is given twice"),
        ("choose{bits=four}", "pass choose: bits is an integer, not four"),
        ("choose{bits=}", "pass choose: bits is an integer, not nothing"),
        ("choose{bits=none}", "pass choose: bits is an integer, not none"),
        ("choose{deep=1}", "pass choose: deep is true or false, not 1"),
        ("choose{scale=wide}", "pass choose: scale is a number, not wide"),
        ("choose{mode=slow}", "pass choose: mode is one of fast, safe, not slow"),
    ],
)
def test_pipeline_mistakes(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_pipeline(text, KNOWN)
    assert message in str(error.value)


def test_options_in_python() -> None:
    with pytest.raises(InputError, match="pass choose has no option bats"):
        choose.with_options(bats=4)
    assert str(choose.with_options(bits=8)) == "choose"


def test_declarations_that_are_refused() -> None:
    with pytest.raises(TypeError, match="pass silent needs a docstring"):

        @module_pass()
        def silent(module: Module) -> bool:
            return False

    @module_pass()
    def listing(module: Module, *, names: list[str] | None = None) -> bool:
        """Takes a list."""
        return False

    @module_pass()
    def forced(module: Module, *, bits: int) -> bool:
        """Has no default."""
        return False

    with pytest.raises(TypeError, match="option names is no bool, int, float, str or enum"):
        _ = listing.options
    with pytest.raises(TypeError, match="option bits needs a default"):
        _ = forced.options


def run(text: str, *instruments: object, session: RewriteSession | None = None) -> tuple[bool, Module]:
    module = parse_module(TEXT)
    manager = PassManager(parse_pipeline(text, KNOWN), instruments, session)  # type: ignore[arg-type]
    return manager.run(module), module


def test_whether_anything_changed() -> None:
    assert run("turn,choose")[0] and not run("choose")[0]
    assert run("turn,turn")[0]


def test_fuel_reaches_the_passes() -> None:
    assert not run("turn", session=RewriteSession(0))[0]


def test_requirements() -> None:
    assert run("turn,needy")[0]
    with pytest.raises(RequirementError, match="needy cannot run: it needs that there is no relu"):
        run("needy,turn")
    assert not PassManager(parse_pipeline("needy", KNOWN), check_requirements=False).run(parse_module(TEXT))


def test_verify_each_does_not_trust_the_pass() -> None:
    run("damage")
    with pytest.raises(InvalidModuleError, match="M7"):
        run("choose,damage", VerifyEach())


def test_print_after() -> None:
    printed = {when: io.StringIO() for when in PrintWhen}
    run("choose,turn", *(PrintAfter(when, stream) for when, stream in printed.items()))
    turned = print_module(run("turn")[1])
    assert printed[PrintWhen.ALL].getvalue() == f"# after choose\n{TEXT}# after turn\n{turned}"
    assert printed[PrintWhen.CHANGE].getvalue() == f"# after turn\n{turned}"
    assert printed[PrintWhen.FAILURE].getvalue() == ""
    with pytest.raises(RuntimeError):
        run("turn,crash", PrintAfter(PrintWhen.FAILURE, printed[PrintWhen.FAILURE]))
    assert printed[PrintWhen.FAILURE].getvalue() == f"# where crash failed\n{turned}"


def test_timing_and_statistics() -> None:
    session = RewriteSession()
    timing, statistics = Timing(), Statistics(session)
    run("choose{bits=4},turn", timing, statistics, session=session)
    assert [name for name, _ in timing.seconds] == ["choose{bits=4}", "turn"]
    assert all(seconds >= 0 for _, seconds in timing.seconds)
    assert timing.report().splitlines()[-1].endswith("all passes")
    assert statistics.report().splitlines() == [
        "      1 ->       1 ops  choose{bits=4}", "      1 ->       1 ops  turn", "      1 x  relu_to_neg",
    ]  # fmt: skip


def test_reproducer_of_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "crash.glir"
    with pytest.raises(RuntimeError, match="no luck") as error:
        run("turn,crash,choose{bits=4}", CrashReproducer(path, lambda: parse_module(TEXT)))
    assert any(str(path) in note for note in error.value.__notes__)
    first, rest = path.read_text(encoding="utf-8").split("\n", 1)
    assert first == f"{PIPELINE_COMMENT}crash,choose{{bits=4}}"
    assert rest == print_module(run("turn")[1])
    remaining = parse_pipeline(first.removeprefix(PIPELINE_COMMENT), KNOWN)
    with pytest.raises(RuntimeError, match="no luck"):
        PassManager(remaining).run(load_module(path))


def test_reproducer_of_a_pass_that_breaks_the_module(tmp_path: Path) -> None:
    path = tmp_path / "crash.glir"
    with pytest.raises(InvalidModuleError):
        run("turn,damage", VerifyEach(), CrashReproducer(path, lambda: parse_module(TEXT)))
    assert path.read_text(encoding="utf-8").startswith(f"{PIPELINE_COMMENT}damage\n")


def test_no_reproducer_where_the_model_is_at_fault(tmp_path: Path) -> None:
    path = tmp_path / "crash.glir"
    with pytest.raises(CompileError):
        run("refuse", CrashReproducer(path, lambda: parse_module(TEXT)))
    assert not path.exists()


def test_a_reproducer_that_cannot_be_made_hides_nothing(tmp_path: Path) -> None:
    def fail() -> Module:
        raise ValueError("the source is gone")

    with pytest.raises(RuntimeError, match="no luck") as error:
        run("crash", CrashReproducer(tmp_path / "crash.glir", fail))
    assert any("there is no reproducer" in note for note in error.value.__notes__)
