"""Calibration: a float module run on samples, and what its values were like."""

import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import GlmirError
from ...ir import Module
from ...ops import tensor
from ...passes.quantization.calibration_file import Calibration, read_calibration, write_calibration
from ...passes.quantization.statistics import PLAIN, Request, TensorStatistics
from ...types import Array
from ..output import write_whole
from .data import Samples
from .runner import Runner

Progress = Callable[[str], None]
"""Is shown what is being done, as ``ProgressLine.show``."""

SAVING_INTERVAL = 10.0
"""Seconds between two states of a cache on disk: what an interruption costs at most."""

BAR = 24


def silent(text: str) -> None:
    """Shows nothing."""


def calibrate(
    module: Module,
    samples: Samples,
    wanted: Collection[str] | Mapping[str, Request],
    progress: Progress = silent,
    cache: Path | None = None,
) -> Calibration:
    """The statistics of values of ``main``, by name, over all samples.

    ``wanted`` are names of float values, or what is asked of each. Values inside branches and loops have no statistics,
    which a note tells. What ``cache`` holds of the same model is not computed again, and the file holds all in the end:
    of samples that it has not seen, or not all of them, the rest is added; data that cannot be told from other data, as
    an iterable of Python, is always added.

    Raises InputError for bad samples and for a cache that is none or another model's, GlmirError when the module cannot
    be run, ValueError for names that no value has.
    """
    requests = dict(wanted) if isinstance(wanted, Mapping) else dict.fromkeys(wanted, PLAIN)
    model = module_hash(module)
    known = read_calibration(cache, model) if cache is not None and cache.exists() else Calibration(model)
    work = _Work.of(known, samples, requests)
    if work.is_done:
        return known
    runner = Runner(module, work.names)
    known.notes += [*runner.notes, *_notes(module)]
    try:
        _gather(runner, samples, work, progress, cache, bool(module.states))
    except KeyboardInterrupt:
        _save(work.snapshot(), cache)
        raise
    work.finish()
    _save(known, cache)
    return known


def _notes(module: Module) -> list[str]:
    if not any(op.calls for op in module.main.ops):
        return []
    return ["values inside branches and loops have no ranges: what is computed there stays float"]


@dataclass
class _Work:
    """What is still to be gathered for a calibration: of which values, from which sample on.

    ``fresh`` are statistics that begin at the first sample, because the calibration has not the value, or not all that
    is asked of it. The others go on at sample ``seen``; none do when the calibration has all samples of this source.
    """

    known: Calibration
    requests: dict[str, Request]
    source: str
    seen: int
    is_new: bool
    fresh: dict[str, TensorStatistics]
    done: int = 0

    @staticmethod
    def of(known: Calibration, samples: Samples, requests: dict[str, Request]) -> "_Work":
        source = samples.fingerprint or f"unnamed {len(known.sources) + 1}"
        is_new = source not in known.sources or source == known.unfinished
        if known.unfinished not in (None, source):
            # What is left of that source is not known; what was seen of it counts.
            known.unfinished = None
        lacking = [n for n, r in requests.items() if n not in known.tensors or not known.tensors[n].satisfies(r)]
        fresh = {name: TensorStatistics() for name in lacking}
        return _Work(known, requests, source, known.sources.get(source, 0) if is_new else 0, is_new, fresh)

    @property
    def is_done(self) -> bool:
        return not self.fresh and not self.is_new

    @property
    def first(self) -> int:
        """The first sample that is needed."""
        return 0 if self.fresh else self.seen

    @property
    def names(self) -> list[str]:
        return [name for name in self.requests if self.is_new or name in self.fresh]

    def observe(self, name: str, array: Array) -> None:
        request, known = self.requests[name], self.known.tensors.get(name)
        if name in self.fresh:
            self.fresh[name].add(array, request)
        if known is not None and self.is_new and self.done >= self.seen:
            known.add(array, PLAIN if name in self.fresh else request)

    def snapshot(self) -> Calibration | None:
        """What may be written before all samples were seen, to go on from there."""
        if not self.is_new or self.done <= self.seen:
            return None
        known = self.known
        sources = {**known.sources, self.source: self.done}
        return Calibration(known.model, {**self.fresh, **known.tensors}, sources, unfinished=self.source)

    def finish(self) -> None:
        """Puts what is new into the calibration."""
        for name, statistics in self.fresh.items():
            known = self.known.tensors.setdefault(name, statistics)
            if known is not statistics:
                known.channels, known.gram, known.gram_rows = statistics.channels, statistics.gram, statistics.gram_rows
        if self.is_new:
            self.known.sources[self.source], self.known.unfinished = self.done, None


def _gather(
    runner: Runner, samples: Samples, work: _Work, progress: Progress, cache: Path | None, has_states: bool
) -> None:
    saved = time.monotonic()
    for number, sample in enumerate(samples):
        progress(_bar(number, samples.count))
        if sample.begins:
            runner.reset()
        # States come from the samples before.
        if number >= work.first or has_states:
            try:
                runner.run(sample.inputs, work.observe if number >= work.first else None)
            except GlmirError as error:
                error.add_note(f"the calibration data's {sample.where}")
                raise
        work.done = number + 1
        if cache is not None and time.monotonic() - saved > SAVING_INTERVAL:
            _save(work.snapshot(), cache)
            saved = time.monotonic()


def _save(calibration: Calibration | None, cache: Path | None) -> None:
    if calibration is not None and cache is not None:
        with write_whole(cache) as stream:
            write_calibration(calibration, stream)


def _bar(done: int, count: int | None) -> str:
    if not count:
        return f"calibrating: sample {done + 1}"
    filled = BAR * done // count
    return f"calibrating {'━' * filled}{'╌' * (BAR - filled)} {done} of {count} samples"


def module_hash(module: Module) -> str:
    """SHA-256 of the module's text and of the content of all weights that the text does not spell out."""
    digest = hashlib.sha256(str(module).encode())
    for function in module.functions.values():
        for op in function.ops:
            if isinstance(op, tensor.Constant) and not op.value.is_inline:
                digest.update(op.value.content_hash.encode())
    for state in module.states:
        digest.update(state.initial.content_hash.encode())
    return digest.hexdigest()
