"""Speed and memory of erclab's training, compared with the naive path, which computes the same.

    cases     what is measured: models, sizes, batches, and how much faster they should be
    corpora   random features in the shape of the real corpora
    naive     the naive path: the authors' way to compute five models
    worker    one path of one case, in a process of its own
    measure   runs the processes of a case in turn and writes one record
"""

from erclab.bench.cases import CASES, BenchCase, choose
from erclab.bench.measure import bench, check_place, write

__all__ = ["CASES", "BenchCase", "bench", "check_place", "choose", "write"]
