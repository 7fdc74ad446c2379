"""Hugging Face's transformers: imported when needed, silent while it loads, and with errors of one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from erclab.core.errors import ErclabError


def transformers_for(purpose: str, error: type[ErclabError]) -> Any:
    """The package transformers.

    Args:
        purpose: the subject of the error's sentence, such as "text features need".
        error: the class of the error.

    Raises:
        ErclabError: transformers is not installed; of the class `error`.
    """
    try:
        import transformers
    except ImportError:
        raise error(f"{purpose} the package transformers", remedy='Run: pip install "erclab[text]"') from None
    return transformers


@contextmanager
def loading(what: str, source: str | Path, error: type[ErclabError], remedy: str) -> Iterator[None]:
    """A block that loads something by transformers: without log messages and progress bars, with errors of one line.

    Args:
        what: what does not succeed where the block raises, such as "the encoder cannot be loaded".
        source: the folder or name that is loaded, for the error.
        error: the class of the error; an exception of this class passes unchanged.
        remedy: the advice in the error.

    Raises:
        ErclabError: the block raised any other exception; of the class `error`.
    """
    from huggingface_hub.utils import logging as hub
    from transformers.utils import logging

    levels, bars = (logging.get_verbosity(), hub.get_verbosity()), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    hub.set_verbosity(hub.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    except error:
        raise
    except Exception as problem:  # transformers raises nearly every kind for a model that it cannot load
        reason = str(problem).strip().partition("\n")[0][:200] or type(problem).__name__
        raise error(f"{what} ({reason})", where=str(source), remedy=remedy) from problem
    finally:
        logging.set_verbosity(levels[0])
        hub.set_verbosity(levels[1])
        if bars:
            logging.enable_progress_bar()
