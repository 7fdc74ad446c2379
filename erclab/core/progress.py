"""Progress bars that an environment variable can silence, also in notebooks."""

from __future__ import annotations

import os

from tqdm.auto import tqdm


def bar(*args, progress: bool = True, **options) -> tqdm:
    """A tqdm bar, silent without `progress` or with `TQDM_DISABLE=1`.

    tqdm's notebook bar does not read that variable itself (tqdm 4.67), and our runner and tests rely on it:
    an executed notebook must hold no bar.
    """
    silenced = os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
    return tqdm(*args, disable=not progress or silenced, **options)
