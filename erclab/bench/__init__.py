"""How fast erclab trains, and with how much memory, beside the naive path that computes the same.

    cases     what is measured: models, sizes, batches, and how much faster they should be
    corpora   random features in the shape of the real corpora
    worker    one path of one case, in a process of its own
    measure   the processes of a case in turn, and what they say as one record

The naive path is in the tests (`tests/bench/naive`): it is what every optimisation is held to.
"""

from erclab.bench.cases import CASES, Case, choose
from erclab.bench.measure import bench, write

__all__ = ["CASES", "Case", "bench", "choose", "write"]
