"""What is taken from torchattacks of the gradient attacks within ε.

Left out, as there are own versions of them: FGSM, BIM, PGD, PGDL2, MIFGSM, APGD, APGDT, AutoAttack,
CW, DeepFool. Left out, as they are no attacks on a reading: VANILA, GN, UPGD, PGDRS, PGDRSL2, LGV
and MultiAttack; nor is TPGD, the inner step of TRADES training: it looks at no class, and as often
makes a reading surer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from radar_core.attacks.longtail.declared import Declared, Field, Run, Values, steps
from radar_core.params import field_choice, field_flag, field_range


def _step_size(default: float) -> Field:
    control = field_range(default, 0.1, 1000.0, step=0.1, title="Step length", unit="ε / steps")
    return ("step_size", float, control)


def _momentum(default: float) -> Field:
    return ("momentum", float, field_range(default, 0.0, 10.0, step=0.1, title="Momentum μ"))


def _stepped(**theirs: str) -> Callable[[Values, Run], dict[str, Any]]:
    """Arguments of an attack in steps; `theirs` says how the library calls further parameters."""

    def arguments(values: Values, run: Run) -> dict[str, Any]:
        alpha = values["step_size"] * run.eps / values["steps"]
        more = {name: values[ours] for ours, name in theirs.items()}
        return {"eps": run.eps, "alpha": alpha, "steps": values["steps"], **more}

    return arguments


def _each_step(count: Callable[[Values], int] = lambda values: 1) -> Callable[[Values, Run], int]:
    return lambda values, run: int(values["steps"]) * count(values) + 1


def _diversity() -> tuple[Field, Field]:
    rate = field_range(
        0.9, 0.1, 0.95, step=0.05, title="Smallest size", unit="of the side",
        help="the image is shrunk to a random size between this and its own, and padded",
    )  # fmt: skip
    share = field_range(
        0.5, 0.0, 1.0, step=0.05, title="Share of steps", help="chance that a step does so"
    )
    return ("resize_rate", float, rate), ("diversity", float, share)


GRADIENTS = (
    Declared(
        "jitter",
        "Jitter",
        "Jitter",
        "Schwinn et al. 2021, arXiv:2105.10304",
        """PGD on the squared error of scaled, noisy probabilities, to reach many different classes.

        Logits are scaled by their largest value, so that a certain model still gives a gradient;
        once flipped, small changes are preferred. The loss is the paper's for no target; the
        library's targeted one comes to rest where another class is certain. Run by torchattacks.
        """,
        (
            steps(),
            _step_size(2.5),
            ("scale", float, field_range(10.0, 0.1, 100.0, step=0.5, title="Scale α")),
            ("noise", float, field_range(0.1, 0.0, 1.0, step=0.05, title="Noise σ")),
            ("random_start", bool, field_flag(True, title="Random start")),
        ),
        _stepped(scale="scale", noise="std", random_start="random_start"),
        _each_step(),
        targetable=False,
    ),
    Declared(
        "difgsm",
        "DIFGSM",
        "DI²-FGSM",
        "Xie et al. 2019, arXiv:1803.06978",
        """BIM that shrinks and pads the image at random before each gradient.

        The variety keeps it from fitting one model, so that its examples transfer better to others.
        Run by torchattacks.
        """,
        (steps(), _step_size(2.5), _momentum(0.0), *_diversity()),
        _stepped(momentum="decay", resize_rate="resize_rate", diversity="diversity_prob"),
        _each_step(),
        alone=False,
    ),
    Declared(
        "tifgsm",
        "TIFGSM",
        "TI-FGSM",
        "Dong et al. 2019, arXiv:1904.02884",
        """BIM along gradients that are smoothed over space: gradients of many shifted images.

        Smooth perturbations transfer better to defended models, and are weaker on the model itself.
        Run by torchattacks.
        """,
        (
            steps(),
            _step_size(2.5),
            _momentum(0.0),
            (
                "kernel",
                str,
                field_choice("gaussian", ("gaussian", "linear", "uniform"), title="Kernel"),
            ),
            ("half", int, field_range(7, 0, 20, title="Largest shift", unit="pixels")),
            *_diversity(),
        ),
        lambda values, run: {
            **_stepped(
                momentum="decay",
                kernel="kernel_name",
                resize_rate="resize_rate",
                diversity="diversity_prob",
            )(values, run),
            "len_kernel": 2 * values["half"] + 1,
        },
        _each_step(),
        alone=False,
    ),
    Declared(
        "nifgsm",
        "NIFGSM",
        "NI-FGSM",
        "Lin et al. 2020, arXiv:1908.06281",
        """MI-FGSM with Nesterov's look ahead: the gradient is taken where the momentum leads.

        Run by torchattacks.
        """,
        (steps(), _step_size(1.0), _momentum(1.0)),
        _stepped(momentum="decay"),
        _each_step(),
        alone=False,
    ),
    Declared(
        "sinifgsm",
        "SINIFGSM",
        "SI-NI-FGSM",
        "Lin et al. 2020, arXiv:1908.06281",
        """NI-FGSM on the mean gradient of darkened copies: the image over 1, 2, 4, …

        Reading a darker image much as the image itself, a model serves as several, and examples
        transfer better. Run by torchattacks.
        """,
        (
            steps(),
            _step_size(1.0),
            _momentum(1.0),
            ("copies", int, field_range(5, 1, 8, title="Copies", help="each costs a pass a step")),
        ),
        _stepped(momentum="decay", copies="m"),
        _each_step(lambda values: values["copies"]),
        alone=False,
    ),
    *(
        Declared(
            id,
            id.upper(),
            title,
            "Wang & He 2021, arXiv:2103.15571",
            f"""{base} tuned by how gradients vary near the image: each step leans to their mean.

            The gradients of random neighbours steady the direction, and examples transfer better.
            Run by torchattacks.
            """,
            (
                steps(),
                _step_size(1.0),
                _momentum(1.0),
                (
                    "neighbours",
                    int,
                    field_range(5, 1, 50, title="Neighbours", help="each costs a pass a step"),
                ),
                ("reach", float, field_range(1.5, 0.1, 10.0, step=0.1, title="Reach β", unit="ε")),
            ),
            _stepped(momentum="decay", neighbours="N", reach="beta"),
            _each_step(lambda values: values["neighbours"] + 1),
        )
        for id, title, base in (
            ("vmifgsm", "VMI-FGSM", "MI-FGSM"),
            ("vnifgsm", "VNI-FGSM", "NI-FGSM"),
        )
    ),
    Declared(
        "eotpgd",
        "EOTPGD",
        "EOT-PGD",
        "Zimmermann 2019, arXiv:1907.00895",
        """PGD along the mean gradient of several passes, for models that draw at random.

        For a model that draws nothing it is PGD at several times the cost. Run by torchattacks.
        """,
        (
            steps(),
            _step_size(2.5),
            ("samples", int, field_range(2, 1, 50, title="Passes a step")),
            ("random_start", bool, field_flag(True, title="Random start")),
        ),
        _stepped(samples="eot_iter", random_start="random_start"),
        _each_step(lambda values: values["samples"]),
    ),
    Declared(
        "ffgsm",
        "FFGSM",
        "FFGSM",
        "Wong et al. 2020, arXiv:2001.03994",
        """FGSM from a random start in the ball of ε: one gradient, one step.

        Made for fast adversarial training. Run by torchattacks.
        """,
        (
            (
                "step_size",
                float,
                field_range(1.25, 0.1, 2.0, step=0.05, title="Step length", unit="ε"),
            ),
        ),
        lambda values, run: {"eps": run.eps, "alpha": values["step_size"] * run.eps},
        lambda values, run: 1,
    ),
    Declared(
        "rfgsm",
        "RFGSM",
        "R+FGSM",
        "Tramèr et al. 2018, arXiv:1705.07204",
        """Gradient steps after one random step of the same length, which leaves a masked gradient.

        The paper's own is one gradient step; here there may be several. Run by torchattacks.
        """,
        (steps(), _step_size(2.5)),
        _stepped(),
        _each_step(),
    ),
)
