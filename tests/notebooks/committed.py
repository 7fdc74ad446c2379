"""The committed notebooks, and what their outputs must not hold."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Times, paths, addresses of objects and bars.
UNSTABLE = re.compile(r"\b\d+(\.\d+)? ?(s|ms|min|seconds|it/s)\b|/(home|tmp|root|work|Users)/|0x[0-9a-f]{6}|%\|")
