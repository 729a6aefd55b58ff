"""Tensors that share memory, or may: what is written to one is seen in the others, or the program is refused."""

import numpy as np
import pytest

from glmir.errors import CompileError
from tests.glmir.frontends.torchscript.building import Shown, archive, floats, forward, load

X = floats(2, 3)
_CHOSEN = """
a = torch.mul(x, 2)
b = torch.mul(x, 3)
if bool(torch.gt(torch.sum(x), 0)):
  y = a
else:
  y = b
_0 = torch.add_({written}, 10)
return ({read}, {written})
"""
_TWO = "Tuple[Tensor, Tensor]"


@pytest.mark.parametrize(("written", "read"), [("y", "a"), ("y", "b"), ("a", "y"), ("b", "y")])
def test_what_a_branch_chose_may_be_what_it_chose_from(written: str, read: str) -> None:
    with pytest.raises(CompileError, match="may share memory with another, which was changed in place"):
        load(archive(forward(_CHOSEN.format(written=written, read=read), result=_TWO)), x="f32[2, 3]")


@pytest.mark.parametrize(("written", "read"), [("y", "y"), ("a", "b")])
def test_what_a_branch_chose_is_changed_in_place(written: str, read: str) -> None:
    net = load(archive(forward(_CHOSEN.format(written=written, read=read), result=_TWO)), x="f32[2, 3]")
    high = np.abs(X)
    first, second = net(x=high)
    np.testing.assert_allclose(first, high * 2 + 10 if read == "y" else high * 3)
    np.testing.assert_allclose(second, high * 2 + 10)


def test_a_buffer_that_a_branch_chose_is_no_state() -> None:
    body = """
    if bool(torch.gt(torch.sum(x), 0)):
      y = self.b
    else:
      y = torch.mul(x, 1)
    return torch.add_(y, 1)
    """
    with pytest.raises(CompileError, match="may share memory with b"):
        load(archive(forward(body), {"b": np.zeros((2, 3), np.float32)}), x="f32[2, 3]")


_LOOP = """
h = torch.mul(x, 1)
k = h
p = torch.mul(x, 0)
for i in range(n):
{body}
{end}
"""


@pytest.mark.parametrize(
    ("body", "end"),
    [
        # Without a round k is h.
        ("  k = torch.add(k, 1)", "_0 = torch.add_(k, 5)\nreturn h"),
        # In the first round k is h.
        ("  _0 = torch.mul_(k, 2)\n  k = torch.add(k, 1)", "return h"),
        # From the second round on k and p are one.
        ("  _0 = torch.add_(k, 1)\n  k = torch.add(k, torch.sum(p))\n  p = k", "return k"),
        ("  k = torch.add(k, 1)\n  p = k", "_0 = torch.add_(k, 5)\nreturn p"),
        ("  p = h", "_0 = torch.add_(h, 5)\nreturn p"),
    ],
)
def test_what_a_loop_carries_may_be_one_memory(body: str, end: str) -> None:
    code = forward(_LOOP.format(body=body, end=end), "x: Tensor, n: int")
    with pytest.raises(CompileError, match="may share memory with another, which was changed in place") as refused:
        load(archive(code), x="f32[2, 3]", n="i64[]")
    assert "<failed>" not in str(refused.value)


def test_a_loop_changes_its_own_tensors_in_place() -> None:
    code = forward(
        _LOOP.format(body="  _0 = torch.mul_(k, 2)\n  k = torch.add(k, p)", end="return k"), "x: Tensor, n: int"
    )
    net = load(archive(code), x="f32[2, 3]", n="i64[]")
    for rounds in (0, 1, 3):
        np.testing.assert_allclose(net(x=X, n=np.array(rounds))[0], X * 2**rounds)


def test_a_view_of_sizes_known_at_run_time_shows_the_same_memory() -> None:
    body = """
    y = torch.mul(x, 1)
    _0 = torch.add_(torch.view(y, [n, k]), 100)
    return y
    """
    net = load(archive(forward(body, "x: Tensor, n: int, k: int")), x="f32[2, 3]", n="i64[]", k="i64[]")
    np.testing.assert_allclose(net(x=X, n=np.array(3), k=np.array(2))[0], X + 100)


_BUFFERS = """
_0 = torch.add_(self.a, x)
return torch.mul(self.b, 1)
"""


def test_two_names_of_one_memory_are_one_state() -> None:
    memory = np.zeros(6, np.float32)
    shown = [Shown(memory, 0, (2, 3), (3, 1)) for _ in range(2)]
    net = load(archive(forward(_BUFFERS), {"a": shown[0], "b": shown[1]}), x="f32[2, 3]")
    assert len(net.module.states) == 1
    np.testing.assert_allclose(net(x=X)[0], X)
    np.testing.assert_allclose(net(x=X)[0], X * 2, rtol=1e-6)


def test_a_state_whose_memory_another_buffer_shows_otherwise_is_refused() -> None:
    memory = np.zeros(6, np.float32)
    buffers = {"a": Shown(memory, 0, (2, 3), (3, 1)), "b": Shown(memory, 0, (3, 2), (1, 3))}
    with pytest.raises(CompileError, match="may share memory"):
        load(archive(forward(_BUFFERS), buffers), x="f32[2, 3]")


def test_states_beside_each_other_in_one_memory_are_apart() -> None:
    memory = np.zeros(12, np.float32)
    buffers = {"a": Shown(memory, 0, (2, 3), (3, 1)), "b": Shown(memory, 6, (2, 3), (3, 1))}
    net = load(archive(forward(_BUFFERS), buffers), x="f32[2, 3]")
    np.testing.assert_allclose(net(x=X)[0], X * 0)


_COMPLEX = """
y = torch.complex(x, torch.mul(x, 2))
if bool(torch.gt(torch.sum(x), 0)):
  _0 = torch.mul_(y, 2)
else:
  pass
return torch.view_as_real(y)
"""


def test_a_branch_changes_a_complex_tensor_in_place() -> None:
    net = load(archive(forward(_COMPLEX)), x="f32[2, 3]")
    for x, factor in ((np.abs(X), 2), (-np.abs(X), 1)):
        np.testing.assert_allclose(net(x=x)[0], np.stack([x, 2 * x], -1) * factor)


def test_a_complex_buffer_is_a_state() -> None:
    body = """
    _0 = torch.add_(self.c, torch.complex(x, torch.mul(x, 2)))
    return torch.view_as_real(self.c)
    """
    net = load(archive(forward(body), {"c": np.zeros((2, 3), np.complex64)}), x="f32[2, 3]")
    for calls in (1, 2, 3):
        np.testing.assert_allclose(net(x=X)[0], np.stack([X, 2 * X], -1) * calls, rtol=1e-5)


@pytest.mark.parametrize(
    ("written", "read"), [("torch.view_as_real(y)", "torch.view_as_real(y)"), ("torch.view_as_real(y)", "torch.abs(y)")]
)
def test_what_shows_a_complex_tensor_as_real_numbers_is_not_written(written: str, read: str) -> None:
    body = f"""
    y = torch.complex(x, x)
    _0 = torch.add_({written}, 1)
    return {read}
    """
    with pytest.raises(CompileError, match="may share memory"):
        load(archive(forward(body)), x="f32[2, 3]")


def test_what_an_elementwise_operation_makes_of_a_permuted_tensor_may_be_copied_by_reshape() -> None:
    body = """
    y = torch.add(torch.t(x), 1)
    z = torch.reshape(y, [-1])
    _0 = torch.add_(z, 5)
    return {}
    """
    x = floats(2, 3)
    written = load(archive(forward(body.format("z"))), x="f32[2, 3]")(x=x)[0]
    np.testing.assert_allclose(written, (x.T + 1).reshape(-1) + 5, rtol=1e-6)
    with pytest.raises(CompileError, match="may share memory"):
        load(archive(forward(body.format("y"))), x="f32[2, 3]")
