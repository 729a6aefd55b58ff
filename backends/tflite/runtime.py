"""Runs a TFLite file in its real runtime, LiteRT."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...errors import GlmirError, InputError
from ...types import Array
from .serializer import SIGNATURE_KEY


def run(model: Path | bytes, inputs: Mapping[str, Array], threads: int = 1) -> dict[str, Array]:
    """Runs the model's signature on named arrays; dynamic inputs are resized to the arrays' shapes.

    Raises InputError when LiteRT is not installed or the inputs do not fit, GlmirError when the runtime fails.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise InputError("running a .tflite file needs LiteRT: pip install 'glmc[tflite]'") from None
    source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    try:
        interpreter = Interpreter(**source, num_threads=threads)
        signature = interpreter.get_signature_list()[SIGNATURE_KEY]
        if set(signature["inputs"]) != set(inputs):
            raise InputError(f"the inputs are {', '.join(signature['inputs'])}, not {', '.join(inputs)}")
        runner = interpreter.get_signature_runner(SIGNATURE_KEY)
        details = runner.get_input_details()
        for name, array in inputs.items():
            if np.dtype(details[name]["dtype"]) != array.dtype:
                raise InputError(f"input {name} is {np.dtype(details[name]['dtype'])}, not {array.dtype}")
        return {name: np.asarray(array) for name, array in runner(**inputs).items()}
    except (RuntimeError, ValueError) as error:
        raise GlmirError(f"LiteRT cannot run the model: {error}") from error
