"""The cases of the standard that a target does not compute, each with its reason: reviewed by hand, held by a test.

A case that is listed and is computed right fails the test as much as one that is not listed and is not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

ALL = ("onnx", "tflite", "mnn", "coreml")


@dataclass(frozen=True)
class LeftOut:
    """Cases, by patterns of their names, that some targets do not compute, and why: one line.

    ``is_corrected``: the standard has since changed what the case expects, and what it expects now is computed.
    """

    reason: str
    cases: tuple[str, ...]
    targets: tuple[str, ...] = ALL
    is_corrected: bool = False

    def names(self, case_names: Sequence[str]) -> Iterator[str]:
        return (name for name in case_names if any(fnmatchcase(name, pattern) for pattern in self.cases))


LEFT_OUT: tuple[LeftOut, ...] = (
    LeftOut("no runtime decodes compressed images: decode them before the model", ("test_image_decoder_*",)),
    LeftOut(
        "random numbers: those expected were drawn from one generator behind others",
        ("test_bernoulli_expanded", "test_bernoulli_double_expanded", "test_bernoulli_seed_expanded"),
    ),
    LeftOut(
        "results beyond int8 are expected to wrap around; the standard's text, newer data and onnxruntime saturate",
        ("test_qlinearmatmul_?D_int8_float*",),
        is_corrected=True,
    ),
    LeftOut(
        "scores are expected to be capped behind the mask; the standard's text, newer data, onnxruntime: before it",
        ("test_attention_3d_with_past_and_present_qk_matmul_softcap", "test_attention_4d_with_qk_matmul_softcap"),
        is_corrected=True,
    ),
    LeftOut(
        "zeros over their norm are expected to be NaN; the standard's text, newer data and onnxruntime give 0",
        ("test_l2normalization_axis_0",),
        is_corrected=True,
    ),
    LeftOut(
        "the numbers, up to 1e228, exceed f32, and LiteRT adds no f64",
        (
            "test_operator_add_broadcast",
            "test_operator_add_size1_right_broadcast",
            "test_operator_add_size1_singleton_broadcast",
            "test_operator_addconstant",
        ),
        ("tflite",),
    ),
    LeftOut(
        "inputs of 6 or 7 axes; Core ML has at most 5",
        ("test_*_NCd1d2d3d4d5_*", "test_operator_permute2"),
        ("coreml",),
    ),
    LeftOut(
        "outputs of 6 axes; Core ML has at most 5",
        ("test_unsqueeze_three_axes", "test_unsqueeze_unsorted_axes"),
        ("coreml",),
    ),
    LeftOut(
        "inputs or outputs without elements, which Core ML does not have",
        (
            "test_constantofshape_int_shape_zero",
            "test_reduce_sum_empty_set_non_reduced_axis_zero",
            "test_reshape_allowzero_reordered",
            "test_sequence_model8",
            "test_shape_start_greater_than_end",
            "test_slice_start_out_of_bounds",
            "test_split_zero_size_splits_opset1?",
            "test_tri?_zero",
        ),
        ("coreml",),
    ),
)

LEFT_OUT_OF_NEWEST: tuple[LeftOut, ...] = (
    LeftOut(
        "constant scales that align corners are taken by the size of the result, as onnxruntime does",
        ("test_resize_downsample_scales_*_align_corners, pinned",),
    ),
    LeftOut(
        "indices that the model itself holds are places in output_shape, as in onnxruntime and in real models",
        ("test_maxunpool_export_with_output_shape, pinned",),
    ),
    LeftOut(
        "bits of 64-bit numbers; neither MNN nor Core ML has i64", ("test_bitcast_*64_to_*64*",), ("mnn", "coreml")
    ),
    LeftOut(
        "a state, or the only input, without elements, which Core ML does not have",
        ("test_causal_conv_with_state_kernel_size_one*", "test_*_empty_set*, pinned"),
        ("coreml",),
    ),
)
"""What the newest package has beyond the standard's files, or expects otherwise when operands are constant."""


def left_out(target: str, case_names: Sequence[str]) -> dict[str, str]:
    """The cases that the target does not compute -> why; of the interpreter those that no target computes."""
    rows = [row for row in LEFT_OUT if target in row.targets or row.targets == ALL]
    return {name: row.reason for row in rows for name in row.names(case_names)}


def left_out_of_newest(target: str, case_names: Sequence[str]) -> dict[str, str]:
    """As ``left_out``, of the cases of the newest package, which have what was corrected."""
    as_it_stands = {name: name.removesuffix(", pinned") for name in case_names}
    corrected = {name for row in LEFT_OUT if row.is_corrected for name in row.names(case_names)}
    known = left_out(target, list(as_it_stands.values()))
    found = {name: known[case] for name, case in as_it_stands.items() if case in known and case not in corrected}
    for row in LEFT_OUT_OF_NEWEST:
        if target in row.targets or row.targets == ALL:
            found |= dict.fromkeys(row.names(case_names), row.reason)
    return found
