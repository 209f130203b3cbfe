"""Texts that mean harm, from people and from boards: shown as text everywhere, and nothing comes of them."""

import csv
import io
import re
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio
from playwright.async_api import expect

from meshward.fleet.commands import Drop
from tests.browser.scene import done, fires, flaws, go, settled, target
from tests.integration.gateway_meshes import app, ended, spec, until, upload
from tests.integration.hostile import Peer, frame
from tests.support.browser import DEVICES, is_wider_than_its_window, visit

IMAGE = "<img src=x onerror=alert(1)>"
SCRIPT = '"><script>alert(1)</script>'
REVERSED = "\u202egnp.exe \u2066Garden"
"""Only where the gateway does not refuse it; boards' texts it cleans."""
LEFTWARDS = "\u05d2\u05d9\u05e0\u05d4 (1) -> \u0645\u0637\u0628\u062e"
STACKED = "\N{MAN}\N{EMOJI MODIFIER FITZPATRICK TYPE-6}" * 6 + "Z" + "\u0363" * 20
FORMULA = '=HYPERLINK("javascript:alert(1)","click")'
LONG = "W" * 64
NAMES = {1001: IMAGE, 1002: SCRIPT, 1003: LEFTWARDS, 1004: STACKED, 1005: FORMULA, 1006: LONG}
STAGE = {"nodes": 6, "names": NAMES}
INTRUDER = 4_294_967_000
NOTES = f"{IMAGE}{SCRIPT}" * 30 + "x" * 300
FILE = f"{'f' * 60}{IMAGE}.bin"

#: What none of the texts may ever become.
BORN = """
() => [...document.querySelectorAll(
  "#app script, #app iframe, #app object, #app embed, #app [onerror], #app [onload], #app [onclick], #app img:not([src='ui/icon.svg'])"
)].map((element) => element.outerHTML.slice(0, 200)).concat(window.pwned ? ["a script ran"] : [])
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ill(stage):
    """Everything that takes a text from somebody has one that means harm; gives the rollout."""
    peer = await Peer.dial(stage.fleet.plan.port)
    await peer.join(INTRUDER)
    async with stage.daemon.api() as client:
        await stage.patch(1002, tags=["t" * 32], excluded=True, exclusion_reason=SCRIPT)
        added = await done(upload(client, app(f"9{SCRIPT}"[:31]), FILE, params={"notes": NOTES}), 201)
        made = spec(added["sha256"], name=IMAGE * 3, target=target(1005), notes=NOTES)
        rollout = await done(client.post("/rollouts", json=made), 201)
        await done(
            client.post("/silences", json={"rules": ["hot"], "duration_s": 600, "reason": IMAGE * 10}), 201
        )
        await done(client.post("/tokens", json={"role": "viewer", "name": SCRIPT}), 201)
        views = [
            {"name": IMAGE, "query": "q=%3Cscript%3E"},
            {"name": LEFTWARDS, "query": "javascript:alert(1)"},
        ]
        for view in views:
            await done(client.patch("/dashboard", json={"save_view": view}))
        await ended(stage.daemon, rollout["id"])
        await stage.fleet.apply(Drop(1006))
        await until(stage.daemon, "/alerts?state=firing", lambda page: fires(page, 1006))
        alert = (await stage.daemon.get("/alerts?state=firing&node=1006"))["items"][0]
        await done(client.post(f"/alerts/{alert['id']}/ack", json={"note": SCRIPT * 5}))
        await until(
            stage.daemon,
            "/nodes?limit=100",
            lambda page: any(node["id"] == INTRUDER for node in page["items"]),
        )
        await say_everything(peer)
        await until(stage.daemon, f"/nodes/{INTRUDER}/status", lambda status: status["texts"])
    yield rollout["id"]
    await peer.close()


async def say_everything(peer):
    """Reports and answers of a board, with markup wherever a text may be."""
    whole = {"from": INTRUDER, "dest": 0, "routing": 2}
    organization = {"device_name": SCRIPT, "device_location": IMAGE, "organizationId": REVERSED}
    for kind in (202, 604, 605):
        texts = {"fw": IMAGE, "lastErr": SCRIPT * 20, "recommend": STACKED, "fwMD5": SCRIPT}
        await peer.say(
            frame(
                **whole,
                type=kind,
                message_type=kind,
                uptime=60,
                mem=100,
                wifi=80,
                organization=organization,
                **texts,
            )
        )
    await peer.say(
        frame(**whole, type=711, q=1, up=60, role=IMAGE, hw=SCRIPT, fw=REVERSED, m={"heap_free_bytes": 5000})
    )
    await peer.say(frame(**whole, type=77, **{IMAGE: SCRIPT, "msg": REVERSED * 100}))


#: Where they appear: the place, and what must be read there, letter by letter.
PLACES = {
    "overview": ("#/", [LONG]),
    "map": ("#/map?node=1001", [IMAGE]),
    "map-found": (f"#/map?q={quote(SCRIPT)}&role={quote(IMAGE)}", []),
    "map-table": ("#/map?show=table&node=1002", [IMAGE, SCRIPT, FORMULA]),
    "nodes": ("#/nodes", [IMAGE, SCRIPT, FORMULA]),
    "nodes-wide": ("#/nodes?cols=level,hardware,role,version,tags,update", [IMAGE, SCRIPT]),
    "node": ("#/nodes/1001", [IMAGE]),
    "node-excluded": ("#/nodes/1002", [SCRIPT]),
    "node-intruder": (f"#/nodes/{INTRUDER}", [IMAGE]),
    "node-log": (f"#/nodes/{INTRUDER}?tab=log", [IMAGE]),
    "node-tree": ("#/nodes/1003?tab=tree", [LEFTWARDS]),
    "node-updates": ("#/nodes/1005?tab=updates", ["Update"]),
    "node-alerts": ("#/nodes/1006?tab=alerts", [LONG]),
    "updates": ("#/updates", [IMAGE]),
    "rollout": ("#/updates/{rollout}", [IMAGE, FORMULA]),
    "rollout-again": ("#/updates/new?again={rollout}", [IMAGE]),
    "alerts": ("#/alerts", [SCRIPT, LONG]),
    "alerts-silences": ("#/alerts/silences", [IMAGE]),
    "settings-tokens": ("#/settings/tokens", [SCRIPT]),
    "settings-audit": ("#/settings/audit", [IMAGE, SCRIPT]),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=DEVICES)
async def page(request, browser, stage, ill):
    async with visit(browser, stage.daemon, device=request.param) as page:
        yield page


@pytest.mark.parametrize("name", PLACES)
async def test_a_text_is_shown_as_text_and_breaks_nothing(page, ill, name):
    place, texts = PLACES[name]
    await go(page, place.format(rollout=ill))
    for text in texts:
        # Beside it there may be others, and marks that keep its direction to itself.
        await expect(page.get_by_role("main").get_by_text(text).first).to_be_attached()
    await settled(page)
    assert await page.evaluate(BORN) == []
    assert await flaws(page) == []
    assert page.watch.problems == []


async def test_the_picture_that_is_saved_holds_them_as_text(browser, stage, ill, tmp_path):
    async with visit(browser, stage.daemon, place="#/map?badge=version") as page:
        await page.get_by_role("button", name="More for the map").click()
        async with page.expect_download() as saving:
            await page.get_by_role("menuitem", name="Save as SVG").click()
        await (await saving.value).save_as(tmp_path / "map.svg")
        picture = ET.fromstring((tmp_path / "map.svg").read_bytes())
        kinds = {element.tag.rpartition("}")[2] for element in picture.iter()}
        assert kinds <= {"svg", "title", "rect", "g", "line", "path", "circle", "text"}
        assert not [
            name
            for element in picture.iter()
            for name in element.attrib
            if name.startswith("on") or "href" in name
        ]
        written = "".join(picture.itertext())
        assert IMAGE[:12] in written
        assert SCRIPT[:12] in written


async def test_a_table_that_is_saved_is_safe_to_open(browser, stage, ill, tmp_path):
    async with visit(browser, stage.daemon, place="#/nodes") as page:
        async with page.expect_download() as saving:
            await page.get_by_role("button", name="CSV").click()
        file = tmp_path / "nodes.csv"
        await (await saving.value).save_as(file)
    rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig"), newline="")))
    assert len({len(row) for row in rows}) == 1
    names = [row[0] for row in rows[1:]]
    assert {IMAGE, SCRIPT, f"'{FORMULA}"} <= set(names)
    assert not [cell for row in rows[1:] for cell in row if re.match(r"[=+@\t\r]|-(?![\d.]+$)", cell)]


FRAGMENTS = [
    *(
        "#/nodes/<script>alert(1)</script>",
        "#/nodes/%E0%A4%A",
        "#/../..",
        "#/nodes/../../etc",
        "#javascript:alert(1)",
    ),
    *(
        "#/map?node=1e9&focus=-1&time=NaN&layout=odd&badge=odd",
        "#/nodes?sort=odd,-,name&cols=odd&level=odd&signal=x",
    ),
    *(
        "#/nodes/1001?tab=constructor&range=odd&from=1&until=-1&hide=__proto__",
        "#/updates/__proto__",
        "#/constructor",
    ),
    *(
        "#/updates/..%2F..%2Fsession",
        "#/updates/new?again=<script>&nodes=x,-1,1e400&firmware=%00",
        "#/settings/__proto__",
    ),
    *(
        f"#/alerts/rules/edit/{quote(IMAGE)}",
        "#/alerts/history?node=__proto__&rule=<script>",
        f"#/{'x' * 10_000}",
    ),
    *(
        f"#/nodes/{'9' * 10_000}",
        f"#/nodes?q={'<' * 5_000}",
        "#/alerts?rule=toString&severity=__proto__&node=%00",
        "#///",
        "#/?",
    ),
]


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda fragment: fragment[:40])
async def test_an_odd_address_gives_a_page_that_makes_sense(page, ill, fragment):
    page.watch.expected = ["400", "404", "422"]
    try:
        await page.evaluate("place => (location.hash = place)", fragment)
        await expect(page.get_by_role("main").get_by_role("heading", level=1)).to_be_visible()
        await settled(page)
        assert await page.evaluate(BORN) == []
        assert not await is_wider_than_its_window(page)
        assert page.watch.problems == []
    finally:
        page.watch.expected = []
        page.watch.problems.clear()


async def test_the_policy_is_what_it_should_be(browser, stage):
    async with visit(browser, stage.daemon, None) as page:
        page.watch.expected = ["401"]
        policy = (await page.request.get(page.url)).headers["content-security-policy"]
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        digest = rules.pop("script-src").removeprefix("'self' ")
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", digest)
        assert rules == {
            "default-src": "'none'",
            "style-src": "'self'",
            "img-src": "'self' data: blob:",
            "connect-src": "'self'",
            "font-src": "'self'",
            "manifest-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }


async def test_what_is_put_into_the_page_is_refused_by_the_browser(browser, stage):
    async with visit(browser, stage.daemon) as page:
        page.watch.expected = ["Content Security Policy", "violates", "/x)"]  # the last is the image's
        refused = await page.evaluate(
            """async () => {
              const refused = [];
              addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
              const put = (tag, values) => document.body.append(Object.assign(document.createElement(tag), values));
              put("script", { textContent: "window.pwned = 1" });
              put("style", { textContent: "body { display: none }" });
              put("div", { innerHTML: "<img src=x onerror='window.pwned = 2'><b style='position:fixed'>x</b>" });
              put("iframe", { src: "/api/docs" });
              await fetch("http://127.0.0.2:9/").catch(() => {});
              // Later: what a debugger calls may do anything.
              await new Promise((done) => setTimeout(() => {
                try { new Function("window.pwned = 3")(); } catch { refused.push("eval"); }
                done();
              }));
              await new Promise((done) => setTimeout(done, 300));
              return refused;
            }"""
        )
        # The request is heard of, though it never leaves the browser.
        left = [problem for problem in page.watch.problems if "127.0.0.2" not in problem]
        page.watch.problems.clear()
        assert left == []
        wanted = {
            "script-src-elem",
            "style-src-elem",
            "script-src-attr",
            "style-src-attr",
            "frame-src",
            "eval",
            "connect-src",
        }
        assert wanted <= set(refused)
        assert await page.evaluate("window.pwned") is None
        assert await page.evaluate("getComputedStyle(document.body).display") != "none"


async def test_more_than_a_name_may_be_is_refused_in_words(browser, stage, ill):
    async with visit(browser, stage.daemon, place="#/nodes/1001") as page:
        page.watch.expected = ["400", "422"]
        await page.get_by_role("button", name="Change its name").click()
        box = page.get_by_label("Its name")
        await box.evaluate("box => box.removeAttribute('maxlength')")
        await box.fill("N" * 10_000)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status").filter(has_text="64")).to_be_visible()
        await expect(box).to_have_value("N" * 10_000)  # nothing that was typed is lost
