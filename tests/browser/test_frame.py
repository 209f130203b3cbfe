"""What is around all views: dialogs, short messages, and files that are let go anywhere."""

from playwright.async_api import expect

from tests.browser.scene import settled
from tests.support.browser import visit

STAGE = {"nodes": 2}

#: Whether the page takes what is let go in its middle, so that the browser does not leave it.
TAKES = """
(isFile) => {
  const held = new DataTransfer();
  if (isFile) held.items.add(new File(["x"], "x.bin"));
  else held.setData("text/plain", "x");
  const at = document.querySelector("main");
  return ["dragover", "drop"].map((type) =>
    !at.dispatchEvent(new DragEvent(type, { dataTransfer: held, bubbles: true, cancelable: true })));
}
"""


async def edit_tags(page):
    await settled(page)
    await page.get_by_role("button", name="More that can be done").click()
    await page.get_by_role("menuitem", name="Edit tags").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    return dialog


async def test_text_may_be_selected_beyond_a_dialog(browser, stage):
    async with visit(browser, stage.daemon, place="#/nodes/1001") as page:
        dialog = await edit_tags(page)
        text = dialog.get_by_label("Tags")
        await text.fill("a long text")
        box = await text.bounding_box()
        await page.mouse.move(box["x"] + 100, box["y"] + 10)
        await page.mouse.down()
        await page.mouse.move(30, 500, steps=3)
        await page.mouse.up()
        await expect(dialog).to_be_visible()
        await page.mouse.click(30, 500)
        await expect(dialog).to_be_hidden()


async def test_what_went_wrong_in_a_dialog_is_within_reach(browser, stage):
    async with visit(browser, stage.daemon, place="#/nodes/1001") as page:
        dialog = await edit_tags(page)
        await dialog.get_by_label("Tags").fill("grün")
        await dialog.get_by_role("button", name="Save").click()
        message = page.locator(".toasts .note").filter(has_text="is no tag")
        await message.get_by_role("button", name="Close").click()
        await expect(message).to_have_count(0)
        await expect(dialog).to_be_visible()


async def test_a_file_that_is_let_go_anywhere_does_not_replace_the_page(browser, stage):
    async with visit(browser, stage.daemon, place="#/nodes") as page:
        await settled(page)
        assert await page.evaluate(TAKES, True) == [True, True]
        assert await page.evaluate(TAKES, False) == [False, False]  # text may be dropped into fields


async def test_values_that_could_not_be_asked_for_again_are_marked(browser, stage):
    async with visit(browser, stage.daemon) as page:
        page.watch.expected = ["503"]
        await page.clock.install()
        await page.reload()
        await settled(page)
        await expect(page.get_by_text("not fresh")).to_have_count(0)
        await page.route(
            "**/api/v1/numbers", lambda route: route.fulfill(status=503, json={"detail": "busy"})
        )
        await page.clock.fast_forward(16_000)
        await expect(page.get_by_text("not fresh")).to_be_visible()
