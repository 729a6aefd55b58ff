"""``python -m tests.conformance TARGET...``: which cases of the standard a target does not compute, and why.

``--only TEXT`` takes the cases whose names contain it; ``interpreter`` stands for the imported module itself.
``--page`` writes spec/conformance.md anew.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.conformance import page, standard
from tests.conformance.checking import failure


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--only", default="", metavar="TEXT")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.page:
        page.PAGE.write_text(page.render(), encoding="utf-8")
    names = [name for name in standard.case_names() if arguments.only in name]
    # Not forked: processes that share an open wheel would read from one another's places.
    with ProcessPoolExecutor(arguments.jobs, get_context("spawn")) as pool:
        for target in arguments.targets:
            failures = list(pool.map(failure, names, [target] * len(names), chunksize=16))
            right = failures.count(None)
            for name, why in zip(names, failures, strict=True):
                if why is not None:
                    print(f"{target} {name}: {why}")
            print(f"{target}: {right} of {len(names)} ({right / max(len(names), 1):.1%})", flush=True)


if __name__ == "__main__":
    main()
