"""What loading a target brings into a process: its own modules, no other target's, and no runtime."""

import subprocess
import sys

import pytest

from glmir.backends.target import TARGETS

RUNTIMES = {"ai_edge_litert", "MNN", "onnxruntime", "coremltools"}
NOT_TO_COMPILE_WITH = {
    *RUNTIMES,
    "networkx",
    "lark",
    "glmir.backends.coreml.executor",
    "glmir.backends.coreml.validation",
}


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_loads_what_it_compiles_with_and_no_more(target: str) -> None:
    program = f"import sys; from glmir.backends.target import load_target; load_target({target!r}); print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )
    assert f"glmir.backends.{target}.target" in loaded
    others = {f"glmir.backends.{other}" for other in TARGETS if other != target}
    assert not loaded & (others | NOT_TO_COMPILE_WITH)
