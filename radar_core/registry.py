"""Registries: a method is one file; a decorator registers it, discovery finds it."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import pkgutil
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from radar_core.errors import UnknownMethod
from radar_core.params import build, controls

T = TypeVar("T")


class Registry(Generic[T]):
    """The methods of one kind, by id.

    A method is a frozen dataclass with class variables `title` (as the literature names it) and
    `source` (where it was published), a docstring, and fields made by `radar_core.params`. Modules
    of `package` are imported on the first look-up, not before: they import torch.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._methods: dict[str, type[T]] = {}
        self._discovered = False
        self._lock = threading.RLock()

    def register(self, id: str) -> Callable[[type[T]], type[T]]:
        """Class decorator that enters a method under `id`."""

        def enter(method: type[T]) -> type[T]:
            if self._methods.get(id, method).__qualname__ != method.__qualname__:
                raise TypeError(f"two {self.kind}s are registered as {id!r}")
            for name in ("title", "source"):
                if not isinstance(getattr(method, name, None), str):
                    raise TypeError(f"{self.kind} {id!r} needs a class variable {name}: str")
            if not dataclasses.is_dataclass(method) or not method.__doc__:
                raise TypeError(f"{self.kind} {id!r} must be a dataclass with a docstring")
            method.id = id  # type: ignore[attr-defined]
            self._methods[id] = method
            return method

        return enter

    def _discover(self) -> None:
        with self._lock:
            if self._discovered:
                return
            package = importlib.import_module(self.package)
            for module in pkgutil.iter_modules(package.__path__, self.package + "."):
                importlib.import_module(module.name)
            self._discovered = True

    def __getitem__(self, id: str) -> type[T]:
        self._discover()
        try:
            return self._methods[id]
        except KeyError:
            near = difflib.get_close_matches(str(id), self._methods, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            known = ", ".join(sorted(self._methods))
            raise UnknownMethod(f"no {self.kind} is called {id!r}{hint} Known: {known}") from None

    def __iter__(self) -> Iterator[str]:
        self._discover()
        return iter(sorted(self._methods, key=lambda id: getattr(self._methods[id], "order", 100)))

    def __len__(self) -> int:
        self._discover()
        return len(self._methods)

    def __contains__(self, id: object) -> bool:
        self._discover()
        return id in self._methods

    def create(self, id: str, **values: Any) -> T:
        """The method `id` with these parameters, each checked against its control.

        Raises:
            UnknownMethod: no such id.
            BadParameter: an unknown parameter or a value outside its range.
        """
        return build(self[id], values)  # type: ignore[no-any-return]

    def describe(self) -> list[dict[str, Any]]:
        """Every method as plain values: id, title, about, source and parameters."""
        rows = []
        for id in self:
            method = self[id]
            rows.append(
                {
                    "id": id,
                    "title": method.title,  # type: ignore[attr-defined]
                    "about": (method.__doc__ or "").strip().splitlines()[0],
                    "source": method.source,  # type: ignore[attr-defined]
                    "parameters": {
                        name: dataclasses.asdict(control)
                        for name, control in controls(method).items()
                    },
                }
            )
        return rows
