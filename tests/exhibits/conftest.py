"""Runs of exhibits in the size of a test, trained once per test file."""

from dataclasses import replace

import pytest
from sequence_corpora import quick

from erclab import sweep
from erclab.exhibits import catalogue


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def answered(tiny, folder, request):
    """Exhibit id -> it and the runs of its questions, with the `SIZES` of the test file."""
    def answer(name, corpus=tiny, seeds=2):
        exhibit, = catalogue.find([name])
        small = {key: replace(q, settings={**request.module.SIZES.get(q.model, {}), **q.settings})
                 for key, q in exhibit.questions(corpus).items()}
        return exhibit, sweep.answers(small, corpus, seeds=seeds, progress=False, folder=folder)
    return answer


@pytest.fixture(scope="module")
def answer(folder):
    """(exhibit, corpus) -> the runs of its questions, of models of sequences."""
    def answer(exhibit, corpus, seeds=2):
        return sweep.answers(quick(exhibit.questions(corpus)), corpus, seeds=seeds, progress=False, folder=folder)
    return answer
