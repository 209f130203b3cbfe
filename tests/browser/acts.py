"""What people do on the pages, by what they read there, and what to ask besides."""

import base64
import re
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from playwright.async_api import expect

from meshward.firmware.synthetic import synthetic_image
from tests.browser.stage import Stage
from tests.integration.gateway_meshes import FINAL, spec, upload
from tests.support.browser import PATIENCE_MS

#: Boards and browsers share a small computer with other tests.
expect.set_options(timeout=PATIENCE_MS)

#: A gateway for which the watching of a wave takes a 300th of what its rollout says: seconds for minutes.
HASTY = """
import msgspec
from meshward.gateway.rollout_cases import RolloutCases
create = RolloutCases.create_rollout
def hasty(self, spec, caller):
    waves = tuple(msgspec.structs.replace(wave, soak_s=wave.soak_s / 300) for wave in spec.waves)
    return create(self, msgspec.structs.replace(spec, waves=waves), caller)
RolloutCases.create_rollout = hasty
from meshward.cli.main import main
main()
"""

_DROP = """
async files => {
  // What takes drops listens once the page was painted.
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));
  const held = new DataTransfer();
  for (const {name, content} of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    held.items.add(new File([bytes], name, {type: "application/octet-stream"}));
  }
  for (const type of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(type, {dataTransfer: held, bubbles: true, cancelable: true}));
  }
}
"""


def image(version, size=20_000, hardware="ESP32"):
    return synthetic_image(size, hardware=hardware, project="lamp", version=version)


async def drop(page, *files):
    """Drop (name, content) on the page, as a file manager does."""
    held = [{"name": name, "content": base64.b64encode(content).decode()} for name, content in files]
    await expect(page.get_by_role("region", name="New firmware")).to_be_visible()
    await page.evaluate(_DROP, held)


def button(scope, name, **more):
    return scope.get_by_role("button", name=name, **more)


def heading(scope, name, **more):
    return scope.get_by_role("heading", name=name, **more)


def field(scope, label):
    """What stands with the control of this label: hints, and what is wrong."""
    page = getattr(scope, "page", scope)
    return scope.locator(".field", has=page.get_by_label(label, exact=True))


async def confirm(page, name, *, reason=""):
    """Say yes in the dialog that is open; its text."""
    dialog = page.get_by_role("dialog")
    text = await dialog.inner_text()
    if reason:
        await dialog.get_by_label("Reason").fill(reason)
    await button(dialog, name, exact=True).click()
    await expect(dialog).to_be_hidden()
    return text


async def pick(page, menu, item, *, exact=False):
    """Choose from a menu."""
    await button(page, menu, exact=exact).click()
    await page.get_by_role("menuitem", name=item).click()


async def pick_in(scope, menu, item):
    """Choose from a menu of a part of the page."""
    await button(scope, menu).click()
    await scope.get_by_role("menuitem", name=item).click()


def rollout_of(page):
    """The id of the rollout that the page shows."""
    found = re.search(r"#/updates/(r\d+)", page.url)
    assert found, page.url
    return found[1]


async def person(daemon, role, name):
    """A token of somebody's own."""
    async with daemon.api() as client:
        answer = await client.post("/tokens", json={"role": role, "name": name})
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


async def kept(stage: Stage, content, name="lamp.bin"):
    """The SHA-256 of a firmware that was put into the library beside the page."""
    async with stage.daemon.api() as client:
        answer = await upload(client, content, name)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()["sha256"]


async def begun(stage: Stage, *images, **changes):
    """The id of a rollout that was made beside the page."""
    async with stage.daemon.api() as client:
        answer = await client.post("/rollouts", json=spec(*images, **changes))
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def end_all(stage: Stage):
    """Abort what is under way: the next test has the boards for itself."""
    async with stage.daemon.api() as client:
        rollouts = (await client.get("/rollouts", params={"limit": 100})).json()["items"]
        for rollout in rollouts:
            if rollout["state"] not in FINAL:
                await client.post(f"/rollouts/{rollout['id']}/abort", json={})


async def run_by(stage: Stage, content):
    """The boards that run an image, by the fleet's own word."""
    async with stage.daemon.api() as client:
        answer = await upload(client, content)
    md5 = answer.json()["md5"]
    return {image.node_id for image in stage.fleet.images() if image.md5 == md5}


async def audited(stage: Stage, **wanted):
    """Entries of the audit log with these values, newest first."""
    entries = (await stage.daemon.get("/audit", limit=1000))["items"]
    return [entry for entry in entries if all(entry[key] == value for key, value in wanted.items())]


async def start_again(daemon):
    """Start a gateway that was killed, at the address that it had."""
    where = daemon._arguments.index("--http") + 1
    daemon._arguments[where] = urlsplit(daemon.endpoint()["url"]).netloc
    await daemon.start()
    await daemon.wait_ready()


@asynccontextmanager
async def second_page(page):
    """Another tab of the same browser, at the same place."""
    tab = await page.context.new_page()
    tab.watch = page.watch
    page.watch.on(tab)
    await tab.goto(page.url)
    yield tab
    await tab.close()


def gone_with_the_log_in(page):
    """What a browser says of a session that ended."""
    page.watch.expected = [*page.watch.expected, "401"]
