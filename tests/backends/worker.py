"""Runs one target's artifacts in a process of its own, for workers.py: requests on stdin, answers on stdout."""

import os
import pickle
import sys
from functools import partial

from glmir.backends.target import load_target
from glmir.backends.tflite import runtime
from glmir.errors import GlmirError

run_in_kernels = partial(runtime.run, with_xnnpack=False)
"""LiteRT's own kernels, which compute where XNNPACK is not used."""


def serve(target_name: str) -> None:
    """Answers ``(artifact, inputs)`` with the outputs, or with the error's text, until stdin ends."""
    run = run_in_kernels if target_name == "tflite-kernels" else load_target(target_name).run
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever the runtime prints must not run into the answers.
    os.dup2(2, 1)
    while True:
        try:
            artifact, inputs = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer: object = run(artifact, inputs)
        except GlmirError as error:
            answer = str(error)
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
