"""The language of TorchScript: what is known at compile time is computed then."""

import numpy as np
import pytest

import glmir
from glmir.errors import CompileError, InputError
from tests.glmir.frontends.torchscript.building import Instance, archive, floats, forward, load

X = floats(2, 3)


def test_a_loop_over_integers_is_unrolled() -> None:
    body = """
    y = x
    for i in range(3):
      y = torch.add(y, i)
    return y
    """
    net = load(archive(forward(body)), x="f32[2, 3]")
    np.testing.assert_allclose(net(x=X)[0], X + 3, rtol=1e-6)
    assert list(net.module.functions) == ["main"]


def test_a_branch_on_a_shape_is_resolved() -> None:
    body = """
    if torch.eq(torch.size(x, 1), 3):
      y = torch.neg(x)
    else:
      ops.prim.RaiseException("only three channels", "builtins.ValueError")
      y = x
    return y
    """
    data = archive(forward(body))
    np.testing.assert_array_equal(load(data, x="f32[2, 3]")(x=X)[0], -X)
    with pytest.raises(CompileError, match=r"the program raises an error on these inputs, .*: only three channels"):
        glmir.load(data, inputs=["f32[2, 4]"])


def test_submodules_are_inlined_and_named_in_locations() -> None:
    more = """
    class Scale(Module):
      factor : Tensor
      def forward(self: __torch__.Scale, x: Tensor) -> Tensor:
        factor = self.factor
        return torch.mul(x, factor)
    """
    body = """
    inner = self.inner
    first = getattr(inner, "0")
    return (first).forward(x, )
    """
    inner = Instance("Scale", {"0": Instance("Scale", {"factor": np.float32([1, 2, 3])})})
    net = load(archive(forward(body, more=more), {"inner": inner}), x="f32[2, 3]")
    np.testing.assert_allclose(net(x=X)[0], X * np.float32([1, 2, 3]))
    (mul,) = [op for op in net.module.main.ops if op.definition.name == "math.mul"]
    assert mul.location == ("inner.0",)
    assert "weight" in str(net.module) or "inner.0.factor" in {w.name for w in _weights(net.module)}


def _weights(module: glmir.ir.Module) -> list[glmir.weights.Weight]:
    return [op.value for op in module.main.ops if op.definition.name == "tensor.constant"]


def test_what_is_written_through_a_view_shows_in_its_base() -> None:
    body = """
    y = torch.clone(x)
    row = torch.select(y, 0, 1)
    part = torch.slice(row, 0, 1, 3)
    _0 = torch.mul_(part, 10.)
    _1 = torch.copy_(torch.select(y, 1, 0), torch.zeros([2]))
    return (y, row)
    """
    expected = X.copy()
    expected[1, 1:3] *= 10
    expected[:, 0] = 0
    outputs = load(archive(forward(body, result="Tuple[Tensor, Tensor]")), x="f32[2, 3]")(x=X)
    np.testing.assert_allclose(outputs[0], expected)
    np.testing.assert_allclose(outputs[1], expected[1])


def test_every_second_element_of_a_transposed_view_is_written() -> None:
    body = """
    y = torch.clone(x)
    _0 = torch.fill_(torch.slice(torch.transpose(y, 0, 1), 0, 0, 3, 2), 5.)
    return y
    """
    expected = X.copy()
    expected[:, ::2] = 5
    np.testing.assert_allclose(load(archive(forward(body)), x="f32[2, 3]")(x=X)[0], expected)


def test_optionals_lists_dicts_tuples_and_strings() -> None:
    body = """
    parts = annotate(List[Tensor], [])
    named = annotate(Dict[str, Tensor], {})
    if torch.__isnot__(mask, None):
      _0 = torch.append(parts, unchecked_cast(Tensor, mask))
    else:
      _1 = torch.append(parts, x)
    if torch.eq(mode, "double"):
      y = torch.mul(parts[0], 2)
    else:
      y = parts[0]
    torch._set_item(named, "y", y)
    pair = (named["y"], torch.len(parts))
    a, n, = pair
    return {"result": torch.add(a, n), "shape": x}
    """
    code = forward(body, 'x: Tensor, mask: Optional[Tensor]=None, mode: str="plain"', "Dict[str, Tensor]")
    net = load(archive(code), x="f32[2, 3]", mode="'double'")
    assert net.module.main.output_names == ("result", "shape")
    np.testing.assert_allclose(net(x=X)[0], 2 * X + 1)
    with_mask = load(archive(code), x="f32[2, 3]", mask="f32[2, 3]")
    np.testing.assert_allclose(with_mask(x=X, mask=X + 1)[0], X + 2, rtol=1e-6)


def test_constants_functions_and_named_tuples() -> None:
    more = """
    class Pair(NamedTuple):
      total : Tensor
      count : int
    def shifted(x: Tensor, by: float=0.5) -> Tensor:
      return torch.add(x, by)
    """
    body = """
    shift = __torch__.shifted
    y = torch.mul(shift(x, ), CONSTANTS.c0)
    return __torch__.Pair(torch.sum(y), torch.numel(y))
    """
    data = archive(forward(body, result="__torch__.Pair", more=more), constants=(np.array(3.0, np.float32),))
    net = load(data, x="f32[2, 3]")
    assert net.module.main.output_names == ("total", "count")
    total, count = net(x=X)
    np.testing.assert_allclose(total, ((X + 0.5) * 3).sum(), rtol=1e-5)
    assert count == 6


def test_the_state_of_an_object_is_set_by_its_own_code() -> None:
    more = """
    class Packed(Module):
      def __setstate__(self: __torch__.Packed, state: Tuple[Tensor, int]) -> NoneType:
        self.weight = (state)[0]
        self.times = (state)[1]
        return None
    """
    body = """
    packed = self.packed
    return torch.mul(torch.mul(x, packed.weight), packed.times)
    """
    packed = Instance("Packed", (np.float32([1, 2, 3]), 4))  # type: ignore[arg-type]
    net = load(archive(forward(body, more=more), {"packed": packed}), x="f32[2, 3]")
    np.testing.assert_allclose(net(x=X)[0], X * np.float32([4, 8, 12]), rtol=1e-6)


def test_symbolic_sizes_stay_symbolic() -> None:
    body = """
    n = torch.size(x, 0)
    y = torch.reshape(x, [torch.floordiv(n, 2), -1])
    return torch.add(torch.sum(y, [1]), torch.arange(torch.floordiv(n, 2)))
    """
    net = load(archive(forward(body)), x="f32[2*n, 3]")
    for rows in (2, 6):
        x = floats(rows, 3)
        expected = x.reshape(rows // 2, -1).sum(1) + np.arange(rows // 2)
        np.testing.assert_allclose(net(x=x)[0], expected, rtol=1e-5)


def test_all_that_is_not_supported_is_listed_at_once_with_its_module() -> None:
    more = """
    class Inner(Module):
      def forward(self: __torch__.Inner, x: Tensor) -> Tensor:
        return torch.frobnicate(x)
    """
    body = """
    inner = self.inner
    a = (inner).forward(x, )
    b = torch.transmogrify(x, 2)
    return torch.discombobulate(torch.relu(torch.add(a, b)))
    """
    data = archive(forward(body, more=more), {"inner": Instance("Inner")})
    with pytest.raises(CompileError) as raised:
        glmir.load(data, inputs=["f32[2, 3]"])
    assert [r.partition(":")[0] for r in raised.value.reasons] == [
        "frobnicate, in inner",
        "transmogrify, in the module itself",
        "discombobulate, in the module itself",
    ]


@pytest.mark.parametrize(
    ("call", "types", "message"),
    [
        ("torch.conv2d(x, y)", ["f32[1, h, w, 3]", "f32[8, 3, 2, 2]"], "the open size h, and its weight takes 3: fix"),
        ("torch.linear(x, y)", ["f32[2, t]", "f32[8, 3]"], "the open size t, and its weight takes 3: fix"),
        ("torch.embedding(y, x)", ["f32[1, 2]", "f32[8, 3]"], "its indices are f32"),
    ],
)
def test_inputs_that_the_weights_cannot_go_with_are_refused(call: str, types: list[str], message: str) -> None:
    data = archive(forward(f"return {call}", "x: Tensor, y: Tensor"))
    with pytest.raises(CompileError, match=message):
        glmir.load(data, inputs=types)


def test_old_archives_divide_integers_as_they_did() -> None:
    code = forward("return torch.div(x, 2)")
    x = np.array([-3, 5], np.int64)
    np.testing.assert_array_equal(load(archive(code, version=3), x="i64[2]")(x=x)[0], [-1, 2])
    np.testing.assert_array_equal(load(archive(code, version=4), x="i64[2]")(x=x)[0], np.float32([-1.5, 2.5]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], r'forward\(x: Tensor, rate: int\) is called with; .* --input "x=f32\[1, 3, 224, 224\]" --input rate=1'),
        (["f32[2, 3]"], r"add its types and values, such as --input rate=1"),
        ({"x": "f32[2, 3]", "rate": 2.5}, "input rate is int and cannot be 2.5"),
        ({"x": "f32[2, 3]", "rate": "i64[1]"}, r"input rate is int and cannot be i64\[1\]; give .* i64\[\]"),
        ({"x": "f32[2, 3]", "rate": 2, "y": 3}, "there is no input y; the inputs are x, rate"),
        ({"x": "f32[2, 3]", "rate": "'fast'"}, "input rate is int and cannot be 'fast'"),
        (["f32[2, 3]", 2, 3], "3 inputs are given by position"),
    ],
)
def test_arguments_that_are_missing_or_do_not_fit(given: object, message: str) -> None:
    data = archive(forward("return torch.mul(x, rate)", "x: Tensor, rate: int"))
    with pytest.raises(InputError, match=message):
        glmir.load(data, inputs=given)  # type: ignore[arg-type]


def test_a_number_can_be_an_input_of_the_model() -> None:
    data = archive(forward("return torch.mul(x, torch.add(rate, 1))", "x: Tensor, rate: int"))
    outputs = load(data, x="f32[2, 3]", rate="i64[]")(x=X, rate=np.array(4, np.int64))
    np.testing.assert_allclose(outputs[0], 5 * X, rtol=1e-6)
