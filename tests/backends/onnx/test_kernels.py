"""The table of kernels against the onnxruntime that is installed, and against the standard."""

from collections import defaultdict

import onnx
import pytest

from glmir.backends.onnx.kernels import KERNELS
from glmir.backends.onnx.opsets import NEWEST_OPSET, OLDEST_OPSET, ir_version
from glmir.types import DType

state = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state")

TYPES = {
    "tensor(bool)": DType.BOOL,
    "tensor(float16)": DType.F16,
    "tensor(bfloat16)": DType.BF16,
    "tensor(float)": DType.F32,
    "tensor(double)": DType.F64,
} | {
    f"tensor({sign}int{bits})": DType(f"{'u' if sign else 'i'}{bits}")
    for sign in ("", "u")
    for bits in (4, 8, 16, 32, 64)
    if f"{'u' if sign else 'i'}{bits}" in {d.value for d in DType}
}

DECISIVE_OPERANDS = {"Where": 1, "OneHot": 2}
"""Which operand's dtype the table means, where it is not the first."""

WITHOUT_KERNEL = ("HardSwish", "Mish")
"""What the runtime computes by the standard's definition."""


def _kernels() -> dict[str, list[tuple[int, int, dict[str, set[DType]]]]]:
    """Operator -> first opset, last opset and the dtypes of each type parameter, of every kernel of the CPU."""
    found = defaultdict(list)
    for kernel in state.get_all_opkernel_def():
        if kernel.provider == "CPUExecutionProvider" and not kernel.domain:
            dtypes = {name: {TYPES[t] for t in types if t in TYPES} for name, types in kernel.type_constraints.items()}
            found[kernel.op_name].append((*kernel.version_range, dtypes))
    return found


@pytest.fixture(scope="module")
def kernels() -> dict[str, list[tuple[int, int, dict[str, set[DType]]]]]:
    return _kernels()


@pytest.mark.parametrize("operator", KERNELS)
def test_table(operator: str, kernels: dict[str, list[tuple[int, int, dict[str, set[DType]]]]]) -> None:
    for opset in range(OLDEST_OPSET, NEWEST_OPSET + 1):
        claimed = {dtype for since, dtypes in KERNELS[operator] if since <= opset for dtype in dtypes}
        if not claimed:
            continue
        schema = onnx.defs.get_schema(operator, opset)
        parameter = schema.inputs[DECISIVE_OPERANDS.get(operator, 0)].type_str
        standard = next(
            ({TYPES[t] for t in c.allowed_type_strs if t in TYPES} for c in schema.type_constraints
             if c.type_param_str == parameter),
            {TYPES.get(parameter)},
        )  # fmt: skip
        assert claimed <= standard, f"opset {opset} of the standard"
        if operator in WITHOUT_KERNEL:
            continue
        available: set[DType] = set()
        for first, last, dtypes in kernels[operator]:
            if first <= opset <= last:
                # Older kernels name the parameters as older versions of the standard did.
                available |= dtypes.get(parameter) or dtypes.get("T") or dtypes.get("T1") or standard
        # Halves are computed in single precision where they have no kernel.
        assert claimed - available <= {DType.F16}, f"opset {opset} of onnxruntime"


def test_every_opset_has_a_format_version() -> None:
    versions = {opset: ir for _, ir, opset, *_ in onnx.helper.VERSION_TABLE}
    for opset in range(OLDEST_OPSET, NEWEST_OPSET + 1):
        assert ir_version(opset) == versions[opset]
