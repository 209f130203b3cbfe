import asyncio

from meshward.bridges.mqtt import retained as retained_module
from meshward.bridges.mqtt.messages import Publication
from meshward.bridges.mqtt.retained import Retained


def taken(shelf):
    found = []
    while (publication := shelf.take()) is not None:
        found.append((publication.topic, publication.payload))
    return found


def test_what_was_written_is_taken_once_in_the_order_of_the_topics():
    shelf = Retained()
    for topic, payload in [("a", b"1"), ("b", b"1"), ("a", b"2"), ("c", b"1")]:
        shelf.put(topic, payload)
    assert (shelf.waiting, len(shelf)) == (3, 3)
    assert taken(shelf) == [("a", b"2"), ("b", b"1"), ("c", b"1")]
    shelf.put("a", b"2")
    assert shelf.waiting == 0


def test_a_publication_is_retained_with_the_quality_of_service_that_was_chosen():
    shelf = Retained(qos=2)
    shelf.put("a", b"1")
    assert shelf.take() == Publication("a", b"1", retain=True, qos=2)


def test_what_was_dropped_is_cleared_also_after_everything_is_sent_again():
    shelf = Retained()
    shelf.put("a", b"1")
    shelf.put("b", b"1")
    taken(shelf)
    shelf.drop("a")
    shelf.drop("never there")
    shelf.send_all()
    assert taken(shelf) == [("b", b"1"), ("a", b"")]


def test_a_strange_topic_is_cleared_and_one_of_ours_is_not():
    shelf = Retained()
    shelf.put("a", b"1")
    taken(shelf)
    shelf.clear("a")
    shelf.clear("b")
    assert taken(shelf) == [("b", b"")]


def test_what_could_not_be_sent_is_taken_again_as_it_is_then():
    shelf = Retained()
    shelf.put("a", b"1")
    publication = shelf.take()
    shelf.put("a", b"2")
    assert taken(shelf) == [("a", b"2")]
    shelf.give_back(publication)
    assert taken(shelf) == [("a", b"2")]


def test_topics_to_be_cleared_have_a_limit(monkeypatch):
    monkeypatch.setattr(retained_module, "GONE_MAX", 3)
    shelf = Retained()
    for number in range(10):
        shelf.put(f"gone/{number}", b"1")
        taken(shelf)
        shelf.drop(f"gone/{number}") if number < 3 else shelf.clear(f"strange/{number}")
    assert shelf.waiting <= 3 + len(shelf)


async def test_it_wakes_whoever_waits_for_something_to_take():
    shelf = Retained()
    waiting = asyncio.create_task(shelf.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    shelf.put("a", b"1")
    await waiting
    taken(shelf)
    waiting = asyncio.create_task(shelf.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    shelf.send_all()
    await waiting


async def test_it_is_filled_when_all_who_promised_have_kept_it():
    shelf = Retained()
    await shelf.filled()
    first, second = shelf.promise(), shelf.promise()
    waiting = asyncio.create_task(shelf.filled())
    first()
    first()
    await asyncio.sleep(0)
    assert not waiting.done()
    second()
    await waiting
