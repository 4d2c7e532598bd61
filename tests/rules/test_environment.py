"""The files that describe an environment, which have to tell the same story."""

import itertools
import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [
    *PROJECT["dependencies"],
    *PROJECT["optional-dependencies"]["pretrained"],
    *PROJECT["optional-dependencies"]["test"],
]
# What the environment must bring, by the project's own description.
NAMED = "jupyterlab tensorflow keras keras-vis numpy matplotlib papermill nbval"
MACHINES = [
    ("linux", "Linux", "x86_64"),
    ("linux", "Linux", "aarch64"),
    ("darwin", "Darwin", "arm64"),
    ("win32", "Windows", "AMD64"),
]
PYTHONS = ["3.11", "3.12", "3.13"]


def pinned_lines(name: str) -> list[str]:
    """Return the requirements of a lock file without their hashes and comments."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line.split(" --hash=")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def pins_on(machine: tuple[str, str, str], python: str) -> dict[str, str]:
    """Return the version of each package that the lock gives a machine."""
    platform, system, processor = machine
    environment = {
        "sys_platform": platform,
        "platform_system": system,
        "platform_machine": processor,
        "os_name": "nt" if platform == "win32" else "posix",
        "python_version": python,
        "python_full_version": f"{python}.4",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    pins = {}
    for pin in map(Requirement, pinned_lines("requirements.lock")):
        if pin.marker is None or pin.marker.evaluate(environment):
            assert pin.name not in pins, f"{pin.name} has two versions on {machine}"
            pins[pin.name] = str(pin.specifier).removeprefix("==")
    return pins


@pytest.fixture(scope="module")
def conda() -> dict:
    return yaml.safe_load((ROOT / "environment.yml").read_text())


def test_conda_environment_lists_the_requirements_of_pyproject(conda):
    (pip,) = (item["pip"] for item in conda["dependencies"] if isinstance(item, dict))
    listed = [line for line in pip if not line.startswith("-")]
    assert sorted(listed) == sorted(WANTED)
    assert [line for line in pip if line.startswith("-")] == [
        "-c constraints.txt",
        "-e .",
    ]


def test_conda_environment_takes_python_and_pip_from_conda_forge_alone(conda):
    assert conda["channels"] == ["conda-forge"]
    plain = [item for item in conda["dependencies"] if isinstance(item, str)]
    assert plain == [f"python{PROJECT['requires-python']}", "pip"]


def test_conda_environment_names_what_the_project_is_built_on(conda):
    (pip,) = (item["pip"] for item in conda["dependencies"] if isinstance(item, dict))
    names = {Requirement(line).name for line in pip if not line.startswith("-")}
    assert set(NAMED.split()) <= names


def test_supported_pythons_are_those_that_are_tested_here():
    supported = SpecifierSet(PROJECT["requires-python"])
    every = [f"3.{minor}" for minor in range(8, 20)]
    assert [python for python in every if f"{python}.4" in supported] == PYTHONS


def test_requirements_are_sorted_and_named_once():
    for extra in (
        PROJECT["dependencies"],
        PROJECT["optional-dependencies"]["test"],
        PROJECT["optional-dependencies"]["gpu"],
        PROJECT["optional-dependencies"]["pretrained"],
    ):
        names = [canonicalize_name(Requirement(line).name) for line in extra]
        assert names == sorted(set(names))


def test_lock_and_constraints_hold_the_same_pins():
    constraints = pinned_lines("constraints.txt")
    assert pinned_lines("requirements.lock") == constraints
    for line in constraints:
        assert re.match(r"[a-z0-9.-]+==\d[\w.+!]*( ; |$)", line), line


def test_lock_has_a_hash_for_every_pin():
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    for line in filter(None, text.splitlines()):
        assert re.search(r" --hash=sha256:[0-9a-f]{64}\b", line), line[:60]


@pytest.mark.parametrize("name", ["requirements.lock", "constraints.txt"])
def test_lock_files_name_no_host(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    options = re.findall(r"^\s*(--?[a-z-]+)", text, re.MULTILINE)
    assert set(options) <= {"--hash"}


@pytest.mark.parametrize(
    ("machine", "python"), list(itertools.product(MACHINES, PYTHONS))
)
def test_lock_satisfies_every_requirement(machine, python):
    pins = pins_on(machine, python)
    for line in WANTED:
        requirement = Requirement(line)
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{line} is not in requirements.lock: make lock"
        assert requirement.specifier.contains(version), f"{line} is pinned {version}"


def test_lock_has_one_tensorflow():
    # tensorflow and tensorflow-cpu install into the same folder, over each other.
    names = {Requirement(line).name for line in pinned_lines("requirements.lock")}
    flavors = {name for name in names if re.match(r"(tf-nightly|tensorflow)", name)}
    assert "tensorflow" in flavors
    assert not flavors & {"tensorflow-cpu", "tensorflow-intel", "tf-nightly"}


def test_makefile_has_the_targets_that_readers_are_told_of():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {"report", "test", "lab", "lint", "lock", "clean"} <= targets
    for name in ("README.md", "CONTRIBUTING.md"):
        if (ROOT / name).is_file():
            told = re.findall(r"`make ([a-z]+)|^make ([a-z]+)",
                              (ROOT / name).read_text(), re.M)  # fmt: skip
            assert {one or other for one, other in told} <= targets
