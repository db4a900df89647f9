"""The lock files that the set-up installs from hold what pyproject.toml asks for."""

import pathlib
import re
import tomllib

import pytest
from packaging.requirements import Requirement

ROOT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def wanted(extra):
    """Requirements of the package with an extra, those of the extras it names among them."""
    for text in (
        PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    ):
        requirement = Requirement(text)
        if requirement.name == "dawn_tf":
            for other in requirement.extras:
                yield from wanted(other)
        else:
            yield requirement


@pytest.mark.parametrize("extra", ["train", "dev"])
def test_every_requirement_is_locked_in_its_range_with_hashes(extra):
    text = (ROOT / "requirements" / f"{extra}.txt").read_text()
    entries = re.findall(
        r"^([\w.-]+)==(\S+)[^\n]*\\\n((?:    --hash=sha256:\w+(?: \\)?\n)+)", text, re.M
    )
    assert len(entries) == len(re.findall("==", re.sub(r"(?m);.*$", "", text)))
    versions = {}
    for name, version, _ in entries:
        versions.setdefault(re.sub("[-_.]+", "-", name).lower(), []).append(version)
    requirements = [*wanted(None), *wanted(extra)]
    assert len(requirements) > 10
    for requirement in requirements:
        locked = versions[re.sub("[-_.]+", "-", requirement.name).lower()]
        assert all(version in requirement.specifier for version in locked), requirement
