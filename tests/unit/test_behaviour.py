"""How images behave: as text, and which of them an image gets."""

import gzip

import pytest

from meshward.errors import FleetError
from meshward.firmware.synthetic import synthetic_image
from meshward.fleet.behaviours import read_behaviours, read_image
from meshward.sim.behaviour import FINE, Behaviour, Behaviours
from meshward.sim.flash import FACTORY_IMAGE, Image

MD5 = FACTORY_IMAGE.md5
LEAK, SLOW = Behaviour("leak", 60.0), Behaviour("slow", 3.0)


@pytest.mark.parametrize(
    ("text", "behaviour", "in_full"),
    [
        ("crash-loop", Behaviour("crash-loop", 20.0), "crash-loop:20"),
        ("crash-loop:0.5", Behaviour("crash-loop", 0.5), "crash-loop:0.5"),
        ("leak", Behaviour("leak", 120.0), "leak:120"),
        ("lost-radio", Behaviour("lost-radio", 0.0), "lost-radio:0"),
        ("lost-radio:30", Behaviour("lost-radio", 30.0), "lost-radio:30"),
        ("silent", Behaviour("silent"), "silent"),
        ("slow", Behaviour("slow", 10.0), "slow:10"),
        ("fine", FINE, "fine"),
    ],
)
def test_behaviours_are_read_and_written(text, behaviour, in_full):
    assert Behaviour.read(text) == behaviour
    assert str(behaviour) == in_full
    assert Behaviour.read(in_full) == behaviour


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "there are crash-loop, leak"),
        ("explode", "'explode' is no behaviour"),
        ("silent:3", "silent takes no number"),
        ("leak:", "could not convert"),
        ("leak:x", "could not convert"),
        ("leak:0", "from 0.1 to"),
        ("crash-loop:-1", "from 0.1 to"),
        ("slow:0.5", "from 1 to"),
        ("lost-radio:inf", "from 0 to"),
        ("lost-radio:nan", "from 0 to"),
    ],
)
def test_what_is_no_behaviour(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        Behaviour.read(text)


def test_an_image_is_known_by_its_md5_or_the_first_digits_of_it():
    for digits in (MD5, MD5[:6], MD5[:9].upper()):
        assert Behaviours({digits: LEAK}).of(FACTORY_IMAGE) == LEAK
    assert Behaviours({MD5: LEAK}).of(Image.of(b"another")) == FINE
    assert Behaviours({MD5: LEAK}).of(None) == FINE


@pytest.mark.parametrize("digits", ["", MD5[:5], MD5 + "0", "xyzxyz", MD5[:6] + "\n"])
def test_less_than_six_digits_are_no_md5(digits):
    with pytest.raises(ValueError, match="6 to 32 hexadecimal digits"):
        Behaviours().put(digits, LEAK)


def test_what_was_put_last_counts():
    behaviours = Behaviours({MD5: LEAK, MD5[:6]: SLOW})
    assert behaviours.of(FACTORY_IMAGE) == SLOW
    behaviours.put(MD5, LEAK)
    assert behaviours.of(FACTORY_IMAGE) == LEAK
    behaviours.put(MD5, FINE)
    assert behaviours.of(FACTORY_IMAGE) == FINE


# Flags of the fleet.


def test_flags_name_the_image_by_digits_or_by_its_file(tmp_path):
    file = tmp_path / "a:slow.bin"
    file.write_bytes(b"as delivered")
    assert read_behaviours([f"{MD5[:8]}:leak:60"]).of(FACTORY_IMAGE) == LEAK
    assert read_behaviours([f"{file}:leak:60"]).of(FACTORY_IMAGE) == LEAK
    assert read_behaviours([f"{file}:silent", f"{MD5}:slow:3"]).of(FACTORY_IMAGE) == SLOW


def test_of_a_gzip_file_what_runs_is_inside(tmp_path):
    app = synthetic_image(20_000)
    (tmp_path / "app.bin").write_bytes(app)
    (tmp_path / "app.bin.gz").write_bytes(gzip.compress(app))
    names = (tmp_path / "app.bin", tmp_path / "app.bin.gz")
    assert [read_image(str(name)) for name in names] == [Image.of(app).md5] * 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ab900f", "write it as --image-behaviour MD5:crash-loop:20"),
        ("ab900f:explode", "one of crash-loop, leak"),
        (":leak", "write it as --image-behaviour"),
        ("ab900f:leak:x", "--image-behaviour ab900f:leak:x: could not convert"),
        ("ab900f:slow:0", "slow takes a number from 1"),
        ("ab9:leak", "'ab9' is neither 6 to 32 digits of an MD5 nor a file"),
        ("no/such/file:leak", "no such file or directory"),
        ("nul\0:leak", "nor a file that can be read"),
    ],
)
def test_a_wrong_flag_is_refused_with_a_right_one(text, complaint):
    with pytest.raises(FleetError, match=complaint):
        read_behaviours([text])


def test_a_broken_gzip_file_is_refused(tmp_path):
    file = tmp_path / "app.gz"
    file.write_bytes(gzip.compress(synthetic_image(20_000))[:-100])
    with pytest.raises(FleetError, match=r"app\.gz'"):
        read_image(str(file))
