"""The container: its file linted, and its steps done in a plain folder, which takes no container engine."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest
import yaml

from tray_proxy import __version__

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "packaging" / "docker" / "Dockerfile"
ACCESS_KEY = "canary-access-key-of-nobody"
CHAT = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": False}
# It may read all that is here, for the interpreter may lie in somebody's own folder; and it may write nothing.
AS_NOBODY = ["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--inh-caps=-all,+dac_read_search",
             "--ambient-caps=-all,+dac_read_search"]  # fmt: skip


def instructions():
    """Read the Dockerfile: each instruction, and what stands behind it."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line]


def said(instruction):
    """What stands behind an instruction of the last stage that is there once."""
    (found,) = [rest for word, rest in instructions() if word == instruction]
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="hadolint is installed on Linux alone")
def test_the_dockerfile_has_no_known_fault():
    hadolint = Path(sys.executable).with_name("hadolint")

    check = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)

    assert (check.returncode, check.stdout + check.stderr) == (0, "")


def test_the_image_holds_no_key_and_only_what_is_named():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert [line for line in ignored if line and not line.startswith("#")] == [
        "*",
        "!assets",
        "!packaging/docker/requirements.txt",
        "!tray_proxy",
        "**/__pycache__",
    ]
    assert re.findall(r"\w*KEY\w*=", DOCKERFILE.read_text()) == []


def test_the_container_runs_as_a_user_of_its_own_and_ends_on_sigterm():
    assert (said("USER"), said("STOPSIGNAL"), said("VOLUME"), said("EXPOSE")) == (
        "10001:10001",
        "SIGTERM",
        "/data",
        "11434",
    )


def test_the_image_needs_no_compiler():
    """The tray's bindings are built where they are installed; a server has no tray."""
    pinned = (DOCKERFILE.parent / "requirements.txt").read_text()

    assert re.findall(r"^(?:pygobject|pycairo)==", pinned, re.MULTILINE) == []


def test_compose_gives_the_container_no_more_than_it_needs():
    (service,) = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()

    assert service["build"] == {"context": ".", "dockerfile": "packaging/docker/Dockerfile"}
    assert (service["read_only"], service["tmpfs"], service["cap_drop"], service["security_opt"]) == (
        True,
        ["/tmp"],
        ["ALL"],
        ["no-new-privileges:true"],
    )
    # Without either key it ends before anything is started, and says what is missing.
    assert [re.fullmatch(r"\$\{(\w+):\?.+\}", value)[1] for value in service["environment"].values()] == [
        "OPENROUTER_API_KEY",
        "PROXY_API_KEY",
    ]


@pytest.mark.parametrize("target", ["docker-build", "docker-run"])
def test_make_calls_docker_with_what_is_there(target):
    told = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = shlex.split(told.replace("\\\n", " "))

    assert words[:2] == ["docker", target.removeprefix("docker-")]
    assert words[-1] == ("." if target == "docker-build" else "tray-proxy")
    assert ACCESS_KEY not in told


@pytest.fixture(scope="module")
def image():
    """Do the steps of the Dockerfile below a folder, with uv in pip's place: it has the packages at hand."""
    root = Path(tempfile.mkdtemp(prefix="tray-proxy-image-"))
    root.chmod(0o755)
    (root / "tmp").mkdir()
    environment = {}

    def below(text):
        return re.sub(r"(?<![\w.])/(app|data|tmp|venv)\b", rf"{root}/\1", text)

    for word, rest in instructions():
        match word:
            case "COPY" if not rest.startswith("--from"):
                source, target = rest.split()
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                copy(ROOT / source, below(target))
            case "RUN":
                step = below(rest).replace("pip --python", f"{sys.executable} -m uv --quiet pip install --python")
                step = step.replace("install --no-cache-dir", "").replace("python -m venv", f"{sys.executable} -m venv")
                if os.geteuid() != 0:
                    step = re.sub(r"-[og] 10001", "", step)
                subprocess.run(["/bin/sh", "-ec", step], cwd=root, check=True)
            case "ENV":
                environment |= dict(part.split("=", 1) for part in shlex.split(below(rest)))
    yield root, environment
    shutil.rmtree(root)


@pytest.fixture
def run(image, free_port):
    """Start what the image starts, as the user of the image, at a free port."""
    root, environment = image
    started = []

    def start(*arguments, **more):
        command = [*json.loads(said("ENTRYPOINT")), *(arguments or json.loads(said("CMD")))]
        path = environment["PATH"].replace("$PATH", os.environ["PATH"])
        process = subprocess.Popen(
            [*(AS_NOBODY if os.geteuid() == 0 else ()), *command],
            env=environment | {"PATH": path, "PORT": str(free_port)} | more,
            cwd=f"{root}{said('WORKDIR')}" if os.geteuid() != 0 else root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_what_lies_where_it_may_write_is_never_run(image, tmp_path):
    """It starts in that folder, where Python would look for modules first."""
    _, environment = image
    (tmp_path / "argparse.py").write_text("raise SystemExit('planted')")

    run = subprocess.run(
        [*json.loads(said("ENTRYPOINT")), "--version"],
        env=environment | {"PATH": environment["PATH"].replace("$PATH", os.environ["PATH"])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, f"tray-proxy {__version__}\n", "")


def test_without_an_access_key_it_does_not_start_and_says_how_to_make_one(run):
    process = run()

    out, errors = process.communicate(timeout=30)

    assert (process.returncode, out) == (2, "")
    assert errors == (
        "tray-proxy: HOST has a value that is not allowed: '0.0.0.0'. Other computers could reach the port, which "
        "spends your money: set PROXY_API_KEY to an access key that apps have to send (`openssl rand -hex 24` makes "
        "one), or start with --insecure to answer whoever reaches it.\n"
    )


def test_it_serves_whoever_sends_the_key_and_ends_cleanly(run, free_port, image):
    process = run("serve", "--demo", PROXY_API_KEY=ACCESS_KEY)
    events = []
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["event"].startswith("Other computers reach it at "):
            break

    with httpx.Client(base_url=f"http://127.0.0.1:{free_port}", trust_env=False) as http:
        without = http.post("/api/chat", json=CHAT)
        with_key = http.post("/api/chat", json=CHAT, headers={"authorization": f"Bearer {ACCESS_KEY}"})
        health = http.get("/health").json()
    probe = json.loads(re.search(r"CMD (\[.*\])", said("HEALTHCHECK"))[1])
    probed = subprocess.run([sys.executable, *probe[1:]], env={"PORT": str(free_port)}, timeout=10, check=False)
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=10)

    assert (without.status_code, with_key.status_code, health["demo"], probed.returncode) == (401, 200, True, 0)
    assert (process.returncode, errors) == (0, "")
    assert json.loads(out.splitlines()[-1])["event"] == "proxy stopped"
    assert ACCESS_KEY not in out + json.dumps(events)
    assert (image[0] / "data" / "demo").is_dir()


def test_the_probe_of_the_container_sees_that_nothing_serves(free_port):
    probe = json.loads(re.search(r"CMD (\[.*\])", said("HEALTHCHECK"))[1])

    run = subprocess.run(
        [sys.executable, *probe[1:]], env={"PORT": str(free_port)}, capture_output=True, timeout=10, check=False
    )

    assert run.returncode == 1
