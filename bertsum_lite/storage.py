"""Writing so that nothing is lost: a folder changes whole or not at all, and other people's files stay.

A folder of ours is first written under a hidden name, with its checksums. One rename then makes it the
valid version. Where the target exists already, it may hold files that we did not write, so it cannot be
replaced by a rename; the finished version is moved into it file by file:

    thesis/chapter1.txt                      not ours: never touched
    thesis/.bertsum-lite.writing/…           while we write; the next writer empties what a kill left
    thesis/.bertsum-lite.new/…               complete, after one rename; from here on it only goes forward
    thesis/config.json, …, SHA256SUMS        in place: ``finish``, which the next reader or writer repeats after a kill

So a reader of ours finds the old version or the new one, never a mixture.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks: there, one process at a time must write
    fcntl = None

CHECKSUMS = "SHA256SUMS"  # the format of `sha256sum -c`, which passes over lines that begin with #
OURS = "# written by bertsum-lite"
WRITING, NEW = ".bertsum-lite.writing", ".bertsum-lite.new"


def sha256(*files: Path) -> str:
    """Hexadecimal digest of a file of any size, or of several, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with open(file, "rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
    return digest.hexdigest()


# Writing ----------------------------------------------------------------------------------------


@contextmanager
def new_folder(target: str | Path) -> Iterator[Path]:
    """Yield an empty folder whose files become those of ``target`` when the block ends without an error.

    Until then an older ``target`` stays as it is; a failed block leaves no trace. Files of our own last
    version that the new one lacks are removed. Files of others stay, and one of a name that we would
    write is an error. Other processes that write the same ``target`` wait for their turn.

    Raises:
        OSError: if the place cannot be written (full disk, no permission), or a file that we did not write
            is in the way; names ``target``.
    """
    target = Path(target)
    inside = target.is_dir()
    try:
        if target.exists() and not inside:
            raise FileExistsError(f"{target} is a file")
        target.parent.mkdir(parents=True, exist_ok=True)
        finish(target)
        _refuse_files_of_others(target, [CHECKSUMS])
        staging = target / WRITING if inside else target.with_name(f".{target.name}.writing")
        lock = _claim(staging)
    except OSError as error:
        raise OSError(f"cannot write to {target if inside else target.parent}: {_reason(error)}") from error
    try:
        try:
            yield staging
            _seal(staging)
            with _locked(target, exclusive=True):
                _commit(staging, target)
        except Exception as error:
            # The libraries below, written in Rust, report a full disk as exceptions of their own.
            if not isinstance(error, OSError) and "os error" not in str(error):
                raise
            kept = " (what stood there before is unchanged)" if target.exists() else ""
            raise OSError(f"could not write {target}{kept}: {_reason(error)}") from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        finish(target)
    finally:
        if lock is not None:
            os.close(lock)


@contextmanager
def new_file(target: str | Path) -> Iterator[Path]:
    """Yield the path of a temporary file that becomes ``target`` when the block ends without an error.

    Raises:
        OSError: if it cannot be written; names ``target``, which is then as it was.
    """
    target = Path(target).resolve()  # a link stays a link
    writing = target.with_name(f".{target.name}.writing")
    try:
        if target.exists() and not target.is_file():
            raise FileExistsError("it exists and is not a file")
        target.parent.mkdir(parents=True, exist_ok=True)
        yield writing
        os.replace(writing, target)
    except OSError as error:
        kept = " (what stood there before is unchanged)" if target.exists() else ""
        raise OSError(f"could not write {target}{kept}: {_reason(error)}") from error
    finally:
        with suppress(OSError):
            writing.unlink()


def check_writable(folder: str | Path, names: Collection[str] = ()) -> None:
    """Find out, before hours of work, whether ``folder`` can be made and written; leaves no trace.

    Args:
        names: of files that ``new_folder(folder)`` is going to write.

    Raises:
        OSError: if it cannot be written, or a file that we did not write has one of ``names``.
    """
    folder = Path(folder)
    probe, made = folder / ".bertsum-lite.probe", []
    try:
        for part in reversed([folder, *folder.parents]):
            if not part.exists():
                part.mkdir()
                made.append(part)
        if names:
            _refuse_files_of_others(folder, [*names, CHECKSUMS])
        try:
            probe.write_bytes(b"x")  # not empty: an empty file fits on a full disk
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(f"cannot write to {folder}: {_reason(error)}") from error
    finally:
        for part in reversed(made):
            with suppress(OSError):  # another process uses it already
                part.rmdir()


def finish(folder: str | Path) -> None:
    """Move a complete new version, which a killed process has left beside the old one, into its place.

    Raises:
        OSError: if ``folder`` cannot be written here.
    """
    folder = Path(folder)
    if not (folder / NEW).is_dir():
        return
    try:
        with _locked(folder, exclusive=True):
            _move_in(folder)
    except OSError as error:
        raise OSError(
            f"{folder} holds a new version that is not yet in place ({NEW}), and it cannot be moved there: "
            f"{_reason(error)}; load or save it once where the folder can be written"
        ) from error


def _move_in(folder: Path) -> None:
    """Move what is in ``NEW`` to its place; it can be killed and repeated at any step."""
    new = folder / NEW
    if not new.is_dir():
        return  # another process was first
    names = os.listdir(new)
    if CHECKSUMS in names:  # else the older checksums are gone, and what they alone listed went before them
        before, after = _checksums(folder) or {}, _checksums(new) or {}
        for name in before.keys() - after.keys():
            # One that was changed since is no longer what we wrote.
            if (folder / name).is_file() and sha256(folder / name) == before[name]:
                (folder / name).unlink()
    for name in names:
        os.replace(new / name, folder / name)
    new.rmdir()


def _commit(staging: Path, target: Path) -> None:
    """Make ``staging`` the valid version of ``target``, by one rename."""
    if not target.exists():
        staging.rename(target)
        return
    _move_in(target)  # another process may have died meanwhile
    _refuse_files_of_others(target, [file.name for file in staging.iterdir()])
    staging.rename(target / NEW)


def _seal(staging: Path) -> None:
    """Write the checksums, and see that all files are on the disk and have the mode that new files have."""
    files = sorted(staging.iterdir())
    sums = "".join(f"{sha256(file)}  {file.name}\n" for file in files)
    (staging / CHECKSUMS).write_text(f"{OURS}\n{sums}", encoding="utf-8")
    mode = (staging / CHECKSUMS).stat().st_mode
    for file in [*files, staging / CHECKSUMS]:
        with suppress(OSError):  # some file systems have no modes
            file.chmod(mode)  # safetensors makes its files private
        with open(file, "rb+") as stream:
            os.fsync(stream.fileno())


def _refuse_files_of_others(folder: Path, names: Collection[str]) -> None:
    ours = _checksums(folder)
    downloaded = not (folder / CHECKSUMS).exists() and _is_model_of_ours(folder)  # the Hub keeps no checksums
    for name in sorted(names):
        file = folder / name
        written = downloaded or (ours is not None and (name in ours or name == CHECKSUMS))
        if os.path.lexists(file) and (file.is_dir() or not written):
            raise FileExistsError(f"{file} was not written by bertsum-lite; move it, or choose another folder")


def _is_model_of_ours(folder: Path) -> bool:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and str(config.get("model_type")).startswith("bertsum-lite")


def _claim(staging: Path) -> int | None:
    """Make ``staging`` an empty folder that only this process uses; returns the lock, to be closed.

    The lock ends with the process that holds it. So what a killed process left is free at once, and
    what a living one writes is waited for.
    """
    while True:
        lock = None
        with suppress(FileExistsError):
            staging.mkdir()
        with suppress(FileNotFoundError):  # the process that we waited for has renamed it: make another
            lock = _lock(staging, exclusive=True)
            if lock is None or os.path.samestat(os.fstat(lock), staging.stat()):
                break
        if lock is not None:
            os.close(lock)
    for left in staging.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return lock


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


# Reading ----------------------------------------------------------------------------------------


@contextmanager
def reading(folder: str | Path) -> Iterator[None]:
    """Check ``folder`` as ``check_folder`` does, and keep its version in place while the block reads it."""
    folder = Path(folder)
    finish(folder)
    with _locked(folder, exclusive=False):
        for name, digest in (_checksums(folder) or {}).items():
            check_file(folder / name, digest)
        yield


def check_folder(folder: str | Path) -> None:
    """Compare the files of ``folder`` with our checksums; one without them, or no folder at all, passes.

    Raises:
        ValueError: naming the file that is missing or damaged.
        OSError: if an interrupted save left a new version there that cannot be moved into place.
    """
    with reading(folder):
        pass


def check_file(file: Path, expected: str) -> None:
    """Raise a ``ValueError`` unless ``file`` exists and has the SHA-256 digest ``expected``."""
    if not file.is_file():
        raise ValueError(f"{file} is missing; copy the folder again, whole")
    if (found := sha256(file)) != expected:
        raise ValueError(
            f"{file} is damaged or not the file it should be: its SHA-256 is {found[:12]}…, "
            f"expected {expected[:12]}…; copy or download it again"
        )


def _checksums(folder: Path) -> dict[str, str] | None:
    """The names and digests of the files that we wrote into ``folder``; None where we wrote none."""
    try:
        first, *lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # no such file, an empty one, or not a text
        return None
    if first != OURS:
        return None
    return {line[66:]: line[:64] for line in lines}


@contextmanager
def _locked(folder: Path, exclusive: bool) -> Iterator[None]:
    """Hold a lock on ``folder`` while the block runs: readers share it, a writer has it alone."""
    lock = _lock(folder, exclusive) if folder.is_dir() else None
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _lock(folder: Path, exclusive: bool) -> int | None:
    """An open descriptor that holds the lock until it is closed; None where there are no locks."""
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    with suppress(OSError):  # some network file systems have none
        fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
    return descriptor
