"""Functions of torch met as they are called: what watches a network, or computes it otherwise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.overrides import TorchFunctionMode


class FunctionMode(TorchFunctionMode):
    """For the thread that opened it and until it is closed; nothing is hooked into a network."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Hand the call on, as torch asks."""
        return self.called(func, args, kwargs or {})

    @abstractmethod
    def called(
        self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """What a function gives that is called with these arguments."""
