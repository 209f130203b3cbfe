import pytest

from meshward.rollout.spec import Target
from meshward.rollout.targets import KnownNode, why_not


def known(node=5, *, hardware="", role="", tags=(), version="", excluded=None):
    return KnownNode(node, hardware, role, frozenset(tags), version, "", excluded)


@pytest.mark.parametrize(
    ("target", "node"),
    [
        ({}, known()),
        ({}, known(role="sensor", hardware="ESP32")),
        ({"roles": ("lamp", "sensor")}, known(role="sensor")),
        ({"nodes": (4, 5)}, known()),
        ({"exclude": (4,)}, known()),
        ({"tags": ("roof",)}, known(tags=("roof", "east"))),
        ({"versions": ("1.0", "1.1")}, known(version="1.1")),
    ],
)
def test_a_target(target, node):
    meant = Target(**{"roles": ("sensor",), **target})
    assert why_not(meant, node) is None


@pytest.mark.parametrize(
    ("target", "node", "reason"),
    [
        ({}, known(excluded="on the roof"), "excluded from updates: on the roof"),
        ({}, known(excluded=""), "excluded from updates"),
        ({"nodes": (4, 6)}, known(), "not among the nodes"),
        ({"exclude": (5,)}, known(), "left out"),
        ({"nodes": (5,), "exclude": (5,)}, known(), "left out"),
        ({"tags": ("roof", "east")}, known(tags=("roof",)), "no tag 'east'"),
        ({"versions": ("1.0",)}, known(version="2.0"), "runs version '2.0', the rollout is for '1.0'"),
        ({"versions": ("1.0",)}, known(), "version is not known"),
        ({}, known(role="lamp"), "role 'lamp', the rollout is for 'sensor'"),
    ],
)
def test_why_a_node_is_no_target(target, node, reason):
    meant = Target(**{"roles": ("sensor",), **target})
    assert reason in why_not(meant, node)


def test_many_words_are_cut_short():
    target = Target(roles=tuple(f"role{index}" for index in range(100)))
    assert why_not(target, known(role="lamp")).endswith("'role4' and 95 more")
