"""erclab: a reproducibility study of multimodal emotion recognition in conversations."""

import os

__version__ = "0.1.0"

# Idle OpenMP threads should sleep, not spin. When another process wants the same cores, spinning threads wait for
# one another: measured on two busy cores, SDT took 8 times as long with two spinning threads as with one, and as long
# as with one when they sleep. It counts only if torch has not been imported yet; the runner sets it for notebooks.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
