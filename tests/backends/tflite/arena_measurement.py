"""The arena that LiteRT really allocates, to be run in a process of its own: a path a line on stdin, bytes on stdout.

Without delegates the first input stands at the beginning of the arena, which is one block of the C library's heap: its
usable size is the arena's, and what the allocator adds: under 200 bytes, or up to a page where it maps the block.
"""

import ctypes
import sys

from ai_edge_litert.interpreter import Interpreter, OpResolverType


def allocated_arena(path: str) -> int:
    """The bytes of the arena of the model's first subgraph, on one thread."""
    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(path, num_threads=1, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    library = ctypes.CDLL(None)
    library.malloc_usable_size.argtypes = [ctypes.c_void_p]
    library.malloc_usable_size.restype = ctypes.c_size_t
    places = [interpreter.tensor(detail["index"])().ctypes.data for detail in interpreter.get_input_details()]
    return int(library.malloc_usable_size(min(places)))


if __name__ == "__main__":
    for line in sys.stdin:
        print(allocated_arena(line.strip()), flush=True)
