import pytest

from meshward.rollout.gates import Tally, budget_gate, error_gate, success_gate
from meshward.rollout.spec import Wave
from meshward.rollout.states import ErrorClass

FAILED, LOST, REFUSED, ROLLED_BACK = (
    ErrorClass.FAILED,
    ErrorClass.LOST,
    ErrorClass.REFUSED,
    ErrorClass.ROLLED_BACK,
)


def tally(total=10, *, good=0, ended=10, **errors):
    return Tally(total, good, ended, {ErrorClass(name): count for name, count in errors.items()})


def wave(**gates):
    return Wave(name="wave", **gates)


def test_errors_up_to_the_share_are_allowed_and_no_more():
    assert error_gate(wave(errors_max="10%"), tally(failed=1)) is None
    assert error_gate(wave(errors_max="10%"), tally(failed=1, lost=1)) == (
        "2 of 10 nodes failed (1 failed, 1 lost), 10% allowed"
    )


@pytest.mark.parametrize(("total", "allowed"), [(5, 0), (9, 0), (10, 1), (19, 1), (20, 2)])
def test_the_allowed_share_is_rounded_down(total, allowed):
    gate = wave(errors_max="10%")
    assert error_gate(gate, tally(total, failed=allowed)) is None
    assert error_gate(gate, tally(total, failed=allowed + 1))


def test_no_errors_allowed():
    assert error_gate(wave(errors_max="0"), tally(1, ended=1, rolled_back=1)) == (
        "1 of 1 node failed (1 rolled back), none allowed"
    )
    assert error_gate(wave(errors_max="0"), tally()) is None


def test_only_the_classes_of_the_wave_count():
    gate = wave(errors_max="0", error_classes=(FAILED, REFUSED))
    assert error_gate(gate, tally(lost=9, rolled_back=1)) is None
    assert error_gate(gate, tally(lost=9, refused=1)) == "1 of 10 nodes failed (1 refused), none allowed"


def test_the_sample_must_be_large_enough():
    gate = wave(errors_max="0", errors_sample_min=3)
    assert error_gate(gate, tally(ended=2, failed=2)) is None
    assert error_gate(gate, tally(ended=3, failed=1))


def test_the_budget_counts_every_class():
    errors = dict.fromkeys((FAILED, LOST, REFUSED, ROLLED_BACK), 1)
    assert budget_gate("4", Tally(40, 0, 4, errors)) is None
    assert budget_gate("3", Tally(40, 0, 4, errors)) == (
        "4 of 40 nodes failed (1 failed, 1 lost, 1 rolled back, 1 refused), 3 allowed"
    )
    assert budget_gate("100%", tally(3, failed=3)) is None


@pytest.mark.parametrize(("total", "needed"), [(1, 1), (5, 5), (9, 9), (10, 9), (11, 10), (20, 18)])
def test_the_needed_share_is_rounded_up(total, needed):
    gate = wave(success_min="90%")
    assert success_gate(gate, tally(total, good=needed)) is None
    assert success_gate(gate, tally(total, good=needed - 1)) == (
        f"{needed - 1} of {total} node{'s' * (total > 1)} run the image, 90% must"
    )


def test_a_wave_that_nobody_could_be_reached_of_proves_nothing():
    assert success_gate(wave(success_min="1"), tally(0)) == "no node of the wave could be reached"
    assert success_gate(wave(success_min="90%"), tally(0)) == "no node of the wave could be reached"
    assert success_gate(wave(success_min="0"), tally(0)) is None


def test_no_success_asked_for_is_always_there():
    assert success_gate(wave(success_min="0"), tally(failed=10)) is None
    assert success_gate(wave(success_min="0%"), tally(failed=10)) is None


def test_more_successes_than_nodes_are_not_asked_for():
    assert success_gate(wave(success_min="5"), tally(3, good=3)) is None
    assert success_gate(wave(success_min="5"), tally(3, good=2))
