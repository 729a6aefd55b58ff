"""Class labels: the outputs that make a model a classifier, beside those of the source."""

from ...errors import InputError
from ...ir import Function, Value
from ...ops import nn, tensor
from ...types import DType, TensorType
from . import schema
from .program import Immediate, Program
from .schema import DataType
from .values import list_of, scalar_type

LABEL, PROBABILITIES = "classLabel", "classLabel_probs"

Labels = tuple[str, ...] | tuple[int, ...]


def add_classifier(
    function: Function, program: Program, description: schema.ModelDescription, labels: Labels
) -> schema.ModelDescription:
    """Appends the operation that names the likeliest class; returns the description with its two outputs.

    Raises InputError unless one output has an element for each label.
    """
    probabilities = _probabilities(function, labels)
    if probabilities.type.dtype is not DType.F32:
        wide = program.temporary(TensorType(DType.F32, probabilities.type.shape))
        program.add("cast", wide, x=probabilities, dtype="fp32")
        probabilities = wide
    is_text = isinstance(labels[0], str)
    key = scalar_type(DataType.STRING if is_text else DataType.INT64)
    pairs = schema.DictionaryType(key_type=key, value_type=scalar_type(DataType.FLOAT64))
    label, each = program.unique_name(LABEL), program.unique_name(PROBABILITIES)
    outputs = [
        schema.NamedValueType(name=label, type=key),
        schema.NamedValueType(name=each, type=schema.ValueType(dictionary_type=pairs)),
    ]
    program.add_raw("classify", outputs, probabilities=probabilities, classes=Immediate(list_of(labels)))
    program.output_names += [label, each]
    features = _features(label, each, is_text)
    return schema.ModelDescription(
        input=description.input,
        output=[*description.output, *features],
        predicted_feature_name=label,
        predicted_probabilities_name=each,
        metadata=description.metadata,
    )


def _features(label: str, each: str, is_text: bool) -> list[schema.FeatureDescription]:
    if is_text:
        kind = schema.FeatureType(string_type=schema.StringFeatureType())
        keys = schema.DictionaryFeatureType(string_key_type=schema.StringFeatureType())
    else:
        kind = schema.FeatureType(int64_type=schema.Int64FeatureType())
        keys = schema.DictionaryFeatureType(int64_key_type=schema.Int64FeatureType())
    return [
        schema.FeatureDescription(name=label, type=kind),
        schema.FeatureDescription(name=each, type=schema.FeatureType(dictionary_type=keys)),
    ]


def _probabilities(function: Function, labels: Labels) -> Value:
    """The output with one element a label; of several that which is a softmax."""
    fitting = [v for v in function.outputs if v.type.elements == len(labels) and v.type.dtype.is_float]
    softmaxes = [v for v in fitting if isinstance(_uncast(v).owner, nn.Softmax)]
    if len(fitting) != 1 and len(softmaxes) != 1:
        outputs = ", ".join(f"{n}: {v.type}" for n, v in zip(function.output_names, function.outputs, strict=True))
        advice = "" if all(v.type.is_static for v in function.outputs) else "; fix dims with --dim"
        wanted = f"{len(labels)} class labels need one output of as many elements, or one softmax"
        raise InputError(f"{wanted}; there are {outputs}{advice}")
    return fitting[0] if len(fitting) == 1 else softmaxes[0]


def _uncast(value: Value) -> Value:
    while isinstance(value.owner, tensor.Cast):
        value = value.owner.x
    return value
