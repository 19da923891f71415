"""The zip archive of a program, read whole by one reader, its size bounded before it is read."""

from __future__ import annotations

import zipfile
from pathlib import Path

from radar_core.errors import BadModel

CODE = 64 * 2**20  # bytes that code may unpack to; that of the largest networks is 10 MiB


def members(path: Path) -> dict[str, bytes]:
    """What an archive holds, by name within its one folder.

    torch writes tensors uncompressed and code compressed: more than that could be a bomb.

    Raises:
        BadModel: damaged, much larger than its file, or the same name twice.
    """
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            whole = sum(entry.file_size for entry in entries)
            if whole > path.stat().st_size + CODE:
                raise BadModel(
                    f"{path.name} unpacks to {whole // 2**20} MiB, as no program of torch does"
                )
            for entry in entries:
                name = entry.filename.partition("/")[2]
                if name in found:
                    raise BadModel(f"{path.name} holds {name} twice; save it anew")
                found[name] = archive.read(entry)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadModel(f"{path.name} is cut short or damaged ({error}); copy it again") from None
    return found
