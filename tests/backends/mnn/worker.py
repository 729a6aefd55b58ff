"""Runs models in MNN in a process of its own, for harness.py: requests on stdin, answers on stdout."""

import os
import pickle
import sys
from pathlib import Path

from glmir.backends.mnn.runtime import run
from glmir.errors import GlmirError


def serve() -> None:
    """Answers ``(model path, inputs)`` with the outputs, or with the error's text, until stdin ends."""
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever the runtime prints must not run into the answers.
    os.dup2(2, 1)
    while True:
        try:
            model, inputs = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer: object = run(Path(model), inputs)
        except GlmirError as error:
            answer = str(error)
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    serve()
