"""Float weights that are mostly zeros, as MNN stores them: what is not zero, and where it stands in the weight.

MNN's source/core/CommonCompute.hpp writes them so. A layer that has a SparseCommon besides runs by the kernels for
sparse matrices where the processor has some, and else makes its weight dense when it is loaded.
"""

import numpy as np

from ...ir import Array
from .schema_enums import SparseAlgo
from .schema_parameters import IDSTQuan
from .schema_sparse import Attribute, SparseCommon

BLOCK = 1
"""Of how many output channels those weights are stored together of which one is not zero."""


def sparse_weight(dense: Array) -> tuple[IDSTQuan, SparseCommon]:
    """The elements of a weight [outputs, inputs, *kernel] that are not zero, and how many there are for the kernels."""
    elements = dense.reshape(-1)
    # The runtime cannot make out a weight of zeros alone.
    places = np.flatnonzero(elements) if elements.any() else np.zeros(1, np.int64)
    stored = IDSTQuan(alpha=elements[places], weight_size=elements.size, index=places.astype(np.uint32))
    counts = {
        "NNZElement": places.size,
        "blockNumber": places.size,
        "sparseBlockKernel": 1,
        "sparseBlockOC": BLOCK,
    }
    arguments = [Attribute(key=key, i=number) for key, number in sorted(counts.items())]
    return stored, SparseCommon(method=SparseAlgo.RANDOM, args=arguments)
