"""TFLite as a target of the driver."""

from ...ops.enums import Layout
from ..target import Target
from . import runtime
from .emitters import TABLE
from .legalize import RULES, legalize_tflite
from .serializer import serialize

TARGET = Target(
    name="tflite",
    suffix=".tflite",
    spatial_layout=Layout.NHWC,
    legalize=legalize_tflite,
    rules=RULES,
    table=TABLE,
    serialize=serialize,
    run=runtime.run,
    input_types=runtime.input_types,
)
