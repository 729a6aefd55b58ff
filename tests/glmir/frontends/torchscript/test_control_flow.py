"""Branches and loops on data, and what a program remembers from call to call."""

import numpy as np
import pytest

import glmir
from glmir.errors import CompileError
from tests.glmir.frontends.torchscript.building import archive, floats, forward, load

X = floats(2, 3)


def test_a_branch_on_data_becomes_control_if() -> None:
    body = """
    y = torch.clone(x)
    n = 1
    if bool(torch.gt(torch.sum(x), 0)):
      y0 = torch.mul(y, 2)
      n0 = 5
    else:
      _0 = torch.zero_(torch.select(y, 0, 0))
      y0 = y
      n0 = n
    return (y0, n0, y)
    """
    net = load(archive(forward(body, result="Tuple[Tensor, int, Tensor]")), x="f32[2, 3]")
    assert any(op.definition.name == "control.if" for op in net.module.main.ops)
    high = np.abs(X)
    outputs = net(x=high)
    np.testing.assert_allclose(outputs[0], high * 2)
    assert outputs[1] == 5
    np.testing.assert_allclose(outputs[2], high)
    low = -high
    outputs = net(x=low)
    expected = low.copy()
    expected[0] = 0
    np.testing.assert_allclose(outputs[0], expected)
    assert outputs[1] == 1
    np.testing.assert_allclose(outputs[2], expected)


def test_a_side_that_raises_is_not_taken() -> None:
    body = """
    if bool(torch.lt(torch.min(x), 0)):
      ops.prim.RaiseException("negative", "builtins.ValueError")
    else:
      pass
    return torch.sqrt(x)
    """
    net = load(archive(forward(body)), x="f32[2, 3]")
    assert list(net.module.functions) == ["main"]


def test_branches_nest_and_use_values_of_all_that_enclose_them() -> None:
    body = """
    s = torch.sum(x)
    t = torch.mean(x)
    if bool(torch.gt(s, 0)):
      if bool(torch.gt(t, 1)):
        y = torch.add(x, s)
      else:
        y = torch.sub(x, t)
    else:
      y = torch.mul(x, torch.add(s, t))
    return y
    """
    net = load(archive(forward(body)), x="f32[2, 3]")
    for x in (np.abs(X) + 2, np.abs(X) * 0.1, -np.abs(X)):
        s, t = x.sum(), x.mean()
        expected = (x + s if t > 1 else x - t) if s > 0 else x * (s + t)
        np.testing.assert_allclose(net(x=x)[0], expected, rtol=1e-5)


def test_a_loop_is_left_early_with_what_one_side_of_a_branch_alone_gives() -> None:
    # As TorchScript writes a return inside a loop.
    body = """
    _0 = uninitialized(Tensor)
    _4 = False
    _5 = _0
    y = x
    _6 = 0
    _7 = True
    while _7:
      _8 = bool(torch.gt(torch.max(y), 3))
      if _8:
        _9, _10, _11, _12 = False, True, torch.sub(y, 1), _0
      else:
        _9, _10, _11, _12 = True, False, _0, torch.mul(y, 2)
      _13 = torch.add(_6, 1)
      _14 = torch.__and__(torch.lt(_13, 3), _9)
      _7, _4, _5, y, _6 = _14, _10, _11, _12, _13
    if _4:
      _15 = _5
    else:
      _15 = y
    return _15
    """
    net = load(archive(forward(body)), x="f32[2, 3]")
    one = X / X.max()
    np.testing.assert_allclose(net(x=one * 5)[0], one * 5 - 1, rtol=1e-6)
    np.testing.assert_allclose(net(x=one * 2)[0], one * 4 - 1, rtol=1e-6)
    np.testing.assert_allclose(net(x=one * 0.1)[0], one * 0.8, rtol=1e-6)


def test_a_loop_on_data_becomes_control_while() -> None:
    body = """
    y = x
    n = 0
    _0 = bool(torch.gt(torch.sum(y), 1.))
    while _0:
      y0 = torch.mul(y, 0.5)
      n0 = torch.add(n, 1)
      _1 = bool(torch.gt(torch.sum(y0), 1.))
      _0, y, n = _1, y0, n0
    return (y, n)
    """
    net = load(archive(forward(body, result="Tuple[Tensor, int]")), x="f32[2, 3]")
    x = np.abs(X) * 10
    outputs = net(x=x)
    rounds = 0
    while x.sum() > 1:
        x, rounds = x * np.float32(0.5), rounds + 1
    np.testing.assert_allclose(outputs[0], x, rtol=1e-6)
    assert outputs[1] == rounds > 0
    assert net(x=np.zeros_like(X))[1] == 0


def test_a_loop_whose_rounds_are_an_input_writes_into_a_list_and_a_tensor() -> None:
    body = """
    y = torch.zeros([5])
    last = [x]
    for i in range(n):
      _0 = torch.copy_(torch.select(y, 0, i), torch.sum(x))
      torch._set_item(last, 0, torch.mul(last[0], 2))
    return (y, last[0])
    """
    net = load(archive(forward(body, "x: Tensor, n: int", "Tuple[Tensor, Tensor]")), x="f32[2, 3]", n="i64[]")
    outputs = net(x=X, n=np.array(3, np.int64))
    np.testing.assert_allclose(outputs[0], np.float32([X.sum()] * 3 + [0] * 2), rtol=1e-5)
    np.testing.assert_allclose(outputs[1], 8 * X, rtol=1e-6)


def test_a_list_that_grows_in_a_loop_on_data_is_refused() -> None:
    body = """
    parts = annotate(List[Tensor], [])
    for i in range(n):
      _0 = torch.append(parts, x)
    return torch.stack(parts)
    """
    data = archive(forward(body, "x: Tensor, n: int"))
    with pytest.raises(CompileError, match="a list grows in a loop whose number of rounds depends on the data"):
        glmir.load(data, inputs=["f32[2, 3]", "i64[]"])


GROWING = """
    y = torch.zeros([1, 3])
    z = torch.zeros([2, 0])
    for i in range(n):
      row = torch.unsqueeze(torch.select(x, 0, torch.remainder(i, 2)), 0)
      y = torch.cat([y, row, torch.add(row, i)], 0)
      z = torch.cat([z, torch.slice(x, 1, 0, 1)], 1)
      {more}
    return (y, z)
    """


def growing(more: str = "pass") -> bytes:
    body = GROWING.format(more=more)
    return archive(forward(body, "x: Tensor, n: int", "Tuple[Tensor, Tensor]"))


@pytest.mark.parametrize("rounds", [0, 1, 5])
def test_tensors_that_grow_by_as_much_in_every_round_are_written_part_by_part(rounds: int) -> None:
    net = load(growing(), x="f32[2, 3]", n="i64[]")
    y, z = net(x=X, n=np.array(rounds))
    parts = [np.zeros((1, 3)), *(r for i in range(rounds) for r in (X[i % 2][None], X[i % 2][None] + i))]
    np.testing.assert_allclose(y, np.concatenate(parts), rtol=1e-6)
    np.testing.assert_array_equal(z, np.repeat(X[:, :1], rounds, 1))


USES = {
    "x = torch.add(x, torch.size(y, 0))": "used for more than appending",
    "x = torch.add(x, torch.select(y, 0, 0))": "used for more than appending",
    "y = torch.cat([y, y])": "grows in a loop on data",
    "y = torch.neg(y)": "at first and .* after a round",
}


@pytest.mark.parametrize("more", USES)
def test_a_tensor_that_grows_and_is_used_in_other_ways_is_refused(more: str) -> None:
    with pytest.raises(CompileError, match=USES[more]):
        load(growing(more), x="f32[2, 3]", n="i64[]")


def test_buffers_numbers_and_lists_that_forward_changes_are_states() -> None:
    body = """
    total = self.total
    self.total = torch.add(total, torch.sum(x))
    calls = self.calls
    self.calls = torch.add(calls, 1)
    cache = self.cache
    _0 = torch.copy_(torch.select(cache, 0, 1), x)
    past = self.past
    previous = past[0]
    torch._set_item(past, 0, x)
    return torch.add(torch.add(torch.mul(previous, self.calls), self.total), torch.sum(self.cache, [0]))
    """
    attributes = {
        "total": np.array(0, np.float32),
        "calls": 10,
        "cache": np.ones((2, 3), np.float32),
        "past": [np.zeros(3, np.float32)],
    }
    net = load(archive(forward(body), attributes), x="f32[3]")
    assert [s.input for s in net.module.states] == ["total", "calls", "cache", "past.0"]
    total, previous = np.float32(0), np.zeros(3, np.float32)
    for call in range(3):
        x = X[call % 2] + call
        total += x.sum()
        expected = previous * (11 + call) + total + 1 + x
        np.testing.assert_allclose(net(x=x)[0], expected, rtol=1e-4)
        previous = x


LAZY = """
hidden = self.hidden
if torch.__is__(hidden, None):
  self.hidden = torch.zeros([torch.size(x, 0), 3])
else:
  pass
h = unchecked_cast(Tensor, self.hidden)
self.hidden = torch.add(torch.mul(h, 0.5), x)
return torch.{result}
"""


def test_a_hidden_state_that_is_none_at_first_begins_with_zeros() -> None:
    net = load(archive(forward(LAZY.format(result="neg(self.hidden)")), {"hidden": None}), x="f32[n, 3]")
    assert list(net.module.functions) == ["main"]
    hidden = np.zeros_like(X)
    for call in range(3):
        hidden = hidden * np.float32(0.5) + X * call
        np.testing.assert_allclose(net(x=X * np.float32(call))[0], -hidden, rtol=1e-5, atol=1e-7)


def test_a_first_call_that_differs_is_kept_beside_the_later_ones() -> None:
    body = """
    hidden = self.hidden
    if torch.__is__(hidden, None):
      y = torch.exp(x)
    else:
      y = torch.add(x, unchecked_cast(Tensor, hidden))
    self.hidden = y
    return y
    """
    net = load(archive(forward(body), {"hidden": None}), x="f32[2, 3]")
    assert "is_first_call" in [s.input for s in net.module.states]
    first, second = net(x=X)[0], net(x=X)[0]
    np.testing.assert_allclose(first, np.exp(X), rtol=1e-6)
    np.testing.assert_allclose(second, np.exp(X) + X, rtol=1e-6)
    np.testing.assert_allclose(net(x=X)[0], np.exp(X) + 2 * X, rtol=1e-5)


def test_a_state_that_grows_is_refused() -> None:
    body = """
    past = self.past
    self.past = torch.cat([past, x])
    return torch.sum(self.past)
    """
    data = archive(forward(body), {"past": np.zeros((1, 3), np.float32)})
    with pytest.raises(CompileError, match=r"the state past is f32\[3, 3\] after one call and f32\[5, 3\] after the"):
        glmir.load(data, inputs=["f32[2, 3]"])
