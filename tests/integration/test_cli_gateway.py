"""Commands that ask the gateway, against the real web application over a fake service."""

import json

import httpx
import msgspec
import pytest

from meshward.cli.app import run
from meshward.firmware.synthetic import synthetic_image
from meshward.gateway.views import EventView, NodeEntryView
from meshward.rollout.states import RolloutState
from tests.support.cli_gateway import URL, reachable
from tests.support.fake_service import FakeService

APP = synthetic_image(20_000, project="lamp", version="2.0")


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    """Nobody's configuration, and a firmware file."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("MESHWARD_DATA", "MESHWARD_CONNECT", "MESHWARD_LISTEN", "MESHWARD_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "fw.bin").write_bytes(APP)
    return tmp_path


@pytest.fixture
def reached(monkeypatch):
    return reachable(monkeypatch)


@pytest.fixture
def service(reached):
    return reached[0]


@pytest.fixture
def gate(reached):
    return reached[1]


@pytest.fixture
def told(capsys):
    """(exit status, standard output, standard error) of a command."""

    def told(*arguments):
        status = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return told


@pytest.fixture
def done(told):
    """The JSON of a command that succeeds."""

    def done(*arguments):
        status, out, err = told(*arguments, "--json")
        assert (status, err) == (0, "")
        return json.loads(out)

    return done


# -- finding the gateway -----------------------------------------------------------------------


def refused(told, *arguments, status=2):
    got, out, err = told(*arguments)
    assert (got, out) == (status, "")
    assert err.startswith("meshward: ")
    assert err.count("\n") == 1
    return err


def test_a_token_among_the_arguments_is_refused(service, told):
    error = refused(told, "status", "--url", URL, "--token", "mw_secret")
    assert "can be seen by everybody" in error
    assert "mw_secret" not in error


def test_a_url_needs_a_token(service, told, monkeypatch):
    monkeypatch.delenv("MESHWARD_TOKEN")
    assert "in MESHWARD_TOKEN, or in a file for --token-file" in refused(told, "status", "--url", URL)


@pytest.mark.parametrize(
    "url", ["pi.local", "ftp://pi.local", "http://", "http://me:secret@pi", "http://pi?token=x"]
)
def test_what_is_no_url_is_refused(service, told, url):
    refused(told, "status", "--url", url)


def test_a_token_file_must_be_its_owners_alone(service, told, directory, monkeypatch):
    file = directory / "token"
    file.write_text(service.secret("viewer") + "\n")
    monkeypatch.delenv("MESHWARD_TOKEN")
    file.chmod(0o644)
    assert f"run `chmod 600 {file}` first" in refused(told, "status", "--url", URL, "--token-file", file)
    file.chmod(0o600)
    assert told("status", "--url", URL, "--token-file", file)[0] == 0
    file.write_text("two words")
    assert "a token and nothing else" in refused(told, "status", "--url", URL, "--token-file", file)
    assert "No such file" in refused(told, "status", "--url", URL, "--token-file", directory / "none")


def test_where_no_gateway_and_no_data_are_it_says_what_to_do(told, directory):
    error = refused(told, "status", "--data", directory / "none", status=1)
    assert "`meshward run`" in error
    assert "--data DIR or --url URL" in error
    assert not (directory / "none").exists()


def test_an_unknown_token_is_told(service, told, monkeypatch):
    monkeypatch.setenv("MESHWARD_TOKEN", "mw_wrong")
    assert "make one with `meshward token create`" in refused(told, "status", status=1)


def test_a_role_that_is_too_small_is_told(told, monkeypatch):
    reachable(monkeypatch, role="viewer")
    assert "token of another role" in refused(told, "token", "list", status=1)


def test_a_gateway_that_does_not_answer_is_told(gate, told):
    gate.shut_for = 100
    error = refused(told, "status", status=1)
    assert "does not answer" in error
    assert "meshward doctor" in error


# -- nodes -------------------------------------------------------------------------------------


def test_status(service, told, done):
    service.nodes_by_id[1001].name = "kitchen\x1b[2J"
    status, out, _ = told("status")
    assert status == 0
    assert out.startswith("20 nodes, 16 online and 4 offline")
    assert "\x1b" not in out
    entry = done("status")
    assert len(entry["nodes"]) == 20
    assert entry["gateway"]["nodes_online"] == 16
    assert entry["gateway_runs"]


def test_all_pages_of_a_large_mesh_are_read(told, monkeypatch):
    reachable(monkeypatch, service=FakeService(1203))
    assert told("status")[1].startswith("1203 nodes")


def test_status_of_one_node_by_id_or_name(service, told, done):
    assert "node 1003 node 3" in told("status", "1003")[1]
    assert done("status", "Node 3")["id"] == 1003
    assert "there is no node 77" in refused(told, "status", "77", status=1)
    assert "no node has the id or name 'attic'" in refused(told, "status", "attic")


def test_naming_tagging_and_excluding_a_node(service, told, done):
    assert "is called 'Kitchen'" in told("node", "name", "1003", "Kitchen")[1]
    out = told("node", "tag", "--json", "kitchen", "+indoors", "+lamp")[1]
    assert json.loads(out)["tags"] == ["indoors", "lamp"]
    assert told("node", "tag", "kitchen", "-lamp", "+x")[1] == "tags of node 1003: indoors, x\n"
    assert done("node", "exclude", "kitchen", "--reason", "on the roof")["exclusion_reason"] == "on the roof"
    assert service.nodes_by_id[1003].excluded
    assert told("node", "include", "kitchen")[0] == 0
    assert not service.nodes_by_id[1003].excluded
    listed = told("node", "list", "--tag", "indoors")[1].splitlines()
    assert len(listed) == 2
    assert "Kitchen" in listed[1]
    assert "write +TAG or -TAG" in refused(told, "node", "tag", "kitchen", "lamp")


def test_forgetting_a_node(service, told):
    assert "only nodes that are gone" in refused(told, "node", "forget", "1001", status=1)
    assert told("node", "forget", "1005")[0] == 0
    assert 1005 not in service.nodes_by_id


# -- firmware ----------------------------------------------------------------------------------


def test_the_library(service, told, done):
    added = done("firmware", "add", "fw.bin", "--notes", "first")
    assert (added["new"], added["name"], added["notes"]) == (True, "fw.bin", "first")
    assert not done("firmware", "add", "fw.bin")["new"]
    sha256 = added["sha256"]
    assert sha256[:12] in told("firmware", "list")[1]
    assert done("firmware", "show", sha256[:8])["sha256"] == sha256
    assert sha256 in told("firmware", "show", sha256[:8])[1]
    assert told("firmware", "note", sha256[:8], "second")[1] == f"{sha256[:16]}: second\n"
    service.library[sha256].running = 2
    assert "2 nodes run" in refused(told, "firmware", "rm", sha256[:8], status=1)
    assert told("firmware", "rm", sha256[:8], "--force")[0] == 0
    assert service.library == {}
    assert "there is no firmware" in refused(told, "firmware", "show", sha256[:8], status=1)
    assert "give 6 of its digits" in refused(told, "firmware", "rm", "xyz")


def test_a_file_in_the_library_is_not_sent_again(gate, done):
    done("firmware", "add", "fw.bin")
    gate.requests.clear()
    assert not done("firmware", "add", "fw.bin", "--notes", "new")["new"]
    assert [request.method for request in gate.requests] == ["GET", "PATCH"]


def test_files_that_no_board_runs_are_not_sent(gate, told, directory):
    (directory / "cut.bin").write_bytes(APP[:9000])
    assert "cut.bin is not taken: " in refused(told, "firmware", "add", "cut.bin")
    assert "there is no file none.bin" in refused(told, "firmware", "add", "none.bin")
    assert not gate.requests


# -- rollouts ----------------------------------------------------------------------------------


def create(*more):
    return ("rollout", "create", "fw.bin", "--role", "sensor", *more)


def test_creating_a_rollout_shows_the_plan_and_the_id(service, told):
    status, out, _ = told(*create("--yes", "--canary", "1", "--soak", "10m"))
    assert status == 0
    assert "everyone" in out
    assert "rollout r1: lamp 2.0\n" in out or "rollout r1: fw.bin\n" in out
    spec = service.rollouts_by_id["r1"].spec
    assert spec.images == tuple(service.library)
    assert [(wave.size, wave.soak_s) for wave in spec.waves] == [
        ("1", 600.0),
        ("25%", 600.0),
        ("100%", 600.0),
    ]


def test_every_option_of_a_rollout_arrives(service, told, done, directory):
    (directory / "old.bin").write_bytes(synthetic_image(20_000, version="1.0"))
    entry = done(
        *create("--name", "spring", "--nodes", "1001,node 2", "--exclude", "1003", "--tag", "roof"),
        *("--version", "1.0", "--wave", "name=a,nodes=1001", "--wave", "name=b,go=manual", "--budget", "3"),
        *("--on-failure", "pause", "--rollback-to", "old.bin", "--approval", "--notes", "why"),
        *("--start", "2026-11-26T22:00+01:00", "--window", "mon-fri 22:00-05:00 Europe/Berlin"),
        *("--wait-absent", "12h", "--no-late-joiners", "--strategy", "sequential"),
    )
    spec = service.rollouts_by_id[entry["id"]].spec
    assert (spec.name, spec.notes, spec.failure_budget, spec.on_failure) == ("spring", "why", "3", "pause")
    assert (spec.target.nodes, spec.target.exclude) == ((1001, 1002), (1003,))
    assert (spec.target.tags, spec.target.versions) == (("roof",), ("1.0",))
    assert [wave.name for wave in spec.waves] == ["a", "b"]
    assert service.library[spec.rollback_to[0]].name == "old.bin"
    assert (spec.start_at, spec.absent_wait_s) == ("2026-11-26T22:00:00+01:00", 43_200.0)
    assert spec.windows[0].zone == "Europe/Berlin"
    assert (spec.late_joiners, spec.approval, spec.transfer.strategy) == (False, True, "sequential")


def test_a_rollout_from_a_file_with_options_before_it(service, done, directory):
    (directory / "spring.toml").write_text(
        'images = ["fw.bin"]\nname = "spring"\nfailure_budget = "2"\n'
        '[target]\nroles = ["sensor"]\ntags = ["roof"]\n[[waves]]\nname = "all"\nsoak_s = 60\n'
    )
    spec = service.rollouts_by_id[
        done("rollout", "create", "--spec", "spring.toml", "--budget", "5")["id"]
    ].spec
    assert (spec.name, spec.failure_budget, spec.target.tags) == ("spring", "5", ("roof",))
    assert [(wave.name, wave.soak_s) for wave in spec.waves] == [("all", 60.0)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("images = [", "is not valid TOML"),
        ("colour = 1", "unknown field `colour`"),
        ("failure_budget = 5", "$.failure_budget"),
        ('[[waves]]\nname = "a"\nsoak = "5m"', "$.waves[0]"),
    ],
)
def test_a_file_that_is_wrong_says_where(gate, told, directory, text, words):
    (directory / "spec.toml").write_text(text)
    assert words in refused(told, *create("--spec", "spec.toml"))
    assert not service_was_changed(gate)


def service_was_changed(gate):
    return any(request.method != "GET" for request in gate.requests)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rollout", "create", "fw.bin"), "say for which boards: --role"),
        (("rollout", "create", "--role", "sensor"), "name the firmware"),
        (("rollout", "create", "none.bin", "--role", "sensor"), "there is no file none.bin"),
        (create("--soak", "10"), "'10' is not a duration"),
        (create("--canary", "many"), "'many' is no amount"),
        (create("--wave", "name=a,nodes=attic"), "no node has the id or name 'attic'"),
        (create("--nodes", "attic"), "--nodes: no node"),
        (create("--budget", "-1"), "--budget"),
        (create("--start", "soon"), "--start: 'soon' is no time"),
        (create("--window", "always"), "--window"),
        (create("--wait-absent", "long"), "--wait-absent"),
        (create("--on-failure", "cry"), "cry"),
    ],
)
def test_a_rollout_that_is_wrong_uploads_nothing(gate, told, arguments, words):
    assert words in refused(told, *arguments)
    assert not service_was_changed(gate)


def test_a_dry_run_begins_nothing(service, told, done):
    assert done(*create("--dry-run"))["plan"]["waves"][0]["name"] == "everyone"
    assert told(*create("--dry-run"))[0] == 0
    assert service.rollouts_by_id == {}


def test_acting_on_a_rollout(service, told, done):
    done(*create("--approval"))
    assert done("rollout", "show")["state"] == "awaiting_approval"
    assert (
        told("rollout", "approve", "r1", "--reason", "looks good")[1] == "rollout r1 scheduled: looks good\n"
    )
    assert done("rollout", "pause")["state"] == "paused"
    assert "is not possible while it is paused" in refused(told, "rollout", "approve", status=1)
    assert done("rollout", "abort", "--yes")["state"] == "aborted"
    assert "no rollout is under way" in refused(told, "rollout", "pause")
    assert done("rollout", "rollback", "r1", "--yes")["state"] == "rolling_back"


def test_which_rollout_is_meant(service, told, done):
    for name in ("one", "two"):
        done(*create("--name", name))
    assert "2 rollouts are under way, so say which: r2 (two), r1 (one)" in refused(told, "rollout", "show")
    assert "begins the ids of 2 rollouts" in refused(told, "rollout", "show", "r")
    assert "there is no rollout x" in refused(told, "rollout", "show", "x", status=1)
    assert "one" in told("rollout", "show", "r1")[1]
    assert [entry["name"] for entry in done("rollout", "list")["rollouts"]] == ["two", "one"]
    assert len(done("rollout", "list", "--limit", "1")["rollouts"]) == 1
    assert done("rollout", "list", "--state", "paused")["rollouts"] == []
    assert "no state is called 'odd'" in refused(told, "rollout", "list", "--state", "odd")


# -- watching ----------------------------------------------------------------------------------


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr("meshward.cli.rollout_watch.POLL_S", 0.001)


def after(service, state, nodes=(), **fields):
    """Something that changes the rollout."""

    def change():
        view = service.rollouts_by_id["r1"]
        view.state, view.nodes = state, list(nodes)
        view.counts = {}
        for entry in nodes:
            view.counts[entry.state] = view.counts.get(entry.state, 0) + 1
        for name, value in fields.items():
            setattr(view, name, value)

    return change


def entry_of(state, **more):
    return NodeEntryView(node=1001, wave=0, state=state, **more)


def nothing():
    """Another request goes by."""


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        (RolloutState.COMPLETED, 0),
        (RolloutState.FAILED, 1),
        (RolloutState.ROLLED_BACK, 1),
        (RolloutState.ABORTED, 1),
    ],
)
def test_watching_tells_every_change_and_how_it_ended(service, gate, told, done, fast, ends, status):
    done(*create())
    gate.before = [
        *(nothing, nothing, nothing),  # which rollout, then the first look with its events
        after(service, RolloutState.UPDATING, [entry_of("downloading")]),
        nothing,
        after(service, ends, [entry_of("failed", reason="crash\x1b loop")], failure="errors: 1 of 1"),
    ]
    got, out, _ = told("rollout", "watch", "r1")
    assert got == status
    lines = out.splitlines()
    assert lines[:3] == ["rollout r1 scheduled", "node 1001 downloading", "rollout r1 updates nodes"]
    assert lines[3].startswith("node 1001 failed: crash")
    assert "\x1b" not in out
    assert ("errors: 1 of 1" in lines) == (ends is not RolloutState.COMPLETED)


def test_watching_survives_a_gateway_that_is_away(service, gate, told, done, fast):
    done(*create())

    def away():
        gate.shut_for = 3

    gate.before = [nothing, nothing, nothing, away, nothing, nothing, after(service, RolloutState.COMPLETED)]
    status, out, _ = told("rollout", "watch", "r1")
    assert status == 0
    assert "the gateway does not answer, trying again" in out
    assert "the gateway answers again" in out


def test_watching_as_json_is_an_object_a_line(service, gate, told, done, fast):
    done(*create())
    service.event_log.append(
        EventView(id=900, at="2026-11-25T12:00:00Z", kind="k", severity="info", text="t")
    )
    gate.before = [nothing, nothing, nothing, after(service, RolloutState.COMPLETED)]
    status, out, _ = told("rollout", "watch", "r1", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [entry["state"] for entry in events if entry["event"] == "rollout"] == ["scheduled", "completed"]
    assert [entry["id"] for entry in events if entry["event"] == "happened"].count(900) == 1


def test_what_did_not_change_is_not_sent_again(service, gate, told, done, fast):
    done(*create())
    gate.before = [nothing] * 7 + [after(service, RolloutState.COMPLETED)]
    gate.requests.clear()
    told("rollout", "watch", "r1")
    looks = [request for request in gate.requests if request.url.path.endswith("/rollouts/r1")]
    assert [bool(request.headers.get("If-None-Match")) for request in looks][:3] == [False, True, True]


# -- push --------------------------------------------------------------------------------------


def push(*more):
    return ("push", "fw.bin", "--role", "sensor", *more)


def test_push_goes_through_the_gateway(service, gate, told, fast):
    # The library is asked for the file, takes it, takes the update; then looks.
    done_nodes = [entry_of("completed", attempts=1), NodeEntryView(node=1002, state="not_targeted")]
    gate.before = [
        nothing,
        nothing,
        nothing,
        nothing,
        nothing,
        after(service, RolloutState.COMPLETED, done_nodes),
    ]
    status, out, _ = told(*push("--json"))
    entry = json.loads(out)
    assert status == 0
    assert entry["ok"]
    assert entry["nodes"][0] == {"node": 1001, "state": "completed", "reason": None, "attempts": 1}
    assert entry["image"]["sha256"] in service.library


def test_push_fails_where_a_node_does_not_run_the_image(service, gate, told, fast):
    nodes = [entry_of("completed"), NodeEntryView(node=1002, wave=0, state="lost", reason="gone")]
    gate.before = [nothing, nothing, nothing, nothing, nothing, after(service, RolloutState.COMPLETED, nodes)]
    status, out, _ = told(*push())
    assert status == 1
    assert "node 1002 lost: gone" in out


def test_push_to_nobody_is_no_success(service, gate, told, fast):
    gate.before = [nothing, nothing, nothing, nothing, nothing, after(service, RolloutState.COMPLETED)]
    status, out, _ = told(*push())
    assert status == 1
    assert "nobody to update" in out


def test_a_dry_push_asks_for_a_plan(service, told):
    status, out, _ = told(*push("--dry-run", "--json"))
    assert status == 0
    assert json.loads(out)["targets"] == sorted(service.nodes_by_id)
    assert service.rollouts_by_id == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--alone",), "two senders on one mesh disturb each other"),
        (("--connect", "10.1.2.1"), "--connect, --listen and --node-id cannot be used while a gateway"),
        (("--window", "5"), "--window cannot be used"),
        (("--restart",), "--restart cannot be used"),
    ],
)
def test_push_beside_a_gateway_is_refused(service, told, arguments, words):
    assert words in refused(told, *push(*arguments))
    assert service.library == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "stop it, or add --alone --force"),
        (("--alone",), "two senders on one mesh disturb each other"),
    ],
)
def test_verify_beside_a_gateway_is_refused(service, told, arguments, words):
    assert words in refused(told, "verify", *push(*arguments)[1:])


# -- the gateway itself ------------------------------------------------------------------------


def test_events_newest_last(service, told):
    for number in range(3):
        told("node", "name", "1001", f"name {number}")
    lines = told("events", "--limit", "2")[1].splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("patch node  patch node 1001")
    _, out, _ = told("events", "--json")
    assert [json.loads(line)["id"] for line in out.splitlines()] == [1, 2, 3]


def test_the_audit_log(service, told, done):
    assert done("audit", "verify")["ok"]
    told("node", "name", "1001", "a")
    earlier = done("audit", "verify")["head"]
    told("node", "name", "1001", "b")
    assert told("audit", "verify", "--expect", earlier)[0] == 0
    status, out, _ = told("audit", "verify", "--expect", "00" * 32)
    assert status == 1
    assert "it was shortened or written anew" in out
    assert "patch node 1001" in told("audit", "list")[1]
    assert len(done("audit", "list")["entries"]) == 2


def test_tokens(service, told, done):
    status, out, _ = told(
        "token", "create", "--role", "viewer", "--name", "hall", "--quiet", "--expires", "30d"
    )
    assert status == 0
    assert out.count("\n") == 1
    assert out.strip() in service.secrets
    made = done("token", "create", "--role", "operator")
    assert made["token"] in service.secrets
    status, out, _ = told("token", "create", "--role", "viewer")
    assert out.splitlines()[0] in service.secrets
    assert "it is not shown again" in out
    listed = told("token", "list")[1]
    assert "hall" in listed
    assert not any(secret in listed for secret in service.secrets)
    assert told("token", "revoke", made["id"])[0] == 0
    assert service.tokens_by_id[made["id"]].revoked_at
    assert "there is no token zz" in refused(told, "token", "revoke", "zz", status=1)
    assert "--expires: 'soon'" in refused(told, "token", "create", "--role", "viewer", "--expires", "soon")


def test_an_action_whose_answer_is_lost_is_carried_out_once(service, gate, told):
    run(["rollout", "create", "fw.bin", "--role", "sensor", "--approval", "--json"])
    inner = gate.handle_async_request
    lost = []

    async def lose_the_first_answer(request):
        answer = await inner(request)
        if request.method == "POST" and not lost:
            lost.append(request)
            raise httpx.ReadError("connection reset")
        return answer

    gate.handle_async_request = lose_the_first_answer
    told("rollout", "approve", "r1")
    assert lost
    assert [action for action, _ in service.calls].count("approve") == 1
    assert service.rollouts_by_id["r1"].state == RolloutState.SCHEDULED


def test_an_answer_that_is_not_understood_is_told(gate, told):
    async def page(request):
        return httpx.Response(200, content=b"<html>a router's page</html>", request=request)

    gate.handle_async_request = page
    assert "is this a Meshward gateway" in refused(told, "status", status=1)


def test_json_of_every_list_can_be_read_again(service, done):
    assert msgspec.convert(done("node", "list")["nodes"], list[dict])
