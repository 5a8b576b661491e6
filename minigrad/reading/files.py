"""The one way in which the library writes a file: aside first, then in its place.

Nobody ever sees half a file, and a failure leaves the old one as it was.
"""

from __future__ import annotations

import contextlib
import glob
import os
import platform
import stat
from collections.abc import Sequence
from pathlib import Path


def replace_file(path: str | os.PathLike[str], content: bytes) -> Path:
    """Let ``path`` be a file of ``content``, at once.

    A link stays a link, and a file that is replaced keeps its permissions; a new one gets
    those that the process gives to new files.  Drafts that killed processes left beside it are
    removed.

    Raises
    ------
    OSError
        Where the file cannot be written; what was there before is still there.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = replace_file(pathlib.Path(folder) / "notes.txt", b"dw = x * dz")
    ...     path.read_text()
    'dw = x * dz'
    """
    path = Path(path)
    target = path.resolve()
    prefix = f".{target.name[:40]}.draft-{platform.node()[:40]}-"
    remove_abandoned(target.parent, prefix)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {target.parent}")
    draft = target.parent / f"{prefix}{os.getpid()}-{os.urandom(6).hex()}"
    try:
        with open(draft, "xb") as file:
            if target.exists():  # before anything stands in it: it may be for one reader's eyes
                os.chmod(draft, stat.S_IMODE(target.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        raise
    return path


def writable(path: str | os.PathLike[str], suffixes: Sequence[str], who: str) -> Path:
    """``path``, once it is sure that a file of one of ``suffixes`` can be there.

    Raises
    ------
    ValueError
        For another suffix.
    FileNotFoundError, NotADirectoryError, IsADirectoryError
        When there is no such folder, or ``path`` is one.
    """
    path = Path(path)
    lead = f"{who}: cannot save {str(path)!r}"
    if path.suffix.lower() not in suffixes:
        names = ", ".join(suffixes)
        raise ValueError(
            f"{lead}: the name must end in {'one of ' if len(suffixes) > 1 else ''}{names}"
        )
    if not path.parent.exists():
        raise FileNotFoundError(
            f"{lead}: there is no folder {str(path.parent)!r}; make it first, or save elsewhere"
        )
    if not path.parent.is_dir():
        raise NotADirectoryError(f"{lead}: {str(path.parent)!r} is a file, not a folder")
    if path.is_dir():
        raise IsADirectoryError(f"{lead}: it is a folder")
    return path


def remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove the drafts in ``folder`` whose process, of this machine, is there no more."""
    if os.name != "posix":  # elsewhere there is no signal that does nothing
        return
    for draft in folder.glob(f"{glob.escape(prefix)}*"):
        pid = draft.name.removeprefix(prefix).partition("-")[0]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            with contextlib.suppress(OSError):
                draft.unlink()
        except (ValueError, OverflowError, OSError):  # another name, or somebody else's process
            continue
