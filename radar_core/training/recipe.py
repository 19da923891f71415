"""How a model is trained: with data, weights to start from and versions, all that it takes."""

from __future__ import annotations

from dataclasses import dataclass

from radar_core.params import field_choice, field_flag, field_range

AUGMENTS = {
    "none": "none",
    "upright": "mirrored, tilted a little, zoomed, shifted, colours varied",
    "any way up": "turned by any angle too: dermoscopy, histology",
}
BALANCES = {
    "none": "as they come",
    "loss": "rarer classes weigh more in the loss",
    "sampling": "rarer classes are drawn more often",
}


@dataclass(frozen=True)
class Recipe:
    """Frozen-backbone warm-up, then fine-tuning of the whole network.

    Warm-up: the last layer is fitted to cached features of the untouched backbone (logistic
    regression). Fine-tuning: AdamW, the rate rising over a tenth of the steps and falling along a
    cosine (Loshchilov & Hutter 2017), first on smaller images if asked for (progressive resizing).
    Of the epochs at full size the one of highest balanced accuracy on the validation split is kept,
    between equals that of the lower cross-entropy; training stops where neither has improved for
    `patience` of them. The kept model's logits are divided by one temperature fitted on the
    validation split (Guo et al. 2017), folded into the last layer.

    With `adversarial`, every image is attacked by FGSM from a random start before the network
    learns from it (Wong et al. 2020, arXiv:2001.03994), and epochs are judged on validation images
    that FGSM attacked.
    """

    epochs: int = field_range(20, 0, 500, title="Epochs", help="at the full input size, at most")
    patience: int = field_range(
        8, 1, 500, title="Patience", help="epochs without improvement after which training stops"
    )
    warm_up: bool = field_flag(
        True, title="Warm-up", help="of weights that were trained before; not of random ones"
    )
    small_epochs: int = field_range(0, 0, 500, title="Epochs on smaller images, before")
    small_side: int = field_range(128, 32, 512, title="Side of the smaller images", unit="px")
    batch: int = field_range(32, 4, 512, title="Batch size")
    rate: float = field_range(1e-3, 1e-6, 1.0, step=1e-4, title="Peak learning rate")
    decay: float = field_range(5e-2, 0.0, 1.0, title="Weight decay")
    smoothing: float = field_range(
        0.05, 0.0, 0.5, title="Label smoothing", help="Szegedy et al. 2016"
    )
    average: float = field_range(
        0.99,
        0.0,
        0.9999,
        title="Averaging of weights",
        help="decay a step of the moving average that is judged and kept; 0: none",
    )
    augment: str = field_choice("any way up", AUGMENTS, title="Augmentation")
    jitter: float = field_range(
        0.08, 0.0, 0.5, title="Colour jitter", help="largest relative change of a channel's gain"
    )
    adversarial: float = field_range(
        0.0,
        0.0,
        32.0,
        step=0.5,
        title="Adversarial ε",
        unit="/255",
        help="every image is attacked before it is learnt from, about twice the time; 0: none",
    )
    balance: str = field_choice("loss", BALANCES, title="Class balance")
    precision: str = field_choice(
        "auto",
        {"auto": "bfloat16 where it is quicker", "float32": "float32", "bfloat16": "bfloat16"},
        title="Precision of the passes",
    )
    seed: int = field_range(43, 0, 2**31 - 1, title="Seed")
