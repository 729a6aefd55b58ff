"""TFLite as a target of the driver."""

from ...ops.enums import Layout
from ..target import Target, TargetOptions, require_single_precision, single_file
from . import runtime
from .emitters import TABLE
from .legalize import RULES, legalize_tflite
from .serializer import serialize


def make_target(options: TargetOptions) -> Target:
    """TFLite, which has no options; raises InputError for a precision that it is not compiled in."""
    require_single_precision(options, "tflite")
    return Target(
        name="tflite",
        suffix=".tflite",
        spatial_layout=Layout.NHWC,
        legalize=(legalize_tflite.with_options(dynamic=options.is_dynamic),),
        rules=RULES,
        table=TABLE,
        serialize=single_file(serialize),
        run=runtime.run,
        input_types=runtime.input_types,
    )
