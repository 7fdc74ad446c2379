"""erclab: a reproducibility study of multimodal emotion recognition in conversations."""

import os

__version__ = "0.1.0"

# Idle OpenMP threads should sleep soon, not spin. When another process wants the same cores, spinning threads wait for
# one another: measured on two busy cores, SDT took 2 to 8 times as long with two spinning threads as with sleeping
# ones. But some 20 microseconds cost nothing, and on idle cores SDT is a fifth and MulT twice faster than if every
# small operation has to wake a thread. It counts only if torch has not been imported yet; notebooks inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
