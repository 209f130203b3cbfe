"""One browser, one fleet and one gateway for all tests of a file; they run in one event loop."""

from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.stage import set_up
from tests.support.browser import chromium

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE):
            # On one worker, so that a file's stage is set up once.
            item.add_marker(pytest.mark.xdist_group(item.path.name))
            if item.get_closest_marker("asyncio"):
                item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(request, tmp_path_factory):
    """A mesh of boards with a gateway, as the file's STAGE has it."""
    options = getattr(request.module, "STAGE", {})
    async with set_up(tmp_path_factory.mktemp("stage"), **options) as stage:
        yield stage
