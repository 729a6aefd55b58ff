"""Runs ai-edge-quantizer, in the environment that has it and nothing of ours.

python litert_quantizer.py static_wi8_ai8 float.tflite quantized.tflite [calibration folder of .npz files]
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_quantizer import quantizer, recipe
from ai_edge_quantizer.utils.tfl_interpreter_utils import create_tfl_interpreter


def main() -> None:
    method, source, destination, *data = sys.argv[1:]
    quantizing = quantizer.Quantizer(Path(source).read_bytes(), getattr(recipe, method)())
    result = None
    if quantizing.need_calibration:
        (signature,) = create_tfl_interpreter(source).get_signature_list()
        samples = [dict(np.load(path)) for path in sorted(Path(data[0]).iterdir())]
        result = quantizing.calibrate({signature: samples}, num_threads=1)
    quantizing.quantize(result, enable_progress_report=False).export_model(destination)


if __name__ == "__main__":
    main()
