"""A release has one version, wherever it stands."""

import re
from typing import Any

import yaml

from leviathan_tui import __version__
from tests.platform.cluster import ROOT


def documents(path: str) -> list[Any]:
    return list(yaml.safe_load_all((ROOT / path).read_text()))


def test_image_and_job_carry_the_version() -> None:
    """A Job's template cannot be changed: a release with another image needs another name."""
    (base,) = documents("k8s/base/kustomization.yaml")
    tags = {image["name"]: image.get("newTag") for image in base["images"]}
    assert tags["leviathan"] == __version__
    (job,) = documents("k8s/base/bootstrap/job.yaml")
    assert job["metadata"]["name"] == f"leviathan-bootstrap-{__version__.replace('.', '-')}"


def test_the_guides_name_this_release() -> None:
    for guide in ("install", "operations"):
        text = (ROOT / f"docs/{guide}.md").read_text()
        assert set(re.findall(r"leviathan:(\d+\.\d+\.\d+)", text)) <= {__version__}
        jobs = set(re.findall(r"leviathan-bootstrap-(\d+-\d+-\d+)", text))
        assert jobs <= {__version__.replace(".", "-")}


def test_the_bootstrap_jobs_rights_are_the_secrets_that_it_fills() -> None:
    from authserver.bootstrap.contents import Installation, parts_of

    filled = {part.secret for part in parts_of(Installation("leviathan"))}
    _account, role, _binding = documents("k8s/base/bootstrap/rights.yaml")
    (rule,) = role["rules"]
    assert set(rule["resourceNames"]) == filled
    held = {secret["metadata"]["name"] for secret in documents("k8s/overlays/dev/secrets.yaml")}
    assert held == filled
    for secret in documents("k8s/overlays/dev/secrets.yaml"):
        assert not {"data", "stringData"} & set(secret)
