"""Boards with Meshward's own node code in a virtual mesh: their lives, told as telemetry."""

from tests.sim.test_life_boards import FIRST_ID, Mesh


def asked(**options):
    """A mesh whose gateway asked for telemetry."""
    mesh = Mesh(firmware="meshward", telemetry_us=10_000_000, **options)
    mesh.gateway.send({"type": 713, "routing": 2})
    mesh.world.run_for(5)
    return mesh


def test_meshward_boards_send_telemetry_to_who_asked_and_no_reports():
    mesh = asked()
    mesh.world.run_for(300)
    assert {package["from"] for package in mesh.of(712)} == set(mesh.boards)
    assert {package["type"] for package in mesh.packages} == {712}
    assert all(package["dest"] == mesh.gateway.node_id for package in mesh.packages)


def test_meshward_boards_answer_queries_from_their_lives():
    mesh = asked(n=2)
    mesh.gateway.send({"type": 710, "routing": 2, "q": 9, "jitter": 500})
    mesh.world.run_for(2)
    answers = {package["from"]: package for package in mesh.of(711)}
    assert set(answers) == set(mesh.boards)
    for node_id, answer in answers.items():
        board = mesh.boards[node_id]
        assert (answer["role"], answer["hw"]) == (board.role, board.hardware)
        assert answer["md5"] == board.running.md5
        heap_bytes = mesh.health(node_id - FIRST_ID)["heap_free_bytes"]
        assert abs(answer["m"]["heap_free_bytes"] - heap_bytes) < 5000


def test_meshward_boards_send_reports_too_where_they_are_to():
    mesh = asked(reports_us=10_000_000)
    mesh.world.run_for(120)
    assert len(mesh.of(604, 1)) >= 8
    assert len(mesh.of(204, 1)) >= 8


def test_a_meshward_board_that_crashes_tells_again_after_its_restart():
    mesh = asked(stories={1: "crash:60"})
    mesh.world.run_for(200)
    mesh.packages.clear()
    mesh.gateway.send({"type": 713, "routing": 2})
    mesh.world.run_for(20)
    assert mesh.boards[FIRST_ID + 1].starts >= 3
    assert mesh.of(712, 1)
