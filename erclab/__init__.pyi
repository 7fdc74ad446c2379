# What `erclab/__init__.py` offers, for editors and type checkers, which do not run its `__getattr__`.
from erclab import analysis as analysis
from erclab import contracts as contracts
from erclab import corpora as corpora
from erclab import exhibits as exhibits
from erclab import features as features
from erclab import figures as figures
from erclab import models as models
from erclab import published as published
from erclab import runs as runs
from erclab import study as study
from erclab import sweep as sweep
from erclab.core.batches import DialogueBatch as DialogueBatch
from erclab.core.batches import SequenceBatch as SequenceBatch
from erclab.core.errors import ErclabError as ErclabError
from erclab.face.comparison import Comparison as Comparison
from erclab.face.corpora import list_corpora as list_corpora
from erclab.face.corpora import load as load
from erclab.face.corpora import oracle as oracle
from erclab.face.exhibits import exhibit as exhibit
from erclab.face.exhibits import list_exhibits as list_exhibits
from erclab.face.exhibits import save as save
from erclab.face.models import check_model as check_model
from erclab.face.models import left_out as left_out
from erclab.face.models import list_models as list_models
from erclab.face.models import sizes as sizes
from erclab.face.prediction import load_model as load_model
from erclab.face.prediction import predict as predict
from erclab.face.runs import Run as Run
from erclab.face.runs import Runs as Runs
from erclab.face.training import compare as compare
from erclab.face.training import run as run
from erclab.models.interface import Model as Model
from erclab.models.interface import Output as Output
from erclab.runs.export import export as export
from erclab.training.recipes import Recipe as Recipe

__version__: str
