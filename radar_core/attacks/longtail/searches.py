"""What is taken from torchattacks of black-box attacks and of those that seek a small change."""

from __future__ import annotations

import math

from radar_core.attacks.longtail.declared import Declared, Run, Values, steps
from radar_core.epsilon import NORM_TITLES
from radar_core.params import field_choice, field_range

NORMS = {"linf": "Linf", "l2": "L2"}


def _one_pixel_passes(values: Values, run: Run) -> int:
    """A population is a multiple of the 5 numbers of each pixel; its best is read once more."""
    numbers: int = 5 * values["pixels"]
    population: int = numbers * max(1, values["population"] // numbers)
    generations: int = values["steps"]
    return (generations + 1) * math.ceil(population / run.batch) + generations


SEARCHES = (
    Declared(
        "square",
        "Square",
        "Square",
        "Andriushchenko et al. 2020, arXiv:1912.00049",
        """Random search without gradients: squares of ±ε, kept where they help.

        It needs nothing of the model but its logits, and so works where gradients are masked. It
        stops at the flip; where there is none, the variant nearest to one is given. Run by
        torchattacks.
        """,
        (
            ("queries", int, field_range(500, 1, 20_000, title="Queries", help="passes at most")),
            (
                "size",
                float,
                field_range(0.8, 0.01, 0.9, step=0.05, title="First squares", unit="of the area"),
            ),
            ("norm", str, field_choice("linf", NORM_TITLES, title="Norm", help="what ε bounds")),
        ),
        lambda values, run: {
            "norm": NORMS[values["norm"]],
            "eps": run.eps,
            "n_queries": values["queries"],
            "p_init": values["size"],
            "seed": run.seed,
        },
        lambda values, run: values["queries"] + 3,
        family="black box",
        norm=None,
    ),
    Declared(
        "fab",
        "FAB",
        "FAB",
        "Croce & Hein 2020, arXiv:1907.02044",
        """The nearest example, by steps to the linearised decision boundary and back to the image.

        Like DeepFool it projects on the boundary, but within [0, 1] and drawn towards the clean
        image; each example found is moved back and improved. It is given no ε. The library's
        targeted mode takes any flip for a success, so no target can be named. Run by torchattacks.
        """,
        (
            steps(20, help="more of them find nearer examples"),
            ("norm", str, field_choice("linf", NORM_TITLES, title="Norm", help="of the distance")),
            ("eta", float, field_range(1.05, 1.0, 2.0, step=0.01, title="Overshoot η")),
            (
                "beta",
                float,
                field_range(0.9, 0.1, 1.0, step=0.05, title="Step back β", help="of the distance"),
            ),
            (
                "alpha",
                float,
                field_range(0.1, 0.0, 0.5, step=0.05, title="Pull to the clean image α"),
            ),
        ),
        lambda values, run: {
            "norm": NORMS[values["norm"]],
            "eps": math.inf,
            "steps": values["steps"],
            "eta": values["eta"],
            "beta": values["beta"],
            "alpha_max": values["alpha"],
            "seed": run.seed,
        },
        lambda values, run: 2 * values["steps"] + 3,
        family="minimum norm",
        placing="distance",
        norm=None,
        targetable=False,
    ),
    Declared(
        "onepixel",
        "OnePixel",
        "One-Pixel",
        "Su et al. 2019, arXiv:1710.08864",
        """Changes one pixel, or a few, found by differential evolution without gradients.

        Made for 32 px images; in a large image a single pixel seldom turns a reading. ε means
        nothing to it. Run by torchattacks.
        """,
        (
            ("pixels", int, field_range(1, 1, 20, title="Pixels")),
            steps(10, 500, "generations"),
            (
                "population",
                int,
                field_range(20, 5, 400, title="Population", help="candidates of a generation"),
            ),
        ),
        lambda values, run: {
            "pixels": values["pixels"],
            "steps": values["steps"],
            "popsize": values["population"],
            "inf_batch": run.batch,
        },
        _one_pixel_passes,
        family="black box",
        placing="own",
    ),
    Declared(
        "pixle",
        "Pixle",
        "Pixle",
        "Pomponi et al. 2022, arXiv:2202.02236",
        """Copies the pixels of random small patches to random places, without gradients.

        The best patch of each round is kept; it stops at the flip. All colours in the result are
        the image's own. ε means nothing to it. Run by torchattacks.
        """,
        (
            ("rounds", int, field_range(10, 1, 1000, title="Rounds", help="each keeps one patch")),
            steps(10, help="patches tried in a round"),
            ("smallest", int, field_range(2, 1, 64, title="Smallest side", unit="pixels")),
            ("largest", int, field_range(10, 1, 64, title="Largest side", unit="pixels")),
        ),
        lambda values, run: {
            "x_dimensions": (values["smallest"], max(values["smallest"], values["largest"])),
            "y_dimensions": (values["smallest"], max(values["smallest"], values["largest"])),
            "restarts": values["rounds"],
            "max_iterations": values["steps"],
        },
        lambda values, run: values["rounds"] * values["steps"] + 1,
        family="black box",
        placing="own",
    ),
    Declared(
        "sparsefool",
        "SparseFool",
        "SparseFool",
        "Modas et al. 2019, arXiv:1811.02248",
        """Changes few pixels: the values that count most for the boundary that DeepFool finds.

        λ says how far behind the boundary it aims: more flips, and more pixels. A search that would
        change more values than allowed is stopped, and leaves the image clean. ε means nothing to
        it. Run by torchattacks.
        """,
        (
            steps(10, 50),
            (
                "lam",
                float,
                field_range(3.0, 1.0, 20.0, step=0.5, title="λ", help="aim, in DeepFool steps"),
            ),
            ("overshoot", float, field_range(0.02, 0.0, 1.0, step=0.01, title="Overshoot")),
            ("most", int, field_range(200, 1, 100_000, title="Most values", help="in one step")),
        ),
        lambda values, run: {
            "steps": values["steps"],
            "lam": values["lam"],
            "overshoot": values["overshoot"],
        },
        lambda values, run: 52 * values["steps"],  # DeepFool within makes up to 50
        family="minimum norm",
        placing="own",
        targetable=False,
        # Its inner loop makes some 30 calls a value. Where the plane lies the wrong way it would
        # walk through all values, for minutes, and hand back what is no longer the image.
        calls=lambda values: 32 * values["most"],
    ),
)
