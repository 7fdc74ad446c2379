"""The study's style is active where figures are made and stored, and nowhere else; the same figure, the same bytes."""

import hashlib
import io
import subprocess
import sys
import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from erclab import figures
from erclab.core.errors import ErclabError
from erclab.figures import heat, scores, style

GROUPS = {"ours": [0.70, 0.74, 0.72], "theirs": [0.5, 0.6], "fixed": [0.25]}


def drawn():
    return scores.seed_bars(GROUPS, title="A title", xlabel="score (%)", reference={"published": 66.6})


def test_figure_gives_axes_as_a_table_and_each_modality_has_its_own_colour():
    assert style.figure(2, 3)[1].shape == (2, 3) and style.figure()[1].shape == (1, 1)
    assert len(set(style.MODALITY.values())) == len(style.MODALITY) == 3
    assert len(set(style.CYCLE)) == len(style.CYCLE) <= len(style.MARKERS)


def test_pyplot_keeps_no_figure(monkeypatch):
    """A study draws dozens of figures; pyplot would keep them all, and warn after twenty, here after two."""
    monkeypatch.setitem(matplotlib.rcParams, "figure.max_open_warning", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            style.figure()
            scores.seed_bars({"a": [0.5, 0.6]}, title="", xlabel="")
            heat.confusion_matrix(np.eye(2), ["x", "y"], title="")
    assert plt.get_fignums() == []


def test_importing_erclab_changes_the_style_of_no_session():
    code = """if True:
        import importlib, pkgutil, matplotlib
        before = dict(matplotlib.rcParams)
        import erclab
        for module in pkgutil.walk_packages(erclab.__path__, "erclab."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        for name in dir(erclab):  # what the face imports at its first use
            getattr(erclab, name)
        after = dict(matplotlib.rcParams)
        print([name for name in before if before[name] != after[name]])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_style_ends_with_its_block_also_after_an_error():
    before = dict(matplotlib.rcParams)
    with pytest.raises(ZeroDivisionError), style.style():
        assert matplotlib.rcParams["font.size"] == style.STYLE["font.size"] != before["font.size"]
        raise ZeroDivisionError
    assert dict(matplotlib.rcParams) == before


def test_drawing_and_saving_use_the_style_and_leave_the_sessions_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path))
    with matplotlib.rc_context({"font.size": 7, "axes.titlelocation": "center", "figure.constrained_layout.use": False,
                                "savefig.dpi": 33, "axes.spines.top": True, "xtick.labelsize": "large"}):
        before, figure = dict(matplotlib.rcParams), drawn()
        other = style.png(figure)
        assert dict(matplotlib.rcParams) == before
    (axis,) = figure.axes
    assert axis.get_title(loc="left") == "A title" and axis.title.get_fontsize() == style.STYLE["axes.titlesize"]
    assert figure.get_layout_engine() is not None and not axis.spines["top"].get_visible()
    with matplotlib.rc_context({"xtick.labelsize": "large"}):  # the study's style sets no size of tick labels
        assert style.png(drawn()) == other


def test_a_picture_drawn_by_hand_in_the_style_is_that_of_a_session_in_the_style():
    """What the study's figures were before, when the style was set for the whole session."""
    def draw():
        made, ((axis,),) = style.figure(figsize=(5, 3))
        axis.bar([0, 1], [1, 2])
        axis.set(title="A title", xlabel="x")
        return made

    with style.style():
        inside = draw()
    with matplotlib.rc_context(style.STYLE):
        buffer = io.BytesIO()
        made = draw()
        made.savefig(buffer, format="png", metadata={"Software": None})
    assert style.png(inside) == style.in_256_colours(buffer.getvalue())


def as_stored(colours: np.ndarray, dpi: float = 100) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, "PNG", dpi=(dpi, dpi))
    return buffer.getvalue()


def test_256_colours_are_nearly_the_same_pixels_in_half_of_the_bytes():
    with style.style():
        buffer = io.BytesIO()
        heat.confusion_matrix(np.random.default_rng(0).random((20, 20)), list(range(20)), title="T").savefig(buffer)
    before, few = buffer.getvalue(), style.in_256_colours(buffer.getvalue())
    one, other = (np.asarray(Image.open(io.BytesIO(x)).convert("RGB")).astype(int) for x in (before, few))
    assert len(np.unique(one.reshape(-1, 3), axis=0)) > 256 >= len(np.unique(other.reshape(-1, 3), axis=0))
    assert np.abs(one - other).max() <= 16 and len(few) < 0.5 * len(before)
    assert Image.open(io.BytesIO(few)).info["dpi"] == Image.open(io.BytesIO(before)).info["dpi"]


def test_a_rare_colour_stays_what_it_is():
    """A palette of the most frequent colours would paint the one red pixel grey."""
    colours = np.repeat((np.random.default_rng(0).random((300, 300, 1)) * 255).astype(np.uint8), 3, axis=2)
    colours[150, 150] = 213, 94, 0
    few = np.asarray(Image.open(io.BytesIO(style.in_256_colours(as_stored(colours)))).convert("RGB")).astype(int)
    assert np.abs(few[150, 150] - (213, 94, 0)).max() <= 8


def test_a_picture_that_can_be_seen_through_stays_as_it_is():
    seen_through = as_stored(np.full((4, 4, 4), 128, np.uint8))
    assert style.in_256_colours(seen_through) == seen_through


def test_every_file_of_figures_is_there_by_its_name():
    with pytest.raises(AttributeError, match="no attribute 'pie'"):
        figures.pie  # noqa: B018
    assert isinstance(figures.scores.seed_bars(GROUPS, title="", xlabel=""), Figure)


def test_save_makes_the_folder_and_writes_the_same_bytes_each_time(tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path / "deep" / "figures"))
    path, digests = tmp_path / "deep" / "figures" / "01_scores_made.png", set()
    for _ in range(2):
        style.save(drawn(), "01_scores", "made")
        assert path.read_bytes().startswith(b"\x89PNG")
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
        path.unlink()
    assert len(digests) == 1
    assert list(path.parent.iterdir()) == []


def test_what_a_notebook_shows_is_what_was_stored(tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path))
    shown = style.save(drawn(), "01_scores", "made")
    assert shown._repr_png_() == ((tmp_path / "01_scores_made.png").read_bytes(), {"alt": shown.alt})
    assert repr(shown) == "<figure 01_scores_made>"  # the output of a notebook names no folder of this machine


def test_the_alternative_text_of_a_figure_is_its_titles_or_its_labels():
    with style.style():
        figure, axes = style.figure(1, 3)
        for axis in axes[0]:
            axis.set(xlabel="epoch", ylabel="loss")
    assert style.alternative(figure) == "loss over epoch"
    axes[0, 0].set_title("SDT\nlearns", loc="left")
    axes[0, 1].set_title("a")
    axes[0, 2].set_title("a")
    figure.suptitle("Two models")
    assert style.alternative(figure) == "Two models; SDT learns; a"
    assert figure._repr_png_()[1] == {"alt": "Two models; SDT learns; a"}


def test_save_leaves_out_what_differs_between_machines(tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path))
    style.save(drawn(), "01_scores", "made")
    data = (tmp_path / "01_scores_made.png").read_bytes()
    assert b"Software" not in data and matplotlib.__version__.encode() not in data


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path / "file" / "figures"))
    problem = r"01_scores_made\.png: the figure cannot be stored.*ERCLAB_FIGURES"
    with pytest.raises(ErclabError, match=problem) as caught:
        style.save(drawn(), "01_scores", "made")
    assert "\n" not in str(caught.value)
