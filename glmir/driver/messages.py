"""How commands speak: errors as sentences with the exit code of their class, never a traceback unless asked for."""

import sys
import traceback
from collections.abc import Callable

from ..errors import GlmirError


def run_command(command: Callable[[], None], debug: bool) -> int:
    """Runs a command and returns its exit code; what the user caused is told in a sentence on standard error."""
    try:
        command()
    except GlmirError as error:
        if debug:
            traceback.print_exc()
        _say(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) is gone; nothing is wrong.
        sys.stderr.close()
        return 0
    except Exception as error:
        if debug:
            raise
        notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
        _say(f"error: a defect of the compiler: {type(error).__name__}: {error} (--debug shows where){notes}")
        return 1
    return 0


def _say(message: str) -> None:
    print(message, file=sys.stderr)
