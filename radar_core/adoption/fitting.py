"""Whether a table of weights is that of an architecture, under which prefix and with which head."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from radar_core.models.foreign import Head

Shapes = Mapping[str, tuple[int, ...]]

WRAPPERS = {
    *("model", "module", "net", "network", "backbone", "encoder", "_orig_mod", "base_model"),
    *("classifier_model", "student", "ema", "ema_model", "feature_extractor", "base"),
}
# Outputs that a network has while it is trained, and nobody else reads.
AUXILIARY = re.compile(r"(AuxLogits|aux1|aux2|aux_classifier)\.")
STEPS = "num_batches_tracked"  # older checkpoints lack it, and inference does not read it


@dataclass(frozen=True, eq=False)
class Fit:
    """How given weights are those of an architecture.

    Attributes:
        outputs: number of logits.
        head: layers in place of the architecture's last; None: its own form.
        names: of the network's tensors, and what each is called in the file.
        ignored: names in the file that are not the network's.
        prefix: what its names begin with there.
        assumed: what no weight tells.
    """

    outputs: int
    head: Head | None
    names: Mapping[str, str] = field(repr=False)
    ignored: tuple[str, ...]
    prefix: str
    assumed: str = ""


def prefixes(given: Shapes) -> tuple[str, ...]:
    """What the names of a network's tensors may begin with in a file, the shortest first."""
    found, grown = [""], [""]
    for _ in range(4):
        longer = []
        for start in grown:
            under = [key[len(start) :] for key in given if key.startswith(start)]
            heads = {key.split(".")[0] for key in under if "." in key}
            for word in sorted(heads):
                share = sum(key.startswith(f"{word}.") for key in under) / len(under)
                if word in WRAPPERS or share >= 0.9:
                    longer.append(f"{start}{word}.")
        found += longer
        grown = longer
    return tuple(found)


def fit(own: Shapes, last: Sequence[str], given: Shapes) -> Fit | None:
    """How given weights are those of a network with 1,000 outputs, or None.

    Args:
        own: the network's tensors.
        last: dotted names of its last linear layer and of the parts that hold it.
        given: the file's tensors.
    """
    for prefix in prefixes(given):
        under = {k[len(prefix) :]: v for k, v in given.items() if k.startswith(prefix)}
        under = {k: v for k, v in under.items() if not AUXILIARY.match(k)}
        beside = {k: v for k, v in given.items() if not k.startswith(prefix)}
        found = _own_head(own, under, prefix) or _other_head(own, last, under, beside, prefix)
        if found:
            used = set(found.names.values())
            ignored = tuple(key for key in given if key not in used)
            return Fit(found.outputs, found.head, found.names, ignored, prefix, found.assumed)
    return None


def likeness(own: Shapes, given: Shapes) -> float:
    """The share of a network's tensors that a file has, by name and shape, at its best prefix."""
    best = 0
    for prefix in prefixes(given):
        best = max(best, sum(given.get(prefix + key) == shape for key, shape in own.items()))
    return best / len(own)


def _own_head(own: Shapes, under: Shapes, prefix: str) -> Fit | None:
    """The architecture's own layers, with some number of outputs."""
    needed = [key for key in own if not key.endswith(STEPS)]
    if any(key not in under for key in needed):
        return None
    other = [key for key in own if key in under and own[key] != under[key]]
    counts = {under[key][:1] for key in other} or {(1000,)}
    widened = all(
        own[key][:1] == (1000,) and own[key][1:] == under[key][1:] and under[key] for key in other
    )
    extra = [key for key in under if key not in own]
    if len(counts) > 1 or not widened or _network_goes_on(own, extra):
        return None
    ((outputs,),) = counts
    return Fit(outputs, None, {k: prefix + k for k in own if k in under}, (), prefix)


def _network_goes_on(own: Shapes, extra: Sequence[str]) -> bool:
    """Whether unknown names lie among the network's own, so that it is another network."""
    roots = {key.split(".")[0] for key in own}
    return any(key.split(".")[0] in roots for key in extra)


def _other_head(
    own: Shapes, last: Sequence[str], under: Shapes, beside: Shapes, prefix: str
) -> Fit | None:
    """Layers of another form in place of the last one, or beside a backbone without one."""
    fitting = {key for key, shape in own.items() if under.get(key) == shape}
    missing = [k for k in own if k not in fitting and not (k.endswith(STEPS) and k not in under)]
    unknown = [key for key in under if key not in fitting]
    for at in last:
        start = f"{at}."
        if not all(key.startswith(start) for key in missing):
            continue
        width = next((s[1] for k, s in own.items() if k.startswith(start) and len(s) == 2), 0)
        inside = {k: s for k, s in under.items() if k.startswith(start)}
        body = {k: prefix + k for k in own if k in fitting and not k.startswith(start)}
        if inside and all(key.startswith(start) for key in unknown):
            found = _sequence({k[len(start) :]: s for k, s in inside.items()}, width)
            places = {f"{start}{k}": f"{prefix}{start}{v}" for k, v in (found or _NONE)[1].items()}
        elif not inside:
            loose = {k: s for k, s in under.items() if k in unknown}
            found, places = _beside_backbone(
                {prefix + k: s for k, s in loose.items()}, width, start
            )
            if found is None:
                found, places = _beside_backbone(beside, width, start)
        else:
            continue
        if found:
            layers, _, outputs, assumed = found
            head = Head(at, layers)
            return Fit(outputs, head, {**body, **places}, (), prefix, assumed)
    return None


_Sequence = tuple[tuple[str, ...], dict[str, str], int, str]
_NONE: _Sequence = ((), {}, 0, "")


def _beside_backbone(
    given: Shapes, width: int, start: str
) -> tuple[_Sequence | None, dict[str, str]]:
    """A head among names beside the backbone's: `head.weight`, `classifier.0.weight`."""
    groups = dict.fromkeys(key.rpartition(".")[0] for key in given)
    for root in dict.fromkeys(part for group in groups for part in (group.split(".")[0], group)):
        inside = {k[len(root) + 1 :]: s for k, s in given.items() if k.startswith(f"{root}.")}
        found = _sequence(inside, width)
        if found:
            return found, {f"{start}{k}": f"{root}.{v}" for k, v in found[1].items()}
    return None, {}


def _sequence(given: Shapes, width: int) -> _Sequence | None:
    """Layers one after another, from the shapes of their tensors.

    Returns:
        The layers, our name for each tensor and theirs, the number of outputs, and what was
        assumed; None where this is no such sequence from `width` features.
    """
    groups: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, shape in given.items():
        group, _, tensor = key.rpartition(".")
        groups.setdefault(group, {})[tensor] = shape
    numbered = all(group.isdigit() for group in groups)
    order = sorted(groups, key=int) if numbered else list(groups)
    layers: list[str] = []
    names: dict[str, str] = {}
    assumed = ""
    pending = False  # a linear layer after which nothing bent the features yet
    for place, group in enumerate(order):
        tensors = groups[group]
        weight = tensors.get("weight", ())
        gap = numbered and place > 0 and int(group) > int(order[place - 1]) + 1
        if pending and (gap or (not numbered and len(weight) == 2)):
            layers.append("relu")
            assumed = "ReLU between the layers of its head, which no weight tells"
            pending = False
        if len(weight) == 2 and weight[1] == width and "bias" in tensors:
            layers.append(f"linear {weight[1]} {weight[0]}")
            width, pending = weight[0], True
        elif weight == (width,):
            layers.append(f"{'batchnorm' if 'running_mean' in tensors else 'layernorm'} {width}")
        else:
            return None
        names |= {f"{len(layers) - 1}.{t}": f"{group}.{t}" if group else t for t in tensors}
    if not layers or not layers[-1].startswith("linear"):
        return None
    return tuple(layers), names, width, assumed
