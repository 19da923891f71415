"""A universal perturbation as a value: what it is, whom it was fitted on, kept as a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.errors import BadParameter, CannotWrite
from radar_core.models.classifier import Classifier

SUFFIX = ".safetensors"
_KINDS: dict[str, type | tuple[type, ...]] = {
    "attack": str,
    "parameters": dict,
    "seed": int,
    "model": str,
    "target": (str, type(None)),
    "fitted_on": str,
    "images": int,
    "fooled": (int, float),
    "left_out": int,
}


@dataclass(frozen=True, eq=False)
class Pattern:
    """What is added to every image, times ε.

    Attributes:
        values: (3, h, w) float32 of L∞ norm at most 1, at the model's input size.
        attack, parameters, seed: what fitted it.
        model: content hash of the model it was fitted against.
        target: the class it aims at, or None.
        fitted_on: where the images came from, in words, and `images` how many they were.
        fooled: share of them that it flipped, at the ε it was fitted for. Images that it was not
            fitted on are flipped less often: their share is the fooling rate.
        left_out: further images that were given, but are read as the target without it.
    """

    values: Float[Tensor, "3 h w"]
    attack: str
    parameters: Mapping[str, Any]
    seed: int
    model: str
    target: str | None
    fitted_on: str
    images: int
    fooled: float
    left_out: int = 0

    def checked(self, model: Classifier, attack: str, target: str | None) -> Float[Tensor, "3 h w"]:
        """The values on the model's device.

        Raises:
            BadParameter: fitted by another attack, for another class, or at another size. Another
                model is allowed: that universal patterns carry over is what they are known for.
        """
        side = model.input_size
        if self.attack != attack:
            raise BadParameter(f"this pattern was fitted by {self.attack}, not by {attack}")
        if tuple(self.values.shape) != (3, side, side):
            raise BadParameter(
                f"this pattern is {self.values.shape[1]} × {self.values.shape[2]} px, {model.name} "
                f"reads {side} × {side} px: fit one for it"
            )
        if self.target != target:
            raise BadParameter(
                f"this pattern aims at {self.target or 'no class'}, not at {target or 'none'}: "
                "fit one for that"
            )
        return self.values.to(model.device)

    def sha256(self) -> str:
        """Content hash of the values."""
        return hashlib.sha256(self.values.cpu().contiguous().numpy().tobytes()).hexdigest()

    def save(self, path: str | Path) -> Path:
        """Write it as one safetensors file; returns its path.

        Raises:
            CannotWrite: the path names no file, or the folder cannot be written.
        """
        from safetensors.torch import save

        target = Path(path)
        if not target.name:
            raise CannotWrite(f"{str(path)!r} names no file; name one, such as uap{SUFFIX}")
        if target.suffix != SUFFIX:
            target = target.with_name(target.name + SUFFIX)  # the name may hold a dot: uap-8.5
        said = {k: v for k, v in asdict(self).items() if k != "values"}
        raw = save({"values": self.values.cpu().contiguous()}, {"pattern": json.dumps(said)})
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(raw)
        except OSError as error:
            raise CannotWrite(f"{target} cannot be written ({error.strerror})") from None
        return target


def load_pattern(path: str | Path) -> Pattern:
    """A pattern that was saved.

    Raises:
        BadParameter: no such file, or it holds no pattern.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            said, values = _described((file.metadata() or {})["pattern"]), file.get_tensor("values")
    except FileNotFoundError:
        raise BadParameter(f"there is no file {path}; fit a pattern first") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        raise BadParameter(f"{path} holds no pattern; fit one with: radar_core fit") from None
    good = values.dtype == torch.float32 and values.ndim == 3 and len(values) == 3
    # NaN is not at most 1.
    if not good or not values.numel() or not float(values.abs().max()) <= 1:
        raise BadParameter(f"{path} holds no pattern of L∞ norm 1; fit it again")
    return Pattern(values=values, **said)


def _described(text: str) -> dict[str, Any]:
    """What a file says of its pattern; ValueError where that is not what `save` writes."""
    said = json.loads(text)
    if not all(isinstance(said[name], kind) for name, kind in _KINDS.items()):
        raise ValueError("another kind of file")
    return {name: said[name] for name in _KINDS}


def one_target(targets: Sequence[str] | None) -> str | None:
    """The one class that a pattern can aim at.

    Raises:
        BadParameter: more than one.
    """
    named = sorted(set(targets or ()))
    if len(named) > 1:
        raise BadParameter(f"one pattern aims at one class, not at {', '.join(named)}")
    return named[0] if named else None
