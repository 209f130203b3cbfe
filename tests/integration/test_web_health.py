"""Health and alerts over the API: what is shown, what is refused, and what is done once."""

import pytest

from meshward.gateway.health_views import QueryRequest
from tests.support.fake_service import FakeService
from tests.support.health_values import NOW_S
from tests.support.web import client_of, fake_app

YEAR_S = 366 * 86_400


@pytest.fixture
def service():
    return FakeService(nodes=6)


@pytest.fixture
async def client(service):
    app, _ = fake_app(service)
    async with client_of(app, service.secret("admin", "ada")) as made:
        yield made


def is_problem(answer, status, *fields):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == list(fields)
    return answer.json()["detail"]


# -- health ----------------------------------------------------------------------------------


async def test_the_mesh_is_shown_with_those_in_trouble_first_and_how_much_of_it_is_known(client):
    shown = (await client.get("/api/v1/status")).json()
    assert [node["node"] for node in shown["nodes"]] == [1005, 1003, 1002, 1001, 1004, 1006]
    assert shown["coverage"]["text"] == "5 of 6 answered, oldest 21 s, 1 silent: node 5"
    leaking = shown["nodes"][1]
    assert leaking["health"] == {
        "value": 70,
        "parts": [{"points": 30, "reason": "heap runs out in 41 h"}],
    }
    assert leaking["metrics"]["heap_free_bytes"] == {"value": 29440.0, "age_s": 21.0, "source": "telemetry"}


async def test_a_node_is_shown_as_in_the_whole(client):
    shown = (await client.get("/api/v1/status")).json()["nodes"]
    for node in shown:
        assert (await client.get(f"/api/v1/nodes/{node['node']}/status")).json() == node
    is_problem(await client.get("/api/v1/nodes/9/status"), 404)
    is_problem(await client.get("/api/v1/nodes/0/status"), 400, "node_id")


async def test_what_did_not_change_is_not_sent_again(client):
    for path in ("/api/v1/status", "/api/v1/alerts", "/api/v1/alert-rules", "/api/v1/nodes/1003/status"):
        etag = (await client.get(path)).headers["etag"]
        assert (await client.get(path, headers={"If-None-Match": etag})).status_code == 304


async def test_the_catalogue_has_a_unit_and_a_sentence_for_every_metric(client):
    catalogue = {metric["name"]: metric for metric in (await client.get("/api/v1/metric-catalogue")).json()}
    assert catalogue["heap_free_bytes"] == {
        "name": "heap_free_bytes",
        "kind": "gauge",
        "unit": "B",
        "words": "free heap",
    }
    assert all(metric["words"] for metric in catalogue.values())


async def test_history_has_its_gap_as_a_gap(client):
    params = {"metric": "heap_free_bytes", "points": 24}
    shown = (await client.get("/api/v1/nodes/1003/history", params=params)).json()
    assert (shown["resolution_s"], len(shown["points"])) == (3600.0, 24)
    assert shown["points"][21] == [NOW_S - 3 * 3600, None, None, None, 0]
    for at_s, mean, low, high, count in shown["points"][:21]:
        assert low < mean < high
        assert (at_s - NOW_S) % 3600 == 0
        assert count == 60


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-25T08:00:00Z", "2026-11-25T09:00:00Z"),
        ("2026-11-25T09:00:00+01:00", "2026-11-25T04:00:00-05:00"),
        (str(int(NOW_S) - 4 * 3600), f"{NOW_S - 3 * 3600:.3f}"),
    ],
)
async def test_a_range_is_iso_8601_or_unix_seconds(client, start, end):
    params = {"metric": "messages_sent", "start": start, "end": end, "resolution_s": 900}
    shown = (await client.get("/api/v1/nodes/1003/history", params=params)).json()
    assert (shown["start"], shown["end"]) == ("2026-11-25T08:00:00.000Z", "2026-11-25T09:00:00.000Z")
    assert [point[0] - NOW_S for point in shown["points"]] == [-14_400, -13_500, -12_600, -11_700]


@pytest.mark.parametrize(
    ("params", "status", "fields"),
    [
        ({}, 400, ["metric"]),
        ({"metric": "shoe_size"}, 404, []),
        ({"metric": "x" * 65}, 400, ["metric"]),
        ({"metric": "rssi_dbm", "start": "yesterday"}, 400, ["start"]),
        ({"metric": "rssi_dbm", "start": "2026-11-25T08:00:00"}, 400, ["start"]),
        ({"metric": "rssi_dbm", "start": "2026-11-25"}, 400, ["start"]),
        ({"metric": "rssi_dbm", "start": "nan"}, 400, ["start"]),
        ({"metric": "rssi_dbm", "start": "-5"}, 400, ["start"]),
        ({"metric": "rssi_dbm", "start": "\u0661"}, 400, ["start"]),
        ({"metric": "rssi_dbm", "end": "9999999999"}, 400, ["end"]),
        ({"metric": "rssi_dbm", "end": "0001-01-01T00:00:00+14:00"}, 400, ["end"]),
        ({"metric": "rssi_dbm", "end": "9" * 50}, 400, ["end"]),
        ({"metric": "rssi_dbm", "start": "200", "end": "200"}, 400, ["end"]),
        ({"metric": "rssi_dbm", "points": 0}, 400, ["points"]),
        ({"metric": "rssi_dbm", "points": 20_001}, 400, ["points"]),
        ({"metric": "rssi_dbm", "resolution_s": -1}, 400, ["resolution_s"]),
        ({"metric": "rssi_dbm", "resolution_s": "inf"}, 400, ["resolution_s"]),
        ({"metric": "rssi_dbm", "resolution_s": YEAR_S + 1}, 400, ["resolution_s"]),
        ({"metric": "rssi_dbm", "resolution_s": 1}, 422, []),
    ],
)
async def test_histories_that_cannot_be(client, params, status, fields):
    is_problem(await client.get("/api/v1/nodes/1003/history", params=params), status, *fields)


async def test_asking_tells_who_answered_who_cannot_and_who_did_not(client):
    shown = (await client.post("/api/v1/queries", json={"groups": ["heap"]})).json()
    assert {answer["node"]: answer["how"] for answer in shown["answers"]} == {
        **dict.fromkeys((1001, 1002, 1003, 1006), "asked"),
        1004: "known",
        1005: "silent",
    }
    assert shown["coverage"]["silent"] == [1005]
    assert shown["totals"]["heap_free_bytes"]["lowest"] == 1003
    assert "rssi_dbm" not in shown["answers"][0]["metrics"]


async def test_without_a_body_all_are_asked_for_everything(client, service):
    asked = []

    async def note(request):
        asked.append(request)
        return await FakeService.query(service, request)

    service.query = note
    assert (await client.post("/api/v1/queries")).status_code == 200
    assert asked == [QueryRequest()]


@pytest.mark.parametrize(
    ("request_body", "status", "field"),
    [
        ({"deadline_s": 0.5}, 422, "deadline_s"),
        ({"deadline_s": 11}, 422, "deadline_s"),
        ({"max_age_s": -1}, 422, "max_age_s"),
        ({"max_age_s": 301}, 422, "max_age_s"),
        ({"max_age_s": 1e300}, 422, "max_age_s"),
        ({"nodes": [1001] * 2001}, 422, "nodes"),
        ({"nodes": [0]}, 422, "nodes"),
        ({"nodes": [2**32]}, 422, "nodes"),
        ({"groups": ["heap"] * 21}, 422, "groups"),
        ({"groups": ["shoes"]}, 400, "groups[0]"),
        ({"role": "x" * 65}, 422, "role"),
        ({"deadline": 5}, 400, ""),
    ],
)
async def test_questions_that_cannot_be(client, service, request_body, status, field):
    is_problem(await client.post("/api/v1/queries", json=request_body), status, field)
    assert service.queries == 0


async def test_asking_for_nobody_known_or_without_a_mesh(client, service):
    is_problem(await client.post("/api/v1/queries", json={"nodes": [4711]}), 404)
    service.mesh_connected = False
    assert "nobody can be asked" in is_problem(await client.post("/api/v1/queries"), 409)


async def test_nodes_can_be_sorted_by_their_health(client, service):
    for number, value in ((1, 90), (2, 40), (3, 70)):
        service.nodes_by_id[1000 + number].health = value
    listed = (await client.get("/api/v1/nodes?sort=health&limit=3")).json()["items"]
    assert [node["id"] for node in listed] == [1002, 1003, 1001]


# -- alerts ----------------------------------------------------------------------------------


async def test_alerts_are_those_that_are_not_over_unless_asked_for(client):
    async def ids(**params):
        return [alert["id"] for alert in (await client.get("/api/v1/alerts", params=params)).json()["items"]]

    assert await ids() == ["a6", "a5", "a4", "a3", "a2"]
    assert await ids(state="resolved") == ["a1"]
    assert await ids(state=["pending", "resolved"]) == ["a6", "a1"]
    assert await ids(node=1003) == ["a3"]
    assert await ids(rule="silent_node") == ["a4", "a2"]
    assert await ids(limit=2) == ["a6", "a5"]
    assert await ids(limit=2, cursor="a5") == ["a4", "a3"]
    assert "loud" in is_problem(await client.get("/api/v1/alerts?state=loud"), 400, "states")


async def test_an_alert_says_why_it_is_quiet(client):
    shown = (await client.get("/api/v1/alerts/a5")).json()
    assert (shown["quiet"], shown["silence"]) == ("silenced", "s1")
    is_problem(await client.get("/api/v1/alerts/a99"), 404)


async def test_acknowledging_and_taking_it_back(client, service):
    acked = (await client.post("/api/v1/alerts/a2/ack", json={"note": "driving there"})).json()
    assert (acked["quiet"], acked["acked_by"], acked["ack_note"]) == ("acknowledged", "ada", "driving there")
    back = (await client.post("/api/v1/alerts/a2/unack")).json()
    assert (back["quiet"], back["acked_by"]) == ("", "")
    assert (await client.post("/api/v1/alerts/a2/ack")).json()["ack_note"] == ""
    is_problem(await client.post("/api/v1/alerts/a1/ack"), 409)
    is_problem(await client.post("/api/v1/alerts/a99/ack"), 404)
    is_problem(await client.post("/api/v1/alerts/a2/ack", json={"note": "x" * 401}), 400, "note")
    assert [call[0] for call in service.calls] == ["ack alert", "unack alert", "ack alert"]


async def test_a_silence_from_its_making_to_its_end(client):
    made = await client.post(
        "/api/v1/silences", json={"nodes": [1003], "duration_s": 3600, "reason": "known"}
    )
    assert made.status_code == 201
    silence = made.json()
    assert (silence["state"], silence["created_by"]) == ("active", "ada")
    assert silence["ends_at"] == "2026-11-25T13:00:00.000Z"
    listed = [view["id"] for view in (await client.get("/api/v1/silences")).json()]
    assert listed == ["s1", "s3", silence["id"]]
    ended = (await client.delete(f"/api/v1/silences/{silence['id']}")).json()
    assert (ended["state"], ended["ended_by"]) == ("over", "ada")
    is_problem(await client.delete(f"/api/v1/silences/{silence['id']}"), 409)
    is_problem(await client.delete("/api/v1/silences/s99"), 404)
    listed = [view["id"] for view in (await client.get("/api/v1/silences?over=true")).json()]
    assert listed == ["s1", "s2", "s3", silence["id"]]


@pytest.mark.parametrize(
    ("silence", "status", "field"),
    [
        ({}, 422, "ends_at"),
        ({"duration_s": 5, "ends_at": "2026-11-25T13:00:00Z"}, 422, "ends_at"),
        ({"duration_s": 0}, 422, "duration_s"),
        ({"duration_s": YEAR_S + 1}, 422, "duration_s"),
        ({"ends_at": "tomorrow"}, 422, "ends_at"),
        ({"ends_at": "2026-11-25T13:00:00"}, 422, "ends_at"),
        ({"ends_at": "9999-12-31T23:59:59-14:00"}, 422, "ends_at"),
        ({"ends_at": str(int(NOW_S))}, 422, "ends_at"),
        ({"starts_at": "13:00", "duration_s": 5}, 422, "starts_at"),
        ({"starts_at": "2026-11-25T14:00:00Z", "ends_at": "2026-11-25T13:00:00Z"}, 422, "ends_at"),
        ({"starts_at": "2026-11-25T14:00:00Z", "ends_at": "2028-11-25T13:00:00Z"}, 422, "ends_at"),
        ({"duration_s": 5, "kind": "vacation"}, 400, "kind"),
        ({"duration_s": 5, "nodes": list(range(1, 2002))}, 422, "nodes"),
        ({"duration_s": 5, "rules": ["r"] * 101}, 422, "rules"),
        ({"duration_s": 5, "rules": [""]}, 422, "rules"),
        ({"duration_s": 5, "tags": ["t"] * 21}, 422, "tags"),
        ({"duration_s": 5, "tags": ["t" * 65]}, 422, "tags"),
        ({"duration_s": 5, "reason": "x" * 401}, 400, "reason"),
    ],
)
async def test_silences_that_cannot_be(client, service, silence, status, field):
    is_problem(await client.post("/api/v1/silences", json=silence), status, field)
    assert len(service.silences_by_id) == 3


async def test_a_rule_is_changed_made_and_taken_back(client):
    changed = (await client.patch("/api/v1/alert-rules/low_heap", json={"threshold": 4096.0})).json()
    assert (changed["threshold"], changed["for_s"], changed["origin"]) == (4096.0, 120.0, "api")
    new = {"metric": "temperature_c", "direction": "above", "threshold": 70, "for_s": 600}
    made = (await client.patch("/api/v1/alert-rules/too_hot", json=new)).json()
    assert (made["custom"], made["unit"]) == (True, "°C")
    back = await client.delete("/api/v1/alert-rules/low_heap")
    assert (back.status_code, back.json()["threshold"]) == (200, 8192.0)
    gone = await client.delete("/api/v1/alert-rules/too_hot")
    assert (gone.status_code, gone.json()) == (200, None)
    names = [rule["name"] for rule in (await client.get("/api/v1/alert-rules")).json()]
    assert "low_heap" in names
    assert "too_hot" not in names


@pytest.mark.parametrize(
    ("name", "change", "status", "fields"),
    [
        ("low_heap", {"for_s": -1}, 422, ["for_s"]),
        ("low_heap", {"for_s": 604_801}, 422, ["for_s"]),
        ("low_heap", {"keep_firing_s": 1e9}, 422, ["keep_firing_s"]),
        ("low_heap", {"threshold": 1e300}, 422, ["threshold"]),
        ("low_heap", {"clear": -1e300}, 422, ["clear"]),
        ("low_heap", {"metric": ""}, 422, ["metric"]),
        ("low_heap", {"metric": "shoe_size"}, 422, []),
        ("low_heap", {"severity": "loud"}, 400, ["severity"]),
        ("low_heap", {"nodes": [0]}, 422, ["nodes"]),
        ("low_heap", {"tags": ["t"] * 21}, 422, ["tags"]),
        ("low_heap", {"treshold": 1}, 400, [""]),
        ("nothing_known", {"threshold": 1}, 422, []),
        ("5", {}, 400, ["rule_name"]),
        ("x" * 65, {}, 400, ["rule_name"]),
        ("a b", {}, 400, ["rule_name"]),
    ],
)
async def test_rules_that_cannot_be(client, service, name, change, status, fields):
    is_problem(await client.patch(f"/api/v1/alert-rules/{name}", json=change), status, *fields)
    assert service.calls == []


async def test_a_test_tells_of_every_receiver(client, service):
    answer = await client.post("/api/v1/alert-tests")
    assert answer.status_code == 200
    assert [(result["receiver"], result["ok"]) for result in answer.json()] == [
        ("webhook hooks.example", True),
        ("mail ops@mesh.example", False),
    ]
    assert service.calls[-1][1].name == "ada"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/alerts/a2/ack", {"note": "x"}),
        ("POST", "/api/v1/alerts/a3/unack", None),
        ("POST", "/api/v1/silences", {"duration_s": 60}),
        ("DELETE", "/api/v1/silences/s1", None),
        ("PATCH", "/api/v1/alert-rules/low_heap", {"enabled": False}),
        ("DELETE", "/api/v1/alert-rules/low_heap", None),
        ("DELETE", "/api/v1/alert-rules/low_battery", None),
        ("POST", "/api/v1/alert-tests", None),
    ],
)
async def test_the_same_key_acts_once(client, service, method, path, body):
    sent = {"headers": {"Idempotency-Key": "k"}, **({} if body is None else {"json": body})}
    first = await client.request(method, path, **sent)
    again = await client.request(method, path, **sent)
    assert first.status_code == again.status_code < 300, first.text
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert len(service.calls) == 1


@pytest.mark.parametrize(
    "text", ['<img src=x onerror="alert(1)">', "'; drop table alerts; --", "\u202egnp.exe", "{{7*7}}"]
)
async def test_hostile_texts_stay_texts(client, service, text):
    service.alerts_by_id["a2"].text = text
    answer = await client.get("/api/v1/alerts/a2")
    assert answer.json()["text"] == text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_document_describes_points_and_pages(client):
    schemas = (await client.get("/api/v1/openapi.json")).json()["components"]["schemas"]
    assert "Page_AlertView_" in schemas
    assert schemas["HistoryPoint"]["type"] == "array"
    assert len(schemas["HistoryPoint"]["prefixItems"]) == 5
    assert schemas["NewSilence"]["additionalProperties"] is False
