"""What is wrong is said in words, where it is wrong, and changes nothing."""

import asyncio
import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from meshward.firmware.synthetic import synthetic_flash
from tests.browser import acts
from tests.browser.acts import button, field, heading
from tests.support.browser import visit

#: A gateway that takes files of up to a megabyte.
MODEST = """
import os
os.environ["MESHWARD_HTTP_UPLOAD_MAX"] = "1MB"
from meshward.cli.main import main
main()
"""
STAGE = {"nodes": 2, "kind": "stock", "program": MODEST}
pytestmark = pytest.mark.timeout(120)
#: What a browser says of requests that are refused.
REFUSED = ["400 (", "409 (", "413 (", "422 ("]
APP = acts.image("1.0")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def firmware(stage):
    return await acts.kept(stage, APP)


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def boards_are_free(stage):
    yield
    await acts.end_all(stage)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.txt", b"Remember the milk.\n" * 50, "This file cannot be used, and was not kept."),
        ("cut.bin", acts.image("9.1")[:-4000], "This file cannot be used, and was not kept."),
        ("merged.bin", synthetic_flash(APP), "This is the contents of a whole flash, for flashing by cable."),
        ("empty.bin", b"", "The file is empty"),
        ("huge.bin", bytes(1_500_000), "The file is larger than"),
        ("zeros.bin", bytes(5000), "This file cannot be used, and was not kept."),
    ],
)
async def test_a_file_that_is_no_firmware_is_refused_in_words(browser, stage, firmware, name, content, said):
    async with visit(browser, stage.daemon, place="#/updates") as page:
        page.watch.expected = REFUSED
        await acts.drop(page, (name, content))
        new = page.get_by_role("region", name="New firmware")
        await expect(heading(new, name)).to_be_visible()
        await expect(new.get_by_text(said)).to_be_visible()
        await expect(button(new, "Add")).to_have_count(0)
        # Another one can be tried at once.
        async with page.expect_file_chooser():
            await button(new, "Try another file").click()
        await button(new, f"Put {name} aside").click()
        await expect(heading(new, name)).to_have_count(0)
    assert [one["sha256"] for one in await stage.daemon.get("/firmware")] == [firmware]


async def test_a_folder_is_no_file(browser, stage, firmware, tmp_path):
    """What a browser gives for a folder that is dropped: a file that cannot be read."""
    async with visit(browser, stage.daemon, place="#/updates") as page:
        page.watch.expected = ["ERR_FAILED"]
        await expect(page.get_by_role("region", name="New firmware")).to_be_visible()
        # Reading one fails, as of a folder: the request is never sent.
        await page.route("**/api/v1/firmware/check*", lambda route: route.abort())
        await acts.drop(page, ("build", b"?"))
        await expect(page.get_by_text("The file could not be looked at.")).to_be_visible()
    assert [one["sha256"] for one in await stage.daemon.get("/firmware")] == [firmware]


async def test_two_files_are_looked_at_each_for_itself(browser, stage, firmware):
    async with visit(browser, stage.daemon, place="#/updates") as page:
        await acts.drop(page, ("lamp.bin", acts.image("9.2")), ("letter.txt", b"Dear Sir or Madam\n" * 100))
        new = page.get_by_role("region", name="New firmware")
        await expect(new.get_by_text("This is a firmware that boards can take.")).to_be_visible()
        await expect(new.get_by_text("This file cannot be used, and was not kept.")).to_be_visible()
        await button(new, "Put letter.txt aside").click()
        await expect(heading(new, "lamp.bin")).to_be_visible()
        await expect(heading(new, "letter.txt")).to_have_count(0)
    assert [one["sha256"] for one in await stage.daemon.get("/firmware")] == [firmware]


async def test_a_second_file_takes_nothing_from_the_first(browser, stage, firmware):
    async with visit(browser, stage.daemon, place="#/updates") as page:
        new = page.get_by_role("region", name="New firmware")
        await acts.drop(page, ("first.bin", acts.image("9.4")))
        await new.get_by_label("Notes").fill("Mind the hall.")
        await acts.drop(page, ("second.bin", acts.image("9.5")))
        await expect(heading(new, "second.bin")).to_be_visible()
        await expect(new.get_by_label("Notes").last).to_have_value("Mind the hall.")
        # And no more of them than are looked at together.
        await acts.drop(page, *[(f"more-{n}.bin", acts.image(f"9.{n}")) for n in range(6, 9)])
        await expect(heading(new, "more-7.bin")).to_be_visible()
        await expect(heading(new, "more-8.bin")).to_have_count(0)
        await expect(page.get_by_text("No more than 4 files are looked at together.")).to_be_visible()
    assert [one["sha256"] for one in await stage.daemon.get("/firmware")] == [firmware]


async def test_who_went_elsewhere_stays_there_when_a_file_is_taken_in(browser, stage):
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(route):
        arrived.set()
        await go_on.wait()
        await route.fulfill(status=201, json=one)

    async with visit(browser, stage.daemon, place="#/updates") as page:
        (one, *_) = await stage.daemon.get("/firmware")
        await page.route("**/api/v1/firmware?*", slowly)
        await acts.drop(page, ("late.bin", acts.image("9.6")))
        await button(page, "Add and update boards").click()
        await arrived.wait()
        await page.evaluate("location.hash = '#/alerts'")
        await expect(heading(page, "Alerts", level=1)).to_be_visible()
        go_on.set()
        await expect(page.get_by_text("is in the library.")).to_be_visible()
        assert "#/alerts" in page.url


async def test_what_was_filled_in_is_there_again_until_it_is_sent_or_discarded(browser, stage, firmware):
    async with visit(browser, stage.daemon, place="#/updates/new") as page:
        budget = page.get_by_label("Stop when more fail than")
        await expect(button(page, "Start over")).to_have_count(0)
        await budget.fill("3")
        await page.evaluate("location.hash = '#/alerts'")
        await expect(heading(page, "Alerts", level=1)).to_be_visible()
        await page.evaluate("location.hash = '#/updates/new'")
        await expect(page.get_by_text("This is what you had begun.")).to_be_visible()
        await expect(budget).to_have_value("3")

        # Coming for another one does not mix the two, and loses none.
        await page.evaluate(f"location.hash = '#/updates/new?firmware={firmware}'")
        await expect(budget).to_have_value("10%")
        await button(page, "Go on with that one").click()
        await expect(budget).to_have_value("3")
        await button(page, "Start over").click()
        await expect(budget).to_have_value("10%")
        await expect(heading(page, "Update boards", level=1)).to_be_focused()
        await expect(button(page, "Start over")).to_have_count(0)


async def test_a_file_for_another_chip_is_named_as_such(browser, stage, firmware):
    async with visit(browser, stage.daemon, place="#/updates") as page:
        await acts.drop(page, ("c3.bin", acts.image("9.3", hardware="ESP32-C3")))
        new = page.get_by_role("region", name="New firmware")
        await expect(new.get_by_role("definition").filter(has_text=re.compile("^ESP32-C3$"))).to_be_visible()
    async with visit(browser, stage.daemon, place=f"#/updates/new?firmware={firmware}") as page:
        page.watch.expected = REFUSED
        await page.get_by_label("Role of the boards").or_(page.get_by_label("Another role")).fill("sensor")
        await page.get_by_text("More settings", exact=True).click()
        await page.get_by_label("Chip of the boards").fill("ESP32-C3")
        plan = page.get_by_role("region", name="4. What will happen")
        await expect(plan.get_by_role("alert")).to_contain_text("This cannot be sent as it is")
        await expect(plan.get_by_role("alert")).to_contain_text("ESP32-C3")
        await expect(button(plan, "Start", exact=True)).to_be_disabled()
        await expect(page.get_by_label("Chip of the boards")).to_have_value("ESP32-C3")


async def at_the_form(page, url, firmware):
    await page.goto(f"{url}/#/updates/new?firmware={firmware}")
    role = page.get_by_label("Role of the boards").or_(page.get_by_label("Another role"))
    await role.fill("sensor")
    await expect(
        page.get_by_text("1 board first").or_(page.get_by_text("If all of them are meant"))
    ).to_be_visible()


async def refused_at(page, label, typed, said, *, scope=None):
    """What is typed is refused at its field, stays there, and keeps the rollout from starting."""
    scope = scope or page
    await scope.get_by_label(label, exact=True).fill(typed)
    await expect(field(scope, label).locator(".wrong")).to_contain_text(said)
    await expect(scope.get_by_label(label, exact=True)).to_have_value(typed)
    await expect(button(page, "Start", exact=True).or_(button(page, "Schedule"))).to_be_disabled()


async def test_values_that_cannot_be_are_refused_at_their_fields(browser, stage, firmware):
    url = stage.daemon.endpoint()["url"]
    async with visit(browser, stage.daemon) as page:
        page.watch.expected = REFUSED
        await at_the_form(page, url, firmware)
        await refused_at(page, "Stop when more fail than", "a few", "")
        await page.get_by_label("Stop when more fail than").fill("10%")

        await button(page, "My own waves").click()
        first = page.get_by_role("group", name="Wave 1")
        for label, typed, said, good in (
            ("Size", "150%", "", "5%"),
            ("Size", "0", "a wave of no nodes", "5%"),
            ("Watch for (minutes)", "long", "Write a number here.", "10"),
            ("Watch for (minutes)", "-5", "give 0 to", "10"),
            ("Name", "", "give 1 to 64", "canary"),
            ("Name", "everyone", "", "canary"),
            ("Must run it", "most", "", "100%"),
            ("Begin with (boards)", "1.5", "Write a whole number here.", "0"),
        ):
            if (label, typed) == ("Name", "everyone"):
                # Told at the second of the two.
                await first.get_by_label(label, exact=True).fill(typed)
                last = page.get_by_role("group", name="Wave 3")
                await expect(field(last, "Name").locator(".wrong")).to_contain_text("is there twice")
            else:
                await refused_at(page, label, typed, said, scope=first)
            await first.get_by_label(label, exact=True).fill(good)
        await expect(page.locator(".wrong")).to_have_count(0)
        await expect(button(page, "Start", exact=True)).to_be_enabled()


async def test_times_that_cannot_be_are_refused_at_their_fields(browser, stage, firmware):
    url = stage.daemon.endpoint()["url"]
    async with visit(browser, stage.daemon) as page:
        page.watch.expected = REFUSED
        await at_the_form(page, url, firmware)
        await page.get_by_text("When", exact=True).click()
        await refused_at(page, "Wait for boards that are away (hours)", "soon", "Write a number here.")
        await page.get_by_label("Wait for boards that are away (hours)").fill("0")
        await button(page, "Add a time").click()
        window = page.get_by_role("group", name="Time 1")
        await window.get_by_label("Time zone").fill("Mars/Olympus")
        await expect(window.locator(".wrong")).to_contain_text("Mars/Olympus")
        await window.get_by_label("Time zone").fill("Europe/Berlin")
        for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"):
            await button(window, day, exact=True).click()
        await expect(window.locator(".wrong")).not_to_be_empty()
        await button(window, "Mon", exact=True).click()
        # A window that ends before it starts ends on the next day: that can be, and is said.
        await window.get_by_label("From").fill("22:00")
        await window.get_by_label("To", exact=True).fill("05:00")
        await expect(page.get_by_text(re.compile("Mon, 22:00.05:00 .Europe/Berlin."))).to_be_visible()

        # A start in the past is now.
        await button(page, "at a time").click()
        await page.get_by_label("Start at").fill("2020-01-01T12:00")
        await expect(button(page, "Schedule")).to_be_enabled()


async def test_nobody_starts_what_says_nothing(browser, stage):
    async with visit(browser, stage.daemon, place="#/updates/new") as page:
        await (
            button(page, "Lamp").or_(button(page, "lamp 1.0")).click()
        )  # the only one is chosen: take it off
        await button(page, "Start", exact=True).click()
        await expect(page.get_by_text("Choose a firmware.", exact=True)).to_be_visible()
        await expect(page.get_by_text("Choose a role, or write one.")).to_be_visible()
    assert (await stage.daemon.get("/rollouts", state="scheduled"))["items"] == []


async def test_a_role_that_nobody_has_reaches_nobody(browser, stage, firmware):
    async with visit(browser, stage.daemon, place=f"#/updates/new?firmware={firmware}") as page:
        role = page.get_by_label("Role of the boards").or_(page.get_by_label("Another role"))
        await role.fill("nobody")
        plan = page.get_by_role("region", name="4. What will happen")
        await expect(
            plan.get_by_text("boards were not asked yet").or_(plan.get_by_text("Nobody would get anything"))
        ).to_be_visible()


async def test_firmware_that_is_needed_is_not_deleted(browser, stage):
    sha = await acts.kept(stage, acts.image("5.0"), "needed.bin")
    await acts.begun(stage, sha, approval=True)
    async with visit(browser, stage.daemon, place="#/updates") as page:
        page.watch.expected = ["409"]
        await acts.pick(page, "More for lamp 5.0", "Delete")
        text = await acts.confirm(page, "Delete")
        assert "Boards that run it go on running it." in text
        await expect(page.get_by_text("may still need firmware")).to_be_visible()
        await expect(heading(page, "lamp 5.0")).to_be_visible()
        await acts.end_all(stage)
        await acts.pick(page, "More for lamp 5.0", "Delete")
        await acts.confirm(page, "Delete")
        await expect(page.get_by_text("lamp 5.0 is deleted.")).to_be_visible()
        await expect(heading(page, "lamp 5.0")).to_have_count(0)


async def test_of_two_who_act_at_once_the_second_is_told(browser, stage, firmware):
    rollout = await acts.begun(stage, firmware, approval=True)
    async with (
        visit(browser, stage.daemon, place=f"#/updates/{rollout}") as page,
        acts.second_page(page) as tab,
    ):
        page.watch.expected = ["409"]
        for one in (page, tab):
            await acts.pick(one, "More actions", "Abort")
            await expect(one.get_by_role("dialog")).to_be_visible()
        await acts.confirm(page, "Abort")
        await acts.confirm(tab, "Abort")
        await expect(page.get_by_text("Aborted.", exact=True)).to_be_visible()
        await expect(
            tab.get_by_text(re.compile("cannot|not possible|is over|aborted already"))
        ).to_be_visible()
        await expect(tab.locator(".view-head").get_by_text("aborted")).to_be_visible()
