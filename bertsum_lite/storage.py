"""Writing so that nothing is lost: a folder appears whole or not at all, with its checksums."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKSUMS = "SHA256SUMS"  # the format of `sha256sum -c`


def sha256(file: Path) -> str:
    """Hexadecimal digest of a file of any size."""
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def new_folder(target: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``target`` when the block ends without an error.

    Until then an older ``target`` stays untouched; a failed block leaves no trace.

    Raises:
        OSError: if the place cannot be written (full disk, no permission), naming ``target``.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise OSError(f"cannot write to {target.parent}: {error.strerror or error}") from error
    try:
        yield temporary
        sums = [f"{sha256(file)}  {file.name}\n" for file in sorted(temporary.iterdir())]
        (temporary / CHECKSUMS).write_text("".join(sums), encoding="utf-8")
        temporary.chmod(0o755)  # mkdtemp makes it private
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
            target.replace(old / target.name)
            temporary.replace(target)
            shutil.rmtree(old)
        else:
            temporary.replace(target)
    except OSError as error:
        kept = " (what stood there before is unchanged)" if target.exists() else ""
        raise OSError(f"could not write {target}{kept}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_folder(folder: str | Path) -> None:
    """Compare the files of ``folder`` with its checksums; a folder without checksums passes.

    Raises:
        ValueError: naming the file that is missing or damaged.
    """
    folder = Path(folder)
    if not (folder / CHECKSUMS).is_file():
        return
    for line in (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines():
        expected, name = line.split("  ", 1)
        check_file(folder / name, expected)


def check_file(file: Path, expected: str) -> None:
    """Raise a ``ValueError`` unless ``file`` exists and has the SHA-256 digest ``expected``."""
    if not file.is_file():
        raise ValueError(f"{file} is missing; copy the folder again, whole")
    if (found := sha256(file)) != expected:
        raise ValueError(
            f"{file} is damaged or not the file it should be: its SHA-256 is {found[:12]}…, "
            f"expected {expected[:12]}…; copy or download it again"
        )
