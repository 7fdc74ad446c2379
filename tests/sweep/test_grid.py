"""Grids: what one writes, what is refused, and which runs come out."""

from pathlib import Path

import pytest

from erclab import corpora, runs, sweep
from erclab.core.errors import CorpusError, UsageError
from erclab.corpora import CORPORA, simulated
from erclab.sweep.jobs import Part

EXAMPLE = Path(__file__).resolve().parents[2] / "data" / "sweeps" / "example.yaml"
TINY = {"corpora": "simulated-tiny"}


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "grid.yaml"
        path.write_text(text)
        return path
    return write


def jobs(**values):
    return sweep.plan(sweep.grids({**TINY, **values}))


def test_a_file_says_what_a_dictionary_says(write):
    path = write("models: [sdt, linear]\ncorpora: [simulated-tiny, {name: meld, data: d}]\nseeds: 2\n"
                 "modalities: [all, text, text+audio]\nchanges: {plain: , small: {hidden: 8, learning_rate: 1e-3}}\n")
    grid, = sweep.read(path)
    assert grid == sweep.grids({
        "models": ["sdt", "linear"], "corpora": ["simulated-tiny", {"name": "meld", "data": "d"}], "seeds": [0, 1],
        "modalities": [[], ["text"], ("text", "audio")],
        "changes": {"plain": {}, "small": {"hidden": 8, "learning_rate": 0.001}}}, base=path.parent)[0]
    assert grid.corpora[1].data == str(path.parent / "d")
    assert grid.protocols == ("sound",) and grid.profile == "smoke"


def test_a_name_alone_is_a_list_of_it():
    grid, = sweep.grids({"models": "sdt", "corpora": "simulated-tiny", "variants": "paper", "modalities": "text"})
    assert (grid.models, grid.variants, grid.modalities) == (("sdt",), ("paper",), (("text",),))
    assert grid.corpora == (sweep.Source("simulated-tiny"),)


def test_the_runs_are_the_product():
    found = jobs(models=["sdt"], seeds=[0, 5], modalities=["all", "text"], variants=["paper", "official"],
                 changes={"narrow": {"hidden": 8, "heads": 2}, "wide": {"hidden": 32, "heads": 2}})
    assert len(found) == len({j.id for j in found}) == 2 * 2 * 2 * 2
    assert {tuple(vars(c).values())[2:] for j in found for c in j.cells} == {
        (v, m, "", c, "sound", s) for v in ("paper", "official") for m in ("", "text") for c in ("narrow", "wide")
        for s in (0, 5)}


def test_a_job_is_the_run_that_a_notebook_would_ask_for():
    corpus = corpora.load("simulated-tiny")
    job, = jobs(models="sdt", seeds=[3], modalities="text+audio", settings={"hidden": 8}, variants="official",
                tasks="sentiment")
    spec, = runs.plan("sdt", corpus, seeds=[3], modalities=["text", "audio"], hidden=8, variant="official",
                      task="sentiment")
    assert job.id == spec.id and spec.title in job.title


def test_what_comes_out_the_same_is_one_run():
    """Protocols report one training twice; a fitted baseline has no seed; the recipe's own value changes nothing."""
    job, = jobs(models="sdt", protocols=["sound", "published"])
    assert [c.protocol for c in job.cells] == ["sound", "published"]
    job, = jobs(models="constant", seeds=5)
    assert [c.seed for c in job.cells] == [0]
    recipe = runs.plan("sdt", corpora.load("simulated-tiny"))[0].recipe
    job, = jobs(models="sdt", changes={"plain": {}, "said": {"epochs": recipe.epochs}})
    assert [c.change for c in job.cells] == ["plain", "said"]
    assert len(jobs(models="sdt", grids=[{}, {"seeds": 2}])) == 2


def test_grids_start_from_what_is_common(write):
    first, second = sweep.grids({**TINY, "models": ["sdt"], "seeds": 3, "settings": {"hidden": 8},
                                 "grids": [{"modalities": "text"}, {"models": "linear", "settings": {}}]})
    assert (first.models, first.seeds, first.settings, first.modalities) == (
        ("sdt",), (0, 1, 2), {"hidden": 8}, (("text",),))
    assert (second.models, second.seeds, second.settings, second.modalities) == (("linear",), (0, 1, 2), {}, ())


def test_a_corpus_is_read_once_in_each_form(monkeypatch):
    read = []
    load = Part.load
    monkeypatch.setattr(Part, "load", lambda part: read.append(part.text_as) or load(part))
    jobs(models=["sdt", "linear", "ef-lstm", "lf-lstm"], seeds=2, modalities=["all", "text"])
    assert read == ["vectors", "tokens"]


def test_only_whole_utterances_where_that_is_asked_for(monkeypatch):
    """Per modalities of the run: a text model may see what has no audio."""
    corpus = simulated.generate("tiny")
    corpus.vectors["audio"][corpus.rows("train")[:5]] = 0.0  # has none
    monkeypatch.setattr(corpora, "load", lambda *a, **k: corpus)
    seen = []
    load = Part.load
    monkeypatch.setattr(Part, "load", lambda part: seen.append(load(part)) or seen[-1])
    jobs(models="linear", corpora={"name": "simulated-tiny", "complete": True}, modalities=["all", "text", "audio"])
    there = corpus.has("audio").sum()
    assert [len(c) for c in seen] == [there, len(corpus), there] and there < len(corpus)


@pytest.mark.parametrize(("text", "said"), [
    ("model: [sdt]", "unknown key of a grid 'model'. Did you mean 'models'"),
    ("models: [stt]", "Did you mean 'sdt'"),
    ("models: []", "no models"),
    ("seeds: 2", "lacks models"),
    ("models: sdt\nseeds: 0", "seeds = 0"),
    ("models: sdt\nseeds: [-1]", "neither how many nor which"),
    ("models: sdt\nseeds: true", "neither how many nor which"),
    ("models: sdt\nprotocols: lucky", "unknown protocol 'lucky'"),
    ("models: sdt\nvariants: [papre]", "Did you mean 'paper'"),
    ("models: sdt\nmodalities: [text+adio]", "Did you mean 'audio'"),
    ("models: sdt\nprofile: big", "unknown profile 'big'"),
    ("models: sdt\nprofile: 3", "profile = 3 is not text"),
    ("models: sdt\ncorpora: [simulate]", "Did you mean 'simulated'"),
    ("models: sdt\ncorpora: [meld]", "the corpus 'meld' needs a folder. Write {name: meld, data: FOLDER}"),
    ("models: sdt\ncorpora: [{name: simulated, folder: x}]", "unknown Source setting 'folder'"),
    ("models: sdt\ncorpora: [{data: x}]", "lacks name"),
    ("models: sdt\nsettings: [hidden]", "settings is no mapping"),
    ("models: sdt\nchanges: {no: {hidden: 8}}", "the name False in changes is no text. Put it in quotes"),
    ("models: sdt\nchanges: {a: 3}", "changes, a is no mapping"),
    ("models: sdt\nsettings: {seeds: 3}", "seeds is no setting"),
    ("models: sdt\nmodels: sdt", "line 2: not YAML: 'models' is given twice"),
    ("models: [sdt\nseeds: 3", "not YAML"),
    ("- sdt", "not a grid"),
    ("", "not a grid"),
    ("models: sdt\ngrids: {}", "grids is not a list"),
    ("models: sdt\ngrids: [3]", "grids, number 1 is no mapping"),
    ("models: sdt\ngrids: [{}, {sedes: 3}]", "grids, number 2: unknown key of a grid 'sedes'"),
])
def test_a_slip_in_a_file_is_one_line_with_its_place(write, text, said):
    path = write(text)
    with pytest.raises(UsageError) as caught:
        sweep.read(path)
    assert said in str(caught.value) and str(caught.value).startswith(str(path))


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "nothing.yaml", tmp_path, tmp_path / "binary"):
        with pytest.raises(UsageError, match="cannot be read"):
            sweep.read(path)


@pytest.mark.parametrize(("values", "where", "said"), [
    ({"models": "sdt", "settings": {"hiden": 8}}, "sdt, simulated-tiny", "Did you mean 'hidden'"),
    ({"models": "sdt", "changes": {"a": {"epochs": "x"}}}, "sdt, simulated-tiny, a", "epochs = 'x'"),
    ({"models": "sdt", "tasks": ["emotion", "smell"]}, "sdt, simulated-tiny, smell", "unknown task"),
    ({"models": ["linear", "linear-balanced"], "tasks": "sentiment", "variants": "paper"},
     "linear-balanced, simulated-tiny, paper, sentiment", "unknown task"),
])
def test_what_does_not_go_together_is_named_before_anything_is_trained(values, where, said):
    with pytest.raises(UsageError) as caught:
        jobs(**values)
    assert str(caught.value).startswith(where) and said in str(caught.value)


def test_data_that_cannot_be_read_say_so(tmp_path):
    with pytest.raises(CorpusError, match="train_sent_emo"):
        jobs(models="constant", corpora={"name": "meld", "data": str(tmp_path)})


def test_the_example_is_a_sweep():
    found = sweep.plan(sweep.read(EXAMPLE))
    assert len(found) == 23 and all(name in CORPORA for name in {c.corpus for j in found for c in j.cells})
    assert {c.change for j in found for c in j.cells} == {"", "as it is", "no distillation", "no gates"}
    assert sum(len({c.protocol for c in j.cells}) for j in found) == 2 * 21 + 2


def test_the_documented_grid_is_one():
    """What --help and the docstring show can be read."""
    text = sweep.__doc__.partition(":\n\n")[2].partition("\n\nAll keys")[0]
    import textwrap

    import yaml

    values = yaml.safe_load(textwrap.dedent(text))
    assert {*values} == {*(f for f in sweep.Grid.__dataclass_fields__ if f != "words"), "grids"}
    assert len(sweep.grids(values)) == 1 and sweep.grids(values)[0].models == ("constant",)
