"""What apps did of late: kept in memory, bounded, and found again after a new start."""

import json
import time
from datetime import UTC, datetime

import pytest

from tray_proxy import activity
from tray_proxy.activity import Activity, Entry, Failure, Totals, kind_of
from tray_proxy.callers import Caller, identify

ZED = identify("Zed/0.214.5")
# Noon of some day, so that an hour more or less is the same day wherever the test runs.
NOON_S = datetime(2026, 3, 10, 12).timestamp()  # noqa: DTZ001  this computer's time is meant
DAY_S = 86_400


class Scene:
    """An activity whose clock and pauses a test moves."""

    def __init__(self) -> None:
        self.now_s = NOON_S
        self.told = 0
        self.pauses = []
        self.activity = Activity(self._changed, now_s=lambda: self.now_s, later=self._later)
        self._number = 0

    def _changed(self) -> None:
        self.told += 1

    def _later(self, pause_s, what) -> None:
        self.pauses.append((pause_s, what))

    def end_pause(self) -> None:
        _, what = self.pauses.pop()
        what()

    def begin(self, path="/api/chat", *, caller=ZED, method="POST") -> Entry:
        self._number += 1
        return self.activity.begin(f"id-{self._number}", caller, method, path)

    def end(self, entry, *, route=None, asked=True, models=None, **facts) -> None:
        facts = {"outcome": "done", "status": 200, "ms": 0.0} | facts
        for name, value in facts.items():
            setattr(entry, name, value)
        self.activity.end(entry, route=route or entry.path, asked=asked, models=models)

    def request(self, path="/api/chat", *, caller=ZED, method="POST", **more) -> None:
        self.end(self.begin(path, caller=caller, method=method), **more)


@pytest.fixture
def scene():
    return Scene()


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/api/chat", "ask"),
        ("POST", "/v1/messages", "ask"),
        ("POST", "/v1/messages/count_tokens", "other"),
        ("DELETE", "/api/delete", "change"),
        ("GET", "/api/tags", "list"),
        ("GET", "/v1/models", "list"),
        ("POST", "/api/show", "show"),
        ("GET", "/v1/models/openai/gpt-4o", "show"),
        ("OPTIONS", "/v1/chat/completions", "other"),
        ("GET", "/", "other"),
    ],
)
def test_what_a_request_is_about(method, path, kind):
    assert kind_of(method, path) == kind


def test_a_question_is_in_the_list_while_it_is_answered(scene):
    scene.begin()

    [entry] = scene.activity.entries
    assert (entry.app, entry.app_id, entry.path, entry.outcome) == ("Zed", "zed", "/api/chat", "running")
    assert (scene.activity.running, entry.time_s) == (1, NOON_S)


def test_it_stays_in_the_list_with_what_came_of_it(scene):
    scene.request(outcome="failed", status=402, error="OutOfCredits", model="a/b", ms=12.5)

    [entry] = scene.activity.entries
    assert (entry.outcome, entry.status, entry.error, entry.model, entry.ms) == (
        "failed", 402, "OutOfCredits", "a/b", 12.5,
    )  # fmt: skip
    assert scene.activity.running == 0


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/api/tags"), ("POST", "/api/show"), ("OPTIONS", "/api/chat")]
)
def test_what_costs_nothing_and_comes_by_the_hundred_is_not_in_the_list(scene, method, path):
    scene.request(path, method=method, asked=False)

    assert (scene.activity.entries, scene.activity.running) == ([], 0)


def test_whatever_fails_is_in_the_list(scene):
    scene.request("/api/tags", method="GET", asked=False, outcome="failed", status=503)

    assert [entry.path for entry in scene.activity.entries] == ["/api/tags"]


@pytest.mark.parametrize("path", ["/api/me", "/api/blobs/sha256:0", "/favicon.ico"])
def test_what_is_refused_as_a_matter_of_course_is_no_failure(scene, path):
    scene.request(path, asked=False, outcome="failed", status=404)

    assert (scene.activity.entries, scene.activity.programs["zed"].failure) == ([], None)


def test_a_base_address_typed_wrong_hides_nothing(scene):
    scene.request("/v1/api/chat", route="/api/chat")

    assert [entry.path for entry in scene.activity.entries] == ["/api/chat"]
    assert (scene.activity.running, scene.activity.today.requests) == (0, 1)


def test_the_newest_come_first_and_the_oldest_are_forgotten(scene):
    for _ in range(activity.MAX_ENTRIES + 3):
        scene.request()

    ids = [entry.request_id for entry in scene.activity.entries]
    assert (len(ids), ids[0], ids[-1]) == (500, "id-503", "id-4")


def test_the_days_totals_count_what_was_asked_of_models(scene):
    scene.request(cost_usd=0.25, prompt_tokens=10, completion_tokens=5)
    scene.request(cost_usd=0.5, prompt_tokens=1, completion_tokens=None, outcome="cancelled")
    scene.request(asked=False)  # a model was loaded

    assert scene.activity.today == Totals(requests=2, cost_usd=0.75, prompt_tokens=11, completion_tokens=5)


def test_midnight_begins_new_totals(scene):
    scene.request(cost_usd=0.25)
    scene.now_s += DAY_S

    assert scene.activity.today == Totals()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system's zone cannot be set for one process")
def test_a_day_is_this_computers_own(monkeypatch):
    """On the day on which the clocks go forward it has 23 hours."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        begin, end = activity._day_of(datetime(2026, 3, 29, 10, tzinfo=UTC).timestamp())
    finally:
        monkeypatch.undo()
        time.tzset()

    assert (datetime.fromtimestamp(begin, UTC).isoformat(), (end - begin) / 3600) == ("2026-03-28T23:00:00+00:00", 23)


def test_pages_are_told_at_once_and_then_of_many_changes_together(scene):
    for _ in range(100):
        scene.request()
    assert scene.told == 1

    scene.end_pause()

    assert (scene.told, [pause_s for pause_s, _ in scene.pauses]) == (2, [0.25])


def test_nothing_wakes_up_once_all_is_told(scene):
    scene.begin()
    scene.end_pause()

    assert (scene.told, scene.pauses) == (1, [])


def test_lamps_tell_what_a_program_has_got(scene):
    scene.request("/api/tags", method="GET", asked=False, models=8)
    scene.now_s += 1
    scene.request("/api/show", asked=False)
    scene.now_s += 1
    scene.request()

    zed = scene.activity.programs["zed"]
    assert (zed.listed_s, zed.models, zed.shown_s, zed.answered_s) == (NOON_S, 8, NOON_S + 1, NOON_S + 2)
    assert (zed.failure, scene.activity.answered) == (None, True)


@pytest.mark.parametrize("ending", [{"asked": False}, {"outcome": "cancelled"}, {"outcome": "failed"}])
def test_what_was_no_answer_lights_no_lamp(scene, ending):
    scene.request(**ending)

    assert (scene.activity.programs["zed"].answered_s, scene.activity.answered) == (None, False)


def test_a_failure_is_told_until_the_same_thing_succeeds(scene):
    scene.request(outcome="failed", status=402, error="OutOfCredits", model="a/b")
    scene.request("/api/tags", method="GET", asked=False)
    assert scene.activity.programs["zed"].failure == Failure(NOON_S, "ask", "OutOfCredits", 402, "a/b")

    scene.request()

    assert scene.activity.programs["zed"].failure is None


def test_programs_of_ever_new_names_do_not_put_out_a_known_ones_lamps(scene):
    scene.request()
    for number in range(200):
        scene.now_s += 1
        scene.request(caller=Caller(None, f"app-{number}", f"app-{number}"))

    names = list(scene.activity.programs)
    assert (len(names), names[0], names[-1]) == (60, "zed", "app-199")


def line(path="/api/chat", **facts):
    """A line as the journal writes it."""
    known = {
        "event": "request", "level": "info", "time": datetime.fromtimestamp(NOON_S, UTC).isoformat(),
        "request_id": "old", "method": "POST", "path": path, "app": "Zed/0.214.5", "client": "zed", "model": "a/b",
        "asked": True, "status": 200, "outcome": "done", "prompt_tokens": 3, "completion_tokens": 2, "cost_usd": 0.5,
        "ms": 2000.0, "error": None,
    }  # fmt: skip
    return json.dumps(known | facts)


def filled(tmp_path, content, *, demo=False):
    (tmp_path / "log").write_text(content)
    scene = Scene()
    scene.activity.fill(tmp_path / "log", demo=demo)
    return scene.activity


def test_a_new_start_begins_with_what_the_log_tells(tmp_path):
    found = filled(
        tmp_path,
        "\n".join(
            (line("/api/tags", method="GET", models=8, asked=False, cost_usd=None), line(), '{"event": "other"}')
        ),
    )

    [entry] = found.entries
    assert (entry.request_id, entry.app, entry.time_s, entry.ms) == ("old", "Zed", NOON_S - 2, 2000.0)
    assert found.today == Totals(requests=1, cost_usd=0.5, prompt_tokens=3, completion_tokens=2)
    zed = found.programs["zed"]
    assert (zed.name, zed.models, zed.listed_s, zed.answered_s) == ("Zed", 8, NOON_S, NOON_S)
    assert found.running == 0


def test_what_was_spent_on_another_day_is_not_todays(tmp_path):
    yesterday = datetime.fromtimestamp(NOON_S - DAY_S, UTC).isoformat()

    found = filled(tmp_path, line(time=yesterday))

    assert (len(found.entries), found.today) == (1, Totals())


def test_a_damaged_line_costs_only_itself(tmp_path):
    """A crash may leave half a line, a full disk a gap."""
    damaged = (line()[:50], "\x00\x00", line(time="soon"), line(ms="long"), "[]", "")

    found = filled(tmp_path, "\n".join((*damaged, line(request_id="whole"))))

    assert [entry.request_id for entry in found.entries] == ["whole"]


def test_only_the_end_of_a_long_log_is_read(tmp_path):
    found = filled(tmp_path, "\n".join([line(request_id="first"), *[line("/api/ps")] * 2000, line(request_id="last")]))

    assert [entry.request_id for entry in found.entries] == ["last"]


def test_the_demo_and_the_real_thing_each_take_their_own_lines(tmp_path):
    """They write into the same file."""
    content = "\n".join((line(request_id="real"), line(request_id="made up", demo=True)))

    assert [entry.request_id for entry in filled(tmp_path, content).entries] == ["real"]
    assert [entry.request_id for entry in filled(tmp_path, content, demo=True).entries] == ["made up"]


def test_without_a_log_it_begins_with_nothing(tmp_path):
    scene = Scene()

    scene.activity.fill(tmp_path / "none", demo=False)

    assert scene.activity.entries == []


def test_what_each_program_spent_is_added_up_from_the_log(tmp_path):
    """For a limit whose file is gone: the rest of the day's log, in the file before too."""
    others = {"client": None, "app": "My/1.0", "cost_usd": 0.25}
    before = datetime.fromtimestamp(NOON_S - 3600, UTC).isoformat()
    (tmp_path / "log.1").write_text("\n".join([line(), line(time=before, cost_usd=8.0)]))
    (tmp_path / "log").write_text(
        "\n".join(
            [
                line(),
                line(**others),
                line(cost_usd=None),
                line(cost_usd=-1.0),
                line(cost_usd=1e300),
                line(demo=True),
                "{",
                line(),
            ]
        )
    )

    assert activity.spent_since(tmp_path / "log", NOON_S - 60, demo=False) == {"zed": 1.5, "My/1.0": 0.25}
    assert activity.spent_since(tmp_path / "log", NOON_S - 60, demo=True) == {"zed": 0.5}
    assert activity.spent_since(tmp_path / "nowhere", NOON_S, demo=False) == {}


def test_of_a_long_log_no_more_is_read_than_since_then(tmp_path, monkeypatch):
    """Each start waits for it."""
    log, read, tail = tmp_path / "log", [], activity.tail
    monkeypatch.setattr(activity, "tail", lambda file, size: read.append((file.name, size)) or tail(file, size))
    log.with_name("log.1").write_text(spent_line(NOON_S - 9, 2.0))
    log.write_text(spent_line(NOON_S - 5, 1.0) + spent_line(NOON_S, 0.5))

    assert activity.spent_since(log, NOON_S - 1, demo=False) == {"zed": 0.5}
    assert read == [("log", activity.LOG_TAIL_BYTES)]
    assert activity.spent_since(log, NOON_S - 10, demo=False) == {"zed": 3.5}


def spent_line(at_s, usd):
    return line(time=datetime.fromtimestamp(at_s, UTC).isoformat(), cost_usd=usd) + "\n"
