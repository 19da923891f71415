"""Working memory of a model pass per byte of its input, for every architecture of the zoo, as JSON.

    python benchmarks/memory.py [ARCHITECTURE ...]

Checks `BYTES_PER_INPUT_BYTE` of radar_core.runtime. Each figure comes from a process of its own:
how much its peak of resident memory grows from a batch of one to a batch of `BATCH`, by image.
Linux and macOS, on the CPU.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from radar_core.models import zoo
from radar_core.runtime import BYTES_PER_INPUT_BYTE, versions

BATCH = 5


def peak() -> int:
    """The largest resident size this process has had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure(architecture: str, gradients: bool) -> float:
    """Bytes taken per byte of input, in this process."""
    import torch

    import radar_core as radar

    known = zoo.architecture(architecture)
    model = radar.Classifier(
        zoo.build(architecture, 7),
        tuple("abcdefg"),
        cam_layer=known.cam_layer,
        input_size=known.input_size,
    )

    def run(count: int) -> int:
        images = torch.zeros(count, 3, known.input_size, known.input_size)
        if gradients:
            leaf = images.requires_grad_()
            torch.autograd.grad(model(leaf).sum(), leaf)
        else:
            with torch.no_grad():
                model(images)
        return peak()

    with model.held():
        one = run(1)
        grown = run(BATCH) - one
    return grown / ((BATCH - 1) * 3 * known.input_size**2 * 4)


def main() -> None:
    """Measure each architecture in processes of its own and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("architecture", nargs="*", default=list(zoo.ARCHITECTURES))
    parser.add_argument("--here", choices=("forward", "backward"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        print(measure(arguments.architecture[0], arguments.here == "backward"))
        return
    found: dict[str, dict[str, float]] = {}
    for name in arguments.architecture:
        found[name] = {}
        for kind in ("forward", "backward"):
            said = subprocess.run(
                [sys.executable, __file__, name, "--here", kind],
                check=True,
                capture_output=True,
                text=True,
            )
            found[name][kind] = round(float(said.stdout), 1)
        print(name, found[name], file=sys.stderr, flush=True)
    report = {
        "bytes_per_input_byte": found,
        "largest": {k: max(f[k] for f in found.values()) for k in ("forward", "backward")},
        "assumed": {
            "forward": BYTES_PER_INPUT_BYTE[False],
            "backward": BYTES_PER_INPUT_BYTE[True],
        },
        "versions": versions(),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
