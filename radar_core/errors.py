"""The errors a user meets. Each names what was expected, what came and the next step."""

from __future__ import annotations


def first_line(error: Exception) -> str:
    """What somebody else's error says, short enough for a sentence of ours."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:140]


class RadarError(Exception):
    """Base of every error that is the user's to mend; they are shown its text, no traceback."""


class Cancelled(RadarError):
    """The watcher of a long computation no longer wants its result."""


class BadParameter(RadarError, ValueError):
    """A parameter has the wrong kind or lies outside its range (an ε of "abc", −1 or 5)."""


class UnknownMethod(RadarError, KeyError):
    """No method of that id is registered."""

    def __str__(self) -> str:  # KeyError would show the repr of its argument
        return str(self.args[0]) if self.args else ""


class BadImage(RadarError, ValueError):
    """Bytes or a file that cannot be taken as an image."""


class BadData(RadarError, ValueError):
    """A data set that cannot be used: no such folder, no images, no classes."""


class BadStory(RadarError, ValueError):
    """A story that cannot be told: no such file, not its format, a step that cannot be."""


class NotFetched(RadarError, OSError):
    """A file could not be brought from the network: no connection, not there, cut, damaged."""


class NoSuchCase(RadarError, LookupError):
    """The data set holds no case of that id or index."""


class BadModel(RadarError, ValueError):
    """Weights or a card that cannot be used: wrong architecture, wrong format, a pickle."""


class MissingWeights(RadarError, FileNotFoundError):
    """No weights file where one was named."""


class CannotWrite(RadarError, OSError):
    """A result could not be written: no permission, no space, not a folder."""


class DeviceUnavailable(RadarError, RuntimeError):
    """A device was named that this machine does not have."""


class EngineUnavailable(RadarError, RuntimeError):
    """What was to compute an experiment is not installed, or does not answer."""


class OutOfMemory(RadarError, MemoryError):
    """Not even one image fits into the memory of the device."""


class AttackFailed(RadarError, RuntimeError):
    """A library's attack broke on this model or image, or gave back what is no image."""
