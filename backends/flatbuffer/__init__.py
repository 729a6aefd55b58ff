"""FlatBuffers from declared tables: one writer and one reader for every schema (TFLite, MNN).

A table is a class whose fields say their slot number and wire type; its constructor takes keywords:

    class Tensor(Table):
        shape: Sequence[int] | None = vector(0, INT32)
        type: TensorType = enum(1, TensorType.FLOAT32)
        name: str | None = string(3)

    write(Model(tensors=[Tensor(shape=[1, 2], name="x")]), stream, file_identifier=b"TFL3")
    model = read(Model, data, file_identifier=b"TFL3")

None stands for an absent field, so an empty vector and no vector stay two things. Scalars that equal their default are
not written, as the format has it.

`tables.py` holds the declarations and how each kind of field is written and read; `writer.py` and `reader.py` the walk
over a whole buffer. Source: "FlatBuffers internals", https://flatbuffers.dev/internals/.
"""

from .reader import read
from .tables import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Array,
    MalformedBufferError,
    Scalar,
    Table,
    array,
    enum,
    scalar,
    string,
    strings,
    table,
    tables,
    union,
    vector,
)
from .writer import MAX_BYTES, BufferTooLargeError, to_bytes, write

__all__ = [
    "BOOL",
    "FLOAT32",
    "FLOAT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "MAX_BYTES",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "Array",
    "BufferTooLargeError",
    "MalformedBufferError",
    "Scalar",
    "Table",
    "array",
    "enum",
    "read",
    "scalar",
    "string",
    "strings",
    "table",
    "tables",
    "to_bytes",
    "union",
    "vector",
    "write",
]
