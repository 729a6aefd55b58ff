"""What calibration learned of a model, and the file that keeps it: JSON, a line a tensor, the same bytes for the same
content.

Gram matrices are not written: they are larger than all else, and one pass needs them, at once.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from ...errors import InputError
from .histograms import MAX_BINS, SMALLEST_EXPONENT, Histogram
from .statistics import ChannelStatistics, FloatVector, MovingAverage, TensorStatistics

FORMAT = "glmc calibration"
VERSION = 1

_Json = dict[str, object]


@dataclass
class Calibration:
    """Statistics of the values of one model by their names.

    ``model`` is the model's hash. ``sources`` says how many samples of which source of data are in it, by the
    fingerprints of the sources; there is more to come from ``unfinished``. ``notes`` are sentences on what was
    not calibrated, or not as usual; no file has them.
    """

    model: str
    tensors: dict[str, TensorStatistics] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    unfinished: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def samples(self) -> int:
        """How many samples were seen of all sources."""
        return sum(self.sources.values())

    def merged(self, other: "Calibration") -> "Calibration":
        """Of the samples of both; raises InputError for another model's, or one that was interrupted."""
        if self.model != other.model:
            raise InputError("the two calibrations are of different models")
        if self.unfinished is not None or other.unfinished is not None:
            raise InputError("a calibration that was interrupted is to be completed before it is merged")
        merged = Calibration(self.model, dict(self.tensors), dict(self.sources), notes=[*self.notes])
        for name, statistics in other.tensors.items():
            known = self.tensors.get(name)
            try:
                merged.tensors[name] = statistics if known is None else known.merged(statistics)
            except ValueError as error:
                raise InputError(f"the two calibrations disagree on {name}: {error}") from None
        for source, samples in other.sources.items():
            merged.sources[source] = merged.sources.get(source, 0) + samples
        merged.notes += [note for note in other.notes if note not in merged.notes]
        return merged


def write_calibration(calibration: Calibration, stream: BinaryIO) -> None:
    """Writes the file's bytes."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "model": calibration.model,
        "sources": dict(sorted(calibration.sources.items())),
        **({"unfinished": calibration.unfinished} if calibration.unfinished is not None else {}),
    }
    lines = [f'"{key}": {_text(value)}' for key, value in head.items()]
    tensors = [f"{_text(name)}: {_text(_tensor(calibration.tensors[name]))}" for name in sorted(calibration.tensors)]
    body = ",\n".join(tensors)
    lines.append(f'"tensors": {{\n{body}\n}}')
    content = ",\n".join(lines)
    stream.write(f"{{\n{content}\n}}\n".encode())


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _tensor(statistics: TensorStatistics) -> _Json:
    moving, histogram, channels = statistics.moving, statistics.histogram, statistics.channels
    entry: _Json = {"samples": statistics.samples, "elements": statistics.elements, "not_finite": statistics.not_finite}
    if histogram is None:
        return entry
    entry |= {
        "range": [statistics.minimum, statistics.maximum],
        "moving": [moving.low, moving.high, moving.weight],
        "zeros": histogram.zeros,
        "exponent": histogram.exponent,
        "first": histogram.first,
        "counts": histogram.counts.tolist(),
    }
    if channels is not None:
        entry |= {
            "axis": channels.axis,
            "channel_elements": channels.count,
            "channel_minimum": channels.minimum.tolist(),
            "channel_maximum": channels.maximum.tolist(),
            "channel_sum": channels.sum.tolist(),
        }
    return entry


def read_calibration(path: Path, model: str | None = None) -> Calibration:
    """Reads a file; raises InputError when it is none, damaged, of another version, or of another model than wanted."""
    try:
        content = cast(object, json.loads(path.read_bytes()))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError:
        raise InputError(f"{path} is not a calibration file, or it was cut off: it is not JSON") from None
    except RecursionError:
        raise InputError(f"{path} is not a calibration file") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is not a calibration file")
    if content.get("version") != VERSION:
        raise InputError(f"{path} is a calibration file of version {content.get('version')}; this glmc reads {VERSION}")
    match content:
        case {"model": str(found), "sources": dict(sources), "tensors": dict(tensors)}:
            pass
        case _:
            raise InputError(f"{path} is damaged: its model, sources or tensors are missing")
    if model is not None and found != model:
        raise InputError(
            f"{path} is the calibration of another model, or of this one compiled with other options: remove it, or "
            "give another --calibration-cache"
        )
    calibration = Calibration(found, sources={str(k): _count(v, path, f"source {k}") for k, v in sources.items()})
    unfinished = content.get("unfinished")
    if unfinished is not None and unfinished not in calibration.sources:
        raise _damaged(path, "unfinished")
    calibration.unfinished = unfinished
    for name, entry in tensors.items():
        calibration.tensors[name] = _read_tensor(entry, path, name)
    return calibration


def _read_tensor(entry: object, path: Path, name: str) -> TensorStatistics:
    if not isinstance(entry, dict):
        raise _damaged(path, name)
    samples, elements, not_finite = (_count(entry.get(k), path, name) for k in ("samples", "elements", "not_finite"))
    statistics = TensorStatistics(samples, elements, not_finite)
    if "counts" not in entry:
        return statistics
    statistics.minimum, statistics.maximum = map(float, _numbers(entry.get("range"), path, name, 2))
    statistics.moving = MovingAverage(*map(float, _numbers(entry.get("moving"), path, name, 3)))
    statistics.histogram = _read_histogram(entry, path, name)
    if "axis" in entry:
        statistics.channels = _read_channels(entry, path, name)
    return statistics


def _read_histogram(entry: _Json, path: Path, name: str) -> Histogram:
    match entry:
        case {"exponent": int(exponent), "first": int(first), "counts": list(counts)}:
            pass
        case _:
            raise _damaged(path, name)
    try:
        array = np.array(counts, np.int64)
    except (ValueError, TypeError, OverflowError):
        raise _damaged(path, name) from None
    # The bins reach over zero.
    is_sound = array.ndim == 1 and -array.size < first <= 0 and array.size <= MAX_BINS and bool((array >= 0).all())
    zeros = _count(entry.get("zeros"), path, name)
    if not is_sound or not SMALLEST_EXPONENT <= exponent <= 128 or zeros > array[-first]:
        raise _damaged(path, name)
    return Histogram(exponent, first, array, zeros)


def _read_channels(entry: _Json, path: Path, name: str) -> ChannelStatistics:
    keys = ("channel_minimum", "channel_maximum", "channel_sum")
    minimum, maximum, total = (_numbers(entry.get(key), path, name) for key in keys)
    if not minimum.size == maximum.size == total.size:
        raise _damaged(path, name)
    axis, count = (_count(entry.get(key), path, name) for key in ("axis", "channel_elements"))
    return ChannelStatistics(axis, minimum, maximum, total, count)


def _count(value: object, path: Path, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _damaged(path, name)
    return value


def _numbers(value: object, path: Path, name: str, length: int | None = None) -> FloatVector:
    try:
        array = np.array(value, np.float64)
    except (ValueError, TypeError):
        raise _damaged(path, name) from None
    if array.ndim != 1 or (length is not None and array.size != length) or not np.isfinite(array).all():
        raise _damaged(path, name)
    return array


def _damaged(path: Path, name: str) -> InputError:
    return InputError(f"{path} is damaged: the entry of {name} is not what a calibration writes")


__all__ = ["FORMAT", "VERSION", "Calibration", "read_calibration", "write_calibration"]
