import pytest

from meshward.errors import NodeIdError
from meshward.identity import check_node_id, default_node_id, derived_node_id, node_id_from_mac


def card(cards, name, mac, *, hardware=False):
    (cards / name).mkdir()
    (cards / name / "address").write_text(mac + "\n")
    if hardware:
        (cards / name / "device").mkdir()


def test_the_id_is_the_last_four_bytes_of_the_mac_as_on_a_board():
    assert node_id_from_mac(bytes.fromhex("240ac4112233")) == 0xC4112233


def test_hardware_comes_before_virtual_cards_and_loopback_never_counts(tmp_path):
    card(tmp_path, "docker0", "02:42:00:00:00:01")
    card(tmp_path, "lo", "00:00:00:00:00:00")
    card(tmp_path, "wlan0", "24:0a:c4:11:22:33", hardware=True)
    card(tmp_path, "eth0", "24:0a:c4:44:55:66", hardware=True)
    assert default_node_id(tmp_path) == 0xC4445566


def test_odd_cards_are_passed_over(tmp_path):
    card(tmp_path, "can0", "")
    card(tmp_path, "ib0", "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:31:78:f2")
    card(tmp_path, "zero", "24:0a:00:00:00:00")
    card(tmp_path, "zz", "24:0a:00:00:00:07")
    (tmp_path / "bonding_masters").write_text("")
    assert default_node_id(tmp_path) == 7


def test_a_machine_without_cards_still_gets_an_id(tmp_path):
    assert check_node_id(default_node_id(tmp_path / "missing"))


def test_a_derived_id_is_another_one_and_stays_within_the_process():
    derived = derived_node_id(4242, 1)
    assert check_node_id(derived) != 4242
    assert derived_node_id(4242, 1) == derived
    assert derived_node_id(4242, 2) != derived


@pytest.mark.parametrize("node_id", [0, -1, 2**32])
def test_impossible_ids_are_refused(node_id):
    with pytest.raises(NodeIdError, match="4294967295"):
        check_node_id(node_id)
