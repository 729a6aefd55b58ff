"""Makes the PyTorch archives the frontends are tested on; runs where torch is installed.

    python -m tests.models.torch.make_archives OUTPUT [names ...] [--tiny] [--again]

For each case it writes the forms the case names (`name.traced.pt`, `name.scripted.pt`, `name.exported.pt2`,
`name.core.pt2`, `name.frozen.pt`, `name.ptl`), `name.npz` with what eager torch computed and `name.json` with the
inputs' types. Arrays of the first call are `input0 …` and `output0 …` (nested arguments and results flattened in
order, what is no tensor left out), those of the following calls `call1.input0 …`, `call1.output0 …`.
"""

from __future__ import annotations

import argparse
import copy
import inspect
import json
import random
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils import _pytree as pytree

from .zoo import CORE, EXPORTED, FROZEN, LITE, SUFFIXES, TRACED, Call, Case

DTYPES = {
    torch.float32: "f32", torch.float64: "f64", torch.float16: "f16", torch.bfloat16: "bf16", torch.bool: "bool",
    torch.int8: "i8", torch.int16: "i16", torch.int32: "i32", torch.int64: "i64", torch.uint8: "u8",
}  # fmt: skip


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--tiny", action="store_true", help="the small cases that are committed")
    parser.add_argument("--again", action="store_true", help="make what exists again")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
    options.output.mkdir(parents=True, exist_ok=True)
    for case in _catalogue(options.tiny):
        wanted = not options.names or case.name in options.names
        if wanted and (options.again or not (options.output / f"{case.name}.json").exists()):
            make(case, options.output)
    if options.tiny:
        write_table(options.output)
        # What these import of torch's insides only they need.
        from .old_versions import write_old_versions
        from .other_files import write_other

        write_other(options.output / "other")
        write_old_versions(options.output / "versions")


def _catalogue(tiny: bool) -> Sequence[Case]:
    # The large networks need timm and transformers, the tiny ones torch alone.
    if tiny:
        from .tiny import CASES as TINY

        return TINY
    from .catalogue import CASES

    return CASES


def make(case: Case, folder: Path) -> None:
    """Writes one case's files; a form that torch refuses is recorded in `name.json` with torch's reason."""
    start = time.perf_counter()
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    try:
        network, calls = case.build()
        network.eval()
        results = run(copy.deepcopy(network), calls)
    except Exception as error:
        print(f"{case.name}: not built: {reason(error)}", flush=True)
        return
    arrays: dict[str, np.ndarray] = {}
    for number, (call, result) in enumerate(zip(calls, results, strict=True)):
        prefix = f"call{number}." if number else ""
        arrays |= {f"{prefix}input{k}": array(v) for k, v in enumerate(tensors(call))}
        arrays |= {f"{prefix}output{k}": array(v) for k, v in enumerate(values(result))}
    np.savez_compressed(folder / f"{case.name}.npz", **arrays)
    forms: dict[str, str] = {}
    worst: dict[str, float] = {}
    names: list[str] = []
    for form in case.forms:
        path = folder / f"{case.name}.{SUFFIXES[form]}"
        try:
            runnable = save(form, copy.deepcopy(network), calls[0], case, path)
            forms[form] = "ok"
            if form == EXPORTED:
                names = exported_names(path)
            worst[form] = distance(results, run(runnable, calls))
        except Exception as error:
            forms[form] = f"refused: {reason(error)}"
            path.unlink(missing_ok=True)
    record = {
        "inputs": describe(network, calls[0], case),
        "exported_inputs": names,
        "outputs": [type_text(v) for v in values(results[0])],
        "calls": len(calls),
        "stateful": case.stateful,
        "forms": forms,
        "torch_differs_from_eager": {form: error for form, error in worst.items() if not error <= 1e-5},
        "note": case.note,
    }
    (folder / f"{case.name}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"{case.name}: {forms} {worst} {time.perf_counter() - start:.1f} s", flush=True)


def save(form: str, network: nn.Module, call: Call, case: Case, path: Path) -> Callable[..., Any]:
    """Writes one form of the network to `path` and gives what torch itself reads back from it."""
    if form in (EXPORTED, CORE):
        program = torch.export.export(network, copied(call), dynamic_shapes=case.dynamic, strict=case.strict)
        if form == CORE:
            program = program.run_decompositions()
        torch.export.save(program, path)
        return torch.export.load(path).module()
    if form == TRACED:
        # Tracing runs the module once, which may change its state; strict=False lets dictionaries out.
        state = copied(dict(network.state_dict()))
        script = torch.jit.trace(network, copied(call), strict=False, check_trace=False)
        if case.stateful:
            script.load_state_dict(state)
    else:
        script = torch.jit.script(network)
    if form == FROZEN:
        script = torch.jit.freeze(script)
    if form == LITE:
        script._save_for_lite_interpreter(str(path))
    else:
        torch.jit.save(script, str(path))
    return torch.jit.load(str(path))


def run(network: Callable[..., Any], calls: Sequence[Call]) -> list[Any]:
    """What `network` answers to the calls in order, its state carried over."""
    with torch.no_grad():
        return [copied(network(*copied(call))) for call in calls]


def copied(tree: Any) -> Any:
    """The same tree with copies of its tensors, so that in-place ops leave the recorded ones alone."""
    return pytree.tree_map(lambda leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf, tree)


def tensors(tree: Any) -> list[torch.Tensor]:
    """The tree's tensors, in order."""
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def values(tree: Any) -> list[torch.Tensor]:
    """The tree's tensors and numbers, in order, the numbers as scalars; None and strings are left out."""
    leaves = [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, (torch.Tensor, bool, int, float))]
    return [leaf if isinstance(leaf, torch.Tensor) else torch.tensor(leaf) for leaf in leaves]


def array(tensor: torch.Tensor) -> np.ndarray:
    """The tensor as an array; bfloat16, which numpy lacks, as float32, and quantized values dequantized."""
    tensor = tensor.detach().dequantize() if tensor.is_quantized else tensor.detach()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).contiguous().numpy()


def distance(wanted: Sequence[Any], got: Sequence[Any]) -> float:
    """The largest difference over all calls, relative to each output's largest magnitude."""
    worst = 0.0
    for one, other in zip(wanted, got, strict=True):
        for want, have in zip(values(one), values(other), strict=True):
            a, b = array(want).astype(np.float64), array(have).astype(np.float64)
            if a.shape != b.shape:
                return float("inf")
            if a.size:
                worst = max(worst, float(np.nanmax(np.abs(a - b)) / max(float(np.nanmax(np.abs(a))), 1e-30)))
    return worst


def describe(network: nn.Module, call: Call, case: Case) -> list[dict[str, Any]]:
    """Forward's parameters in order: a type text for a tensor, a value for a pinned argument, a list if nested."""
    names = list(inspect.signature(network.forward).parameters.values())
    variadic = bool(names) and names[0].kind is inspect.Parameter.VAR_POSITIONAL
    labels = [f"{names[0].name}_{k}" for k in range(len(call))] if variadic else [p.name for p in names]
    inputs: list[dict[str, Any]] = []
    for name, value in zip(labels, call, strict=False):
        if isinstance(value, torch.Tensor):
            inputs.append({"name": name, "type": case.types.get(name, type_text(value))})
        elif tensors(value):
            leaves = [
                case.types.get(name, type_text(x)) if isinstance(x, torch.Tensor) else x
                for x in pytree.tree_leaves(value)
            ]
            inputs.append({"name": name, "nested": pytree.tree_unflatten(leaves, pytree.tree_structure(value))})
        else:
            inputs.append({"name": name, "value": value})
    return inputs


def exported_names(path: Path) -> list[str]:
    """The names of the exported program's user inputs, nested arguments flattened."""
    return [str(name) for name in torch.export.load(path).graph_signature.user_inputs]


def type_text(value: Any) -> str:
    """glmc's spelling of a tensor's type, "f32[1, 3]"."""
    return f"{DTYPES.get(value.dtype, str(value.dtype))}[{', '.join(str(d) for d in value.shape)}]"


def reason(error: Exception) -> str:
    """The error's type and the telling part of its message, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' | '.join(lines)[:300]}"


def write_table(folder: Path) -> None:
    """Collects the cases' json files into one `archives.json` and removes them."""
    table = folder / "archives.json"
    records = json.loads(table.read_text()) if table.exists() else {}
    for path in sorted(folder.glob("*.json")):
        if path != table:
            records[path.stem] = json.loads(path.read_text())
            path.unlink()
    lines = (f"{json.dumps(name)}: {json.dumps(records[name])}" for name in sorted(records))
    table.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
