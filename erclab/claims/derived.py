"""Files beside the evidence of claims that hold what follows from it, per corpus, with a digest of what that was.

What follows costs minutes of processor time over all corpora. It is read where the digest is still the same, and
computed anew where it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from erclab.claims import book as books
from erclab.core.errors import RunError


class Digested(Protocol):
    """What follows from the evidence of a corpus."""

    @property
    def digest(self) -> str:
        """Of the evidence, and of whatever else decides."""


T = TypeVar("T", bound=Digested)


@dataclass(frozen=True)
class Derived(Generic[T]):
    """One such file.

    Attributes:
        file: its name in the folder of the evidence.
        holds: in words, for an error, such as "scores".
        parse: its text -> corpus -> what follows there.
    """

    file: str
    holds: str
    parse: Callable[[str], Mapping[str, T]]

    def stored(self, where: Path | None = None) -> dict[str, T]:
        """Corpus -> what is kept; none without the file.

        Raises:
            RunError: the file is damaged.
        """
        path = (where or books.folder()) / self.file
        if not path.exists():
            return {}
        try:
            return dict(self.parse(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"not a file of {self.holds} ({type(error).__name__}: {error})", where=path,
                           remedy="Delete it and write it again: erclab report.") from None

    def current(self, digests: Mapping[str, str], compute: Callable[[str], T], where: Path | None = None, *,
                again: bool = False) -> dict[str, T]:
        """What follows on each corpus: what is kept with this digest, else computed.

        Args:
            digests: corpus -> the digest of today.
            again: compute all.
        """
        kept = {} if again else self.stored(where)
        return {name: kept[name] if name in kept and kept[name].digest == digest else compute(name)
                for name, digest in digests.items()}

    def outdated(self, digests: Mapping[str, str], where: Path | None = None) -> list[str]:
        """The corpora that are missing, or kept with another digest, or have none today."""
        kept = {name: one.digest for name, one in self.stored(where).items()}
        return [name for name in dict.fromkeys((*digests, *kept)) if digests.get(name) != kept.get(name)]
