"""Flat CPU shares as flarego sees them, beside the process's own CPU profile of the same time."""

from __future__ import annotations

from fidelity.oncpu import average, largest_difference, measure_shares
from targets import Target

from bench.common import Attached, Stream, arguments, table, verdict

BAR = 2.0
LOADS = {
    "known shares": ("-burners", 1),
    "hash, format, sort": ("-burners", 0, "-mixers", 2),
    "both": ("-burners", 1, "-mixers", 1),
}


def main() -> None:
    options = arguments(__doc__, seconds=10, rounds=3)
    for name, load in LOADS.items():
        with (
            Target("burner", *load) as target,
            Attached(target.pid, "--budget", "5") as attached,
            Stream(attached.url) as stream,
        ):
            rounds = measure_shares(target, stream, options.seconds, options.rounds)
        own, seen = map(average, zip(*rounds, strict=True))
        each = ", ".join(f"{largest_difference(*shares):.2f}" for shares in rounds)
        print(f"largest difference in each {options.seconds} s: {each} percentage points; their mean:")
        print(name)
        table(
            ("process", "flarego", "function"),
            [(f"{own[f]:.2f}%", f"{seen.get(f, 0):.2f}%", f) for f in sorted(own, key=own.get, reverse=True)[:20]],
        )
        verdict("largest difference", largest_difference(own, seen), BAR, "percentage points")


if __name__ == "__main__":
    main()
