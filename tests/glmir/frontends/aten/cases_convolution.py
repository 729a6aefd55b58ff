"""Cases of convolution.py."""

from .cases import Case, T

W1, W2, W3 = T(4, 3, 3, constant=True), T(4, 3, 3, 2, constant=True), T(2, 3, 2, 2, 2, constant=True)
B4 = T(4, constant=True)

CASES = [
    Case("conv1d", T(2, 3, 7), W1),
    Case("conv1d", T(2, 3, 7), W1, B4, [2], [1], [1], 1),
    Case("conv1d", T(3, 7), W1, B4, [2], [2], [2]),
    Case("conv1d", T(2, 3, 7), T(6, 1, 2), T(6), [1], "same", [2], 3),
    Case("conv2d", T(2, 3, 7, 6), W2),
    Case("conv2d", T(2, 3, 7, 6), W2, B4, [2, 1], [1, 0], [1, 2]),
    Case("conv2d", T("n=2", 3, "h=7", 6), W2, B4, [2, 1], [1, 0], [1, 2]),
    Case("conv2d", T(3, 7, 6), W2, B4),
    Case("conv2d", T(2, 3, 7, 6), W2, None, [1], "same"),
    Case("conv2d", T(2, 3, 7, 6), W2, None, [2], "valid"),
    Case("conv2d", T(2, 3, 7, 6), W2, None, [2], "same").refused("strided"),
    Case("conv2d", T(2, 4, 5, 5), T(4, 1, 3, 3), B4, padding=[1], groups=4),
    Case("conv2d", T(2, 4, 5, 5, dtype="f64"), T(4, 2, 3, 3, dtype="f64"), groups=2),
    Case("conv3d", T(1, 3, 3, 4, 5), W3, T(2), [1], [1, 0, 1]),
    Case("conv3d", T(3, 3, 4, 5), W3, None, [1], "same"),
    Case("conv_transpose1d", T(2, 3, 5), T(3, 2, 3), T(2), [2], [1], [1]),
    Case("conv_transpose1d", T(3, 5), T(3, 2, 3)),
    Case("conv_transpose2d", T(2, 4, 3, 4), T(4, 2, 3, 2), T(4), [2, 1], [1, 0], [1, 0], 2, [1, 2]),
    Case("conv_transpose2d", T("n=2", 4, "h=3", "w=4"), T(4, 2, 3, 2), None, [2, 1]),
    Case("conv_transpose3d", T(1, 2, 2, 3, 2), T(2, 2, 2, 2, 2), None, [2]),
    Case("convolution", T(2, 3, 7, 6), W2, B4, [2, 2], [1, 1], [1, 1], False, [0, 0], 1),
    Case("convolution", T(2, 4, 3, 3), T(4, 2, 3, 2), None, [2, 2], [1, 1], [1, 1], True, [1, 1], 1),
    Case("convolution", T(2, 3, 7), W1, B4, [2], [1], [1], False, [0], 1),
    Case("_convolution", T(2, 3, 7, 6), W2, B4, [2, 2], [1, 1], [1, 1], False, [0, 0], 1, False, False, True, True),
    Case("_convolution", T(2, 3, 7, 6), W2, B4, [2, 2], [1, 1], [1, 1], False, [0, 0], 1, False, False, True),
    Case("_convolution", T(2, 3, 7), W1, B4, [2], [1], [1], False, [0], 1, False, False, True, True),
    Case("_convolution_mode", T(2, 3, 7, 6), W2, B4, [1, 1], "same", [2, 1], 1),
    Case("conv_tbc", T(5, 2, 3), T(3, 3, 4), T(4), 1),
    Case("slow_conv3d", T(1, 3, 3, 4, 5), W3, [2, 2, 2], T(2), [1, 1, 1], [1, 0, 1]),
    Case("slow_conv_dilated2d", T(2, 3, 7, 6), W2, [3, 2], B4, [1, 1], [1, 1], [2, 2]),
    Case("slow_conv_transpose2d", T(2, 4, 3, 4), T(4, 2, 3, 2), [3, 2], T(2), [2, 2], [1, 1], [1, 1], [1, 1]),
]
