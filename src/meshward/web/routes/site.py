"""The dashboard: a page and its files. They hold no secrets, so anybody may have them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from litestar import HttpMethod, route
from litestar.params import PathParameter
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from meshward.web.answers import is_known
from meshward.web.context import ApiRequest, Context, Web
from meshward.web.headers import PAGE, POLICY
from meshward.web.problems import Refusal
from meshward.web.site_files import Content, Site, SiteFile, read_site

_METHODS = (HttpMethod.GET, HttpMethod.HEAD)


@route("/", http_method=_METHODS, include_in_schema=False)
async def show_page(web: Context, request: ApiRequest) -> ASGIApp:
    """The page."""
    site = await _site(web)
    return await _answer(site, site.index, request)


@route("/ui/{path:path}", http_method=_METHODS, include_in_schema=False)
async def show_page_file(
    web: Context, request: ApiRequest, path: Annotated[Path, PathParameter()]
) -> ASGIApp:
    """What the page is made of."""
    site = await _site(web)
    file = site.files.get(path.as_posix().removeprefix("/"))
    if file is None:
        raise Refusal(404, "the dashboard has no such file: load its page anew")
    return await _answer(site, file, request)


async def _site(web: Web) -> Site:
    return await asyncio.to_thread(read_site) if web.options.site_reload else web.site


async def _answer(site: Site, file: SiteFile, request: ApiRequest) -> ASGIResponse:
    content = await _content(file, request.headers.get("accept-encoding", ""))
    headers = {
        # Kept, but asked for each time: an update of Meshward shows at once.
        "cache-control": "no-cache",
        "etag": content.etag,
        "vary": "Accept-Encoding",
        POLICY: site.policy,
        **PAGE,
    }
    if is_known(request.headers.get("if-none-match"), content.etag):
        return ASGIResponse(status_code=304, headers=headers)
    headers |= {"content-type": file.media_type, "content-length": str(len(content.body))}
    if content.encoding:
        headers["content-encoding"] = content.encoding
    is_head = request.method == "HEAD"
    return ASGIResponse(body=b"" if is_head else content.body, headers=headers, is_head_response=is_head)


async def _content(file: SiteFile, accepted: str) -> Content:
    if not _takes_gzip(accepted):
        return file.plain()
    return file.packed() if file.is_packed else await asyncio.to_thread(file.packed)


def _takes_gzip(accepted: str) -> bool:
    takes: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        takes[name.strip()] = weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return takes.get("gzip", takes.get("*", False))  # its own name says more than the star


HANDLERS = (show_page, show_page_file)
