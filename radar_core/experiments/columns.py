"""What a table of results holds.

A row's `kind` says what it is: `outcome`, what the attack did to an image; `attack`, `control` and
`repeat`, a score of two maps (attacked against clean, benign noise against clean, the clean image
explained twice); `cost`, what a part took and, as its `status`, on which kind of device; `failed`,
an image, attack or explainer that could not be had, and why; `transfer`, what another model
(`tried_on`) reads in the clean and the attacked image.
"""

TEXTS = (
    *("part", "kind", "model", "image", "label", "attack", "eps", "norm", "status"),
    *("first", "reads", "explainer", "metric", "tried_on", "error"),
)
NUMBERS = (
    *("first_probability", "probability", "linf", "l2", "changed", "distance", "value"),
    *("seconds", "forward", "backward"),
)
