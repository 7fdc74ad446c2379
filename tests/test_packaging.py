"""The packaging: lock file, conda view, metadata and the set-up script say the same and fail loudly."""

import ast
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rattler import BuildString, MatchSpec, PackageRecord

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "tools" / "environment.py"
# Extras that environment.yml gives to conda users; audio (research licence) and ray are theirs to add.
CONDA_EXTRAS = ("notebooks", "text", "parquet", "dev")
# Names that differ between conda-forge and the Python package index.
CONDA_TO_PYTHON = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
# In environment.yml, but no entry of the lock: the interpreter, and the installer that comes with it.
CONDA_ONLY = {"python", "pip"}
CUDA = re.compile(r"nvidia|cuda|triton|cudnn|cupy", re.IGNORECASE)


def load_script():
    """tools/environment.py as a fresh module; it is a script and not part of the package."""
    spec = importlib.util.spec_from_file_location("erclab_environment_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def script():
    return load_script()


@pytest.fixture
def checkout(tmp_path):
    """The smallest copy of the project that the set-up script works in."""
    root = tmp_path / "checkout"
    (root / "tools").mkdir(parents=True)
    shutil.copy(SCRIPT, root / "tools")
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, root)
    return root


@pytest.fixture
def script_in_checkout(script, checkout, monkeypatch):
    """The script's module, working in the small checkout and in its default environment folder."""
    monkeypatch.setattr(script, "ROOT", str(checkout))
    monkeypatch.delenv("ERCLAB_VENV", raising=False)
    return script


def lock_lines():
    """The lock file without its comments."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def locked():
    """The lock file as {canonical name: version}."""
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lock_lines())}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def direct_requirements(extras):
    """The requirements of the core and of some extras."""
    listed = list(project()["dependencies"])
    for extra in extras:
        listed += project()["optional-dependencies"][extra]
    return [Requirement(text) for text in listed]


def every_direct_requirement():
    return direct_requirements(project()["optional-dependencies"])


def conda_environment():
    """environment.yml as (conda specs, lines of the pip block)."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    specs = [entry for entry in entries if isinstance(entry, str)]
    (pip_block,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    return specs, pip_block


def conda_name(spec):
    return MatchSpec(spec, strict=True).name.normalized


# The lock file


def test_lock_is_a_sorted_list_of_exact_versions():
    lines = lock_lines()
    assert len(lines) > 100
    for line in lines:
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[0-9][0-9a-z.]*", line), line
    assert lines == sorted(lines)
    assert len(locked()) == len(lines), "a package is listed twice"


def test_lock_has_torch_without_cuda():
    assert locked()["torch"] == "2.13.0"
    assert [name for name in locked() if CUDA.search(name)] == []


@pytest.mark.parametrize("requirement", every_direct_requirement(), ids=str)
def test_lock_satisfies_each_direct_requirement(requirement):
    assert canonicalize_name(requirement.name) in locked()
    assert requirement.specifier.contains(locked()[canonicalize_name(requirement.name)])
    assert requirement.url is None
    operators = {specifier.operator for specifier in requirement.specifier}
    assert operators == {"=="} or {">=", "<"} <= operators, "give a lower and an upper bound"


def test_installed_packages_have_their_locked_versions(script):
    if not (Path(sys.prefix) / script.STAMP_NAME).exists():
        pytest.skip("not in the environment that `make env` made: versions are the user's own choice")
    versions = {canonicalize_name(d.metadata["Name"]): d.version for d in importlib.metadata.distributions()}
    common = versions.keys() & locked().keys()
    assert {canonicalize_name(r.name) for r in direct_requirements(CONDA_EXTRAS)} <= common
    differing = {
        name: (versions[name], locked()[name])
        for name in common
        if versions[name].partition("+")[0] != locked()[name]
    }
    assert differing == {}


# environment.yml


@pytest.mark.parametrize("spec", conda_environment()[0])
def test_conda_spec_matches_the_lock(spec):
    """Against the lock, which the installed packages are held against above: true on any machine."""
    name = conda_name(spec)
    if name == "python":
        version = re.search(r"for Python ([\d.]+)", (ROOT / "requirements.lock").read_text()).group(1) + ".0"
    elif name == "pip":
        return
    else:
        version = locked()[CONDA_TO_PYTHON.get(name, name)]
        assert version in spec, "name the whole version, or later ones match too"
    record = PackageRecord(name, version, BuildString("0"), 0, "noarch")
    assert MatchSpec(spec, strict=True).matches(record)


def test_conda_environment_has_each_direct_requirement_once():
    specs, pip_block = conda_environment()
    pins = [Requirement(line) for line in pip_block]
    for pin in pins:
        assert str(pin.specifier) == "==" + locked()[canonicalize_name(pin.name)]
    names = [CONDA_TO_PYTHON.get(conda_name(spec), conda_name(spec)) for spec in specs]
    names += [canonicalize_name(pin.name) for pin in pins]
    wanted = {canonicalize_name(requirement.name) for requirement in direct_requirements(CONDA_EXTRAS)}
    assert sorted(names) == sorted(wanted | CONDA_ONLY | {"setuptools"})


def test_each_conda_line_says_what_it_is_for():
    listed = (ROOT / "environment.yml").read_text().partition("dependencies:\n")[2].splitlines()
    entries = [line for line in listed if line.strip().startswith("- ") and line.strip() != "- pip:"]
    assert len(entries) > 20
    assert [line for line in entries if " # " not in line] == []


def test_no_registry_is_named():
    """Which registry or mirror packages come from is the machine's business."""
    # In pieces, so that this file passes its own test.
    forbidden = ["py" + "pi.org", "python" + "hosted", "ana" + "conda.", "py" + "torch.org", "index" + "-url"]
    names = ("pyproject.toml", "requirements.lock", "environment.yml", "Makefile", ".ci/run", ".gitignore",
             ".pre-commit-config.yaml", "CITATION.cff", "CONTRIBUTING.md", "CHANGELOG.md", "README.md")
    for path in [*(ROOT / name for name in names), SCRIPT, Path(__file__)]:
        text = path.read_text().lower()
        assert [host for host in forbidden if host in text] == [], path


# tools/environment.py


def test_script_stays_readable_for_old_python():
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 4))
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign, ast.Match)), node.lineno
        assert not (isinstance(node, ast.Raise) and node.cause), "no `raise ... from` in Python 2"
        assert not (isinstance(node, ast.FunctionDef) and (node.returns or node.args.kwonlyargs)), node.name


def test_old_python_is_refused_in_one_line(script):
    for supported in ((3, 11, 0), (3, 12, 1), (4, 0, 0)):
        script.check_python(supported)
    for old in ((3, 10, 14), (2, 7, 18)):
        with pytest.raises(script.SetupError) as caught:
            script.check_python(old)
        message = str(caught.value)
        assert "3.11" in message and "{}.{}".format(*old) in message and "\n" not in message


def test_old_python_gets_no_further(script_in_checkout, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", (3, 9, 18))
        assert script_in_checkout.main() == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_stamp_follows_all_that_the_environment_depends_on(script, checkout, tmp_path):
    first = script.wanted_stamp(str(checkout), (3, 11, 7))
    assert first == script.wanted_stamp(str(checkout), (3, 11, 7, "final", 0))
    stamps = {first, script.wanted_stamp(str(checkout), (3, 12, 7))}
    for name in ("pyproject.toml", "requirements.lock"):
        original = (checkout / name).read_text()
        (checkout / name).write_text(original + "# changed\n")
        stamps.add(script.wanted_stamp(str(checkout), (3, 11, 7)))
        (checkout / name).write_text(original)
    shutil.copytree(checkout, tmp_path / "moved")
    stamps.add(script.wanted_stamp(str(tmp_path / "moved"), (3, 11, 7)))
    assert len(stamps) == 5


def fake_venv(checkout):
    """What an environment folder looks like to the script."""
    folder = checkout / ".venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "pyvenv.cfg").touch()
    return folder


def test_matching_stamp_returns_at_once(script_in_checkout, checkout, monkeypatch):
    script = script_in_checkout
    script.write_stamp(fake_venv(checkout), script.wanted_stamp(str(checkout), sys.version_info))
    monkeypatch.setattr(script, "build", lambda *_: pytest.fail("built again"))
    start = time.perf_counter()
    assert script.main() == 0
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("damage", ["other stamp", "no interpreter"])
def test_stale_environment_is_built_again(script_in_checkout, checkout, monkeypatch, damage):
    script = script_in_checkout
    folder = fake_venv(checkout)
    stamp = script.wanted_stamp(str(checkout), sys.version_info)
    script.write_stamp(folder, "0" * 64 if damage == "other stamp" else stamp)
    if damage == "no interpreter":
        (folder / "bin" / "python").unlink()
    built = []
    monkeypatch.setattr(script, "build", lambda *arguments: built.append(arguments))
    assert script.main() == 0
    assert len(built) == 1
    assert (folder / script.STAMP_NAME).read_text().split() == [stamp, str(checkout.resolve())]


def test_environment_of_another_checkout_is_left_alone(script_in_checkout, checkout, tmp_path, monkeypatch, capsys):
    script, other, folder = script_in_checkout, tmp_path / "other", fake_venv(checkout)
    (other / "tools").mkdir(parents=True)
    (other / "tools" / "environment.py").touch()
    built = []
    monkeypatch.setattr(script, "build", lambda *arguments: built.append(arguments))
    script.write_stamp(folder, "of its lock file", str(other))
    assert script.main() == 1 and not built
    assert f"is the environment of the checkout {other}" in capsys.readouterr().err
    (other / "tools" / "environment.py").unlink()  # a checkout that is gone needs no environment
    assert script.main() == 0 and len(built) == 1


def test_killed_removal_leaves_no_stamp(script, checkout, monkeypatch):
    folder = fake_venv(checkout)
    script.write_stamp(folder, "of an older lock file")
    monkeypatch.setattr(script.shutil, "rmtree", lambda _: None)
    script.remove_venv(folder)
    assert not (folder / script.STAMP_NAME).exists()


@pytest.mark.parametrize(
    ("pip_says", "user_reads"),
    [
        ("ERROR: no matching distribution found for torch", "no matching distribution found for torch"),
        ("Temporary failure in name resolution", "network"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
    ],
)
def test_failing_pip_leaves_no_stamp(script_in_checkout, checkout, monkeypatch, capsys, pip_says, user_reads):
    script = script_in_checkout
    folder = fake_venv(checkout)
    script.write_stamp(folder, "of an older lock file")
    popen = subprocess.Popen

    def run_or_fail(command, **options):
        """venv makes its folder without pip, which would take seconds; pip fails."""
        if "pip" in command:
            command = [sys.executable, "-c", f"import sys; print({pip_says!r}); sys.exit(3)"]
        else:
            command = [*command, "--without-pip"]
        return popen(command, **options)

    monkeypatch.setattr(script.subprocess, "Popen", run_or_fail)
    monkeypatch.setattr(script, "check_room", lambda _: None)
    assert script.main() == 1
    assert not (folder / script.STAMP_NAME).exists()
    last_line = capsys.readouterr().err.splitlines()[-1]
    assert user_reads in last_line and "build/environment.log" in last_line
    assert pip_says in (checkout / "build" / "environment.log").read_text()


def test_wrong_version_after_installing_is_an_error(script_in_checkout, checkout, monkeypatch):
    script = script_in_checkout
    installed = b'[["NumPy", "2.4.6"], ["torch", "2.13.0+cpu"], ["erclab", "0.1.0"], ["extra-one", "1"]]'
    monkeypatch.setattr(script.subprocess, "check_output", lambda *_, **__: installed)
    assert script.check_versions("any", str(checkout)) == (["numpy", "torch"], ["extra-one"])
    monkeypatch.setattr(script.subprocess, "check_output", lambda *_, **__: installed.replace(b"4.6", b"4.7"))
    with pytest.raises(script.SetupError, match=r"numpy is 2\.4\.7 and not 2\.4\.6"):
        script.check_versions("any", str(checkout))


def test_folder_that_is_no_environment_is_left_alone(script_in_checkout, checkout, monkeypatch, capsys):
    precious = checkout / "home" / "thesis.txt"
    precious.parent.mkdir()
    precious.touch()
    monkeypatch.setenv("ERCLAB_VENV", "home")
    assert script_in_checkout.main() == 1
    assert "not a virtual environment" in capsys.readouterr().err
    assert precious.exists()


def test_full_disk_is_refused_before_installing(script, checkout, monkeypatch):
    free = 5e9
    monkeypatch.setattr(script.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    script.check_room(str(checkout / ".venv"))
    free = 0.5e9
    with pytest.raises(script.SetupError, match=r"0\.5 GB are free"):
        script.check_room(str(checkout / ".venv"))


def test_progress_counts_the_packages_of_the_lock_and_not_pip(script, tmp_path, capsys):
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    (packages / "pip-24.0.dist-info").mkdir(parents=True)
    progress = script.Progress(str(tmp_path))
    progress.read("Installing collected packages: numpy, scipy, torch")
    for i, name in enumerate(("numpy-2.0", "scipy-1.0", "torch-2.11")):
        (packages / f"{name}.dist-info").mkdir()
        progress.next_report = 0
        progress.report()
        assert f"installed {i + 1} of 3 packages" in "".join(capsys.readouterr())


def test_second_setup_waits_for_the_first(script, checkout):
    """The first is this test, holding the lock; the second a process that finds the work done after it."""
    environment = {key: value for key, value in os.environ.items() if key != "ERCLAB_VENV"}
    with script.exclusive(str(checkout)):
        second = subprocess.Popen(
            [sys.executable, str(checkout / "tools" / "environment.py")],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert "waiting" in second.stderr.readline()
        assert second.poll() is None
        script.write_stamp(fake_venv(checkout), script.wanted_stamp(str(checkout), sys.version_info))
    _, rest = second.communicate(timeout=30)
    assert second.returncode == 0
    assert rest == "", "it should have found the environment complete"


def test_pip_inherits_the_lock(script, checkout):
    """Killing the script alone must not let a second one in beside the pip that it started."""
    (checkout / "build").mkdir()
    with script.exclusive(str(checkout)) as descriptor:
        see_lock = [sys.executable, "-c", f"import os; os.fstat({descriptor})"]
        script.run_logged(see_lock, str(checkout), descriptor)


# The habits: Makefile, CI, citation, pre-commit


def makefile_commands():
    """The targets that `make help` lists."""
    return re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_ci_checks_first_and_the_readme_names_the_commands():
    calls = [line.split()[1] for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("make ")]
    assert calls == ["check", "test"]
    readme = (ROOT / "README.md").read_text()
    assert set(calls) <= set(makefile_commands())
    assert set(re.findall(r"^make ([a-z]+)", readme, re.MULTILINE)) == {"study", "check", "test"}


def test_quick_tests_exist_and_are_of_every_room_that_all_others_import():
    quick = re.search(r"^QUICK := ((?:.*\\\n)*.*)", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1)
    paths = quick.replace("\\\n", " ").split()
    assert [path for path in paths if not (ROOT / "tests" / path).exists()] == []
    assert {"core", "ops"} <= set(paths)


def test_the_type_checker_sees_the_whole_package_and_has_strict_rooms():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert settings["files"] == ["erclab"] and "attr-defined" not in settings["disable_error_code"]
    strict = next(o for o in settings["overrides"] if "enable_error_code" in o)
    assert set(strict["enable_error_code"]) == set(settings["disable_error_code"])
    assert {"erclab.core.*", "erclab.models.interface", "erclab.training.*"} <= set(strict["module"])


def test_the_citation_has_the_five_papers_and_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["cff-version"] == "1.2.0" and cited["version"] == project()["version"]
    assert {"message", "title", "authors"} <= cited.keys() and cited["license"] == project()["license"]
    assert len(cited["references"]) == 5
    for paper in cited["references"]:
        assert {"type", "title", "authors", "year"} <= paper.keys() and ("doi" in paper or "identifiers" in paper)
        assert all("family-names" in author for author in paper["authors"])
    text = (ROOT / "CITATION.cff").read_text()
    for source in ("2010.07637", "2310.20494", "10.65102/is2026859", "2305.13583", "2112.01697"):
        assert source in text


def test_pre_commit_downloads_nothing():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}


def test_the_changelog_has_this_version_or_what_follows_it():
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert headings[0] == "Unreleased" and project()["version"] in headings


def test_paths_in_the_check_lists_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`((?:erclab|tests|data|notebooks|tools)/[\w/.*-]+)`", text))
    assert len(named) > 10
    assert [name for name in named if "NAME" not in name and not list(ROOT.glob(name))] == []


# JupyterLab as `make lab` starts it


def test_lab_shows_the_syllabus_and_leaves_the_students_settings_alone():
    line = re.search(r"^lab: env.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1)
    assert "--notebook-dir . " in line and "default_url=/lab/tree/notebooks/README.md" in line
    assert "JUPYTER_CONFIG_PATH=" in line and "JUPYTER_CONFIG_DIR" not in line and "SETTINGS" not in line
    defaults = ROOT / "tools" / "lab" / "labconfig" / "default_setting_overrides.json"  # the name that JupyterLab reads
    found = yaml.safe_load(defaults.read_text(encoding="utf-8"))
    assert found["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"] == {"markdown": "Markdown Preview"}


def test_the_server_of_the_course_gives_the_language_of_the_kernel_and_saves_the_same_bytes(tmp_path):
    import asyncio
    from types import SimpleNamespace

    from ipykernel.ipkernel import IPythonKernel

    settings = SimpleNamespace(ServerApp=SimpleNamespace())
    path = ROOT / "tools" / "lab" / "jupyter_server_config.py"
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {"c": settings})
    before = (ROOT / "notebooks" / "01_corpora.ipynb").read_bytes()
    (tmp_path / "a.ipynb").write_bytes(before)
    (tmp_path / "b.md").write_text("# B", encoding="utf-8")
    contents = settings.ServerApp.contents_manager_class(root_dir=str(tmp_path))

    async def opened_and_saved():
        model = await contents.get("a.ipynb")
        await contents.get("")
        await contents.get("b.md")
        language = dict(model["content"]["metadata"]["language_info"])
        await contents.save(model, "a.ipynb")
        return language

    assert asyncio.run(opened_and_saved()) == IPythonKernel.language_info
    assert (tmp_path / "a.ipynb").read_bytes() == before
