"""The scripts that set things up, where what they need cannot be had."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from base64 import b64encode
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
TOOLS = ("basename", "bash", "cat", "cut", "dirname", "grep", "id", "mkdir", "mktemp", "rm", "sed")
MORE_TOOLS = ("gzip", "sha256sum", "tar", "xargs")


@pytest.fixture
def project(tmp_path):
    """The scripts in a project of their own, with no more programs than they need."""
    shutil.copytree(SCRIPTS, tmp_path / "project" / "scripts")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in (*TOOLS, *MORE_TOOLS):
        (programs / name).symlink_to(shutil.which(name))
    (programs / "python3").symlink_to(sys.executable)
    return tmp_path / "project"


def program(project, name, text):
    path = project.parent / "programs" / name
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


def run(project, name, *arguments, **environ):
    environ = {"PATH": str(project.parent / "programs"), "TMPDIR": str(project.parent)} | environ
    bash = shutil.which("bash")
    command = [bash, project / "scripts" / name, *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_without_a_browser_the_rest_goes_on(project):
    done = run(project, "setup-browser")
    assert done.returncode == 0
    assert "there is no apt-get" in done.stderr
    assert "MESHWARD_CHROMIUM" in done.stderr


def test_a_browser_that_cannot_be_installed_holds_nothing_up(project):
    program(project, "id", "echo 0")
    program(project, "env", 'shift; exec "$@"')
    program(project, "apt-get", '[ "$1" = update ] || { echo "no such package"; exit 100; }')
    done = run(project, "setup-browser")
    assert done.returncode == 0
    assert "no such package" in done.stderr
    assert "could not install chromium" in done.stderr
    assert "MESHWARD_CHROMIUM" in done.stderr


def test_a_browser_that_is_named_is_enough(project):
    done = run(project, "setup-browser", MESHWARD_CHROMIUM="/opt/browser")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def pack(project, content, version="0.1.0"):
    """Have `npm pack` give a package htm with this module in it."""
    folder = project.parent / "package"
    (folder / "dist").mkdir(parents=True, exist_ok=True)
    (folder / "dist" / "htm.mjs").write_text(content)
    (folder / "LICENSE").write_text("yours")
    (folder / "package.json").write_text(json.dumps({"version": version, "license": "MIT"}))
    archive = project.parent / "packed.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, "package")
    integrity = f"sha512-{b64encode(hashlib.sha512(content.encode()).digest()).decode()}"
    (project.parent / "packed.json").write_text(json.dumps([{"version": version, "integrity": integrity}]))
    program(
        project,
        "npm",
        f'cat {archive} >"$5/x.tgz"; cat {project.parent / "packed.json"}; echo "$6" >>{project}/asked',
    )
    return integrity


def test_a_version_that_is_there_must_be_the_same_package(project):
    integrity = pack(project, "export {}\n//# sourceMappingURL=x.map\n")
    done = run(project, "vendor", "htm", "0.1.0")
    assert (done.returncode, done.stderr) == (0, "")
    folder = project / "src/meshward/web/vendor/htm"
    assert (folder / "htm.mjs").read_text() == "export {}\n"
    told = (folder / "VERSION").read_text()
    assert f"integrity: {integrity}\n" in told
    digest = hashlib.sha256(b"export {}\n").hexdigest()
    assert f"sha256 htm.mjs: {digest}\n" in told
    assert run(project, "vendor", "htm").returncode == 0
    assert (project / "asked").read_text() == "htm@0.1.0\n" * 2

    pack(project, "export {evil}\n")
    done = run(project, "vendor", "htm")
    assert done.returncode == 1
    assert "htm 0.1.0 is another package now" in done.stderr
    assert (folder / "htm.mjs").read_text() == "export {}\n"
    assert (folder / "VERSION").read_text() == told

    pack(project, "export {newer}\n", "0.2.0")
    assert run(project, "vendor", "htm", "0.2.0").returncode == 0
    assert (folder / "htm.mjs").read_text() == "export {newer}\n"
