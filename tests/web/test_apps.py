"""The cards of apps: each says what docs/clients.md says, and has all its sentences."""

import re
from pathlib import Path

import pytest

from tray_proxy.callers import NAMES
from tray_proxy.texts import table
from tray_proxy.web.apps import ANY_KEY, APPS, Step, filled

DOCUMENT = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \|", DOCUMENT, re.MULTILINE)
# What is set off in the document, without the marks.
PLAIN = re.sub(r"[*`]", "", DOCUMENT)
STEPS = [(app, step) for app in APPS for step in app.steps]


def test_these_apps_have_a_card():
    assert [app.id for app in APPS] == [
        "vscode-copilot", "vscode-ollama", "jetbrains", "xcode", "home-assistant", "raycast", "obsidian-copilot",
        "smart-connections", "n8n", "open-webui", "enchanted", "page-assist", "continue", "zed", "cline", "ollama",
        "claude-code", "codex", "python", "other",
    ]  # fmt: skip


@pytest.mark.parametrize("app", [app for app in APPS if app.row], ids=lambda app: app.id)
def test_a_card_has_its_row_in_the_document(app):
    assert [row for row in ROWS if row.startswith(app.row)] != []


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.id)
def test_a_card_has_all_its_sentences(app):
    keys = [f"apps.name.{app.id}", *(f"apps.step.{app.id}.{step.key}" for step in app.steps)]
    keys += [f"apps.needs.{app.needs}"] if app.needs else []

    assert [key for key in keys if key not in table()] == []


def test_no_sentence_is_left_over():
    used = {f"apps.step.{app.id}.{step.key}" for app, step in STEPS} | {f"apps.name.{app.id}" for app in APPS}

    assert {key for key in table() if key.startswith(("apps.step.", "apps.name."))} == used


@pytest.mark.parametrize(("app", "step"), STEPS, ids=[f"{app.id}-{step.key}" for app, step in STEPS])
def test_what_an_app_calls_things_is_what_the_document_says(app, step):
    """A name that an app has changed is changed in both."""
    names = re.findall("“([^”]+)”", table()[f"apps.step.{app.id}.{step.key}"])

    assert [name for name in names if name not in PLAIN] == []


@pytest.mark.parametrize(("app", "step"), STEPS, ids=[f"{app.id}-{step.key}" for app, step in STEPS])
def test_what_is_copied_stands_in_the_document(app, step):
    """Line by line and name by name: the document's own examples have other models."""
    values = {"address": "http://127.0.0.1:11434", "port": 11434, "model": "openai/gpt-4o-mini", "key": ANY_KEY}
    copied = filled(step.copy or "", **values)
    names = re.findall(r"[A-Za-z_][\w.]{3,}", copied)

    assert [name for name in names if name not in DOCUMENT] == []


def test_every_program_of_a_card_has_a_row():
    assert {program for app in APPS for program in app.programs} - NAMES.keys() == set()


@pytest.mark.parametrize(
    ("where", "address", "applies"),
    [
        ("", "http://127.0.0.1:11434", True),
        ("", "http://127.0.0.1:11500", True),
        ("usual", "http://127.0.0.1:11434", True),
        ("usual", "http://localhost:11434", True),
        ("usual", "http://127.0.0.1:11500", False),
        ("moved", "http://127.0.0.1:11434", False),
        ("moved", "http://127.0.0.1:11500", True),
    ],
)
def test_a_step_may_be_one_of_the_usual_address_alone(where, address, applies):
    assert Step("any", where=where).applies(address) is applies


def test_braces_that_are_no_placeholders_stay():
    assert filled('{"url": "{address}"}', address="a", port=1, model="m", key="k") == '{"url": "a"}'
