"""Archives that were changed at random are read or refused with a sentence; nothing else comes of them.

``GLMIR_FUZZ_EXAMPLES`` sets how many are tried in the place of a few hundred.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmir.errors import InputError
from glmir.frontends.torch_archives import StoredTensor, open_archive, recognize, unpickle
from tests.glmir.frontends.torch_archives.building import (
    HOOKS,
    STREAMED,
    Entry,
    archive_of,
    call,
    name,
    number,
    script_object,
    storage,
    tensor,
    text,
    tuple_of,
    zip_of,
)

EXAMPLES = int(os.environ.get("GLMIR_FUZZ_EXAMPLES", "300"))
REAL = sorted(Path(__file__).parents[3].joinpath("models", "torch", "archives").glob("*.pt*"))
OPCODES = b"(.01NKMJG\x8aXqrhj]lae}dsu)t\x85\x86\x87c\x81RbQ\x88\x89\x80"

PICKLE = b"\x80\x02" + script_object(
    "__torch__.Net",
    b"}q\x00("
    + (text("weight") + tensor((2, 3), (3, 1)) + text("view") + tensor((2,), (3,), 1) + text("n") + b"N")
    + (text("list") + call(name("torch.jit._pickle", "build_intlist"), b"](K\x01" + number(-1) + b"e"))
    + (text("device") + call(name("torch", "device"), text("cpu")) + text("flag") + b"\x88")
    + text("quantized")
    + call(
        name("torch._utils", "_rebuild_qtensor"),
        *(storage(6, "1", "QInt8Storage"), b"K\x00", b"K\x06\x85", b"K\x01\x85"),
        *(tuple_of(name("torch", "per_tensor_affine"), b"G?\xe0\0\0\0\0\0\0", b"K\x03"), b"\x89", HOOKS),
    )
    + b"u",
)
STORAGES = {"0": bytes(range(24)), "1": b"123456"}


def examine(data: bytes) -> None:
    try:
        recognize(data)
        opened = open_archive(data)
        for member in opened.names:
            opened.raw(member)
            if member.endswith("pkl"):
                _sum(unpickle(opened, member, storages="data" if member == "data.pkl" else "constants"))
    except InputError as error:
        message = str(error)
        assert message.endswith(".") and len(message) < 1000, message


def _sum(value: object) -> None:
    """Reads every element of every tensor, which has to stay inside the storages."""
    if isinstance(value, StoredTensor) and value.array.size < 1 << 20:
        value.array.tobytes()
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value[:100]:
            _sum(item)


def mutate(data: bytes, seed: random.Random) -> bytes:
    """The data with a few bytes set, pieces removed, repeated or moved."""
    changed = bytearray(data)
    for _ in range(seed.choice((1, 1, 1, 2, 4, 16))):
        at, other = seed.randrange(len(changed) + 1), seed.randrange(len(changed) + 1)
        length = seed.choice((1, 1, 2, 4, 8, 40))
        match seed.randrange(6):
            case 0:
                changed[at : at + 1] = seed.randbytes(1)
            case 1:
                changed[at : at + 1] = seed.choice(OPCODES).to_bytes()
            case 2:
                changed[at : at + length] = seed.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * length
            case 3:
                del changed[at : at + length]
            case 4:
                changed[at:at] = changed[other : other + length]
            case _:
                changed[at : at + length] = changed[other : other + length]
    return bytes(changed)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_changed_pickles(seed: random.Random) -> None:
    """The zip archive around them is whole, so that every change reaches the pickle machine."""
    examine(archive_of(mutate(PICKLE + b".", seed), STORAGES))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_changed_archives(seed: random.Random) -> None:
    files = {"data.pkl": PICKLE + b".", "data/0": STORAGES["0"], "data/1": STORAGES["1"], "code/a.py": b"pass\n" * 30}
    entries = [
        Entry(f"m/{name}", content, deflated=name.endswith("py"), flags=seed.choice((STREAMED, 0x800)))
        for name, content in files.items()
    ]
    examine(mutate(zip_of(entries, zip64=seed.random() < 0.5), seed))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(OPCODES), max_size=40), st.binary(max_size=8))
def test_random_instructions(codes: list[int], between: bytes) -> None:
    examine(archive_of(b"\x80\x02" + between.join(code.to_bytes() for code in codes) + b".", STORAGES))


@pytest.mark.skipif(not REAL, reason="there are no archives of PyTorch beside the tests")
@settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_changed_archives_of_pytorch(seed: random.Random) -> None:
    examine(mutate(seed.choice(REAL).read_bytes(), seed))
