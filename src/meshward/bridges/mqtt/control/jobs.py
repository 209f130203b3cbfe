"""From a request to the rollout it asks for, the same for the same request at any time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from meshward.bridges.mqtt.control.answers import RequestRefusedError
from meshward.bridges.mqtt.control.images import Wanted
from meshward.bridges.mqtt.control.requests import StartRequest, UrlImage
from meshward.rollout.spec import RolloutSpec, Target, Transfer, push_spec

_SHA256 = re.compile(r"[0-9a-f]{6,64}")
_OF_IMAGE = ("role", "nodes", "tags", "exclude", "waves", "force", "name", "notes", "approval")


def wanted_of(image: str | UrlImage | None) -> Wanted | None:
    """What has to be fetched, if anything."""
    if not isinstance(image, UrlImage):
        return None
    return Wanted(image.url, image.sha256.lower(), name=image.name)


def asked_image(request: StartRequest) -> str:
    """The hash that is asked for, or its beginning; "" where only a spec names some. Raises
    RequestRefusedError.
    """
    image = request.image
    if isinstance(image, UrlImage):
        return image.sha256.lower()
    if image is None:
        if request.spec is None:
            raise RequestRefusedError(
                "invalid", "image is missing: give a SHA-256 of the library, or url and sha256"
            )
        return ""
    if not _SHA256.fullmatch(image.lower()):
        raise RequestRefusedError(
            "invalid",
            "image: must be the SHA-256 of a firmware in the library, or its first 6 digits",
        )
    return image.lower()


def spec_of(request: StartRequest, image: str) -> RolloutSpec:
    """The rollout that is asked for; `image` is the whole hash. Raises RequestRefusedError."""
    if request.spec is not None:
        return _whole(request, request.spec, image)
    if not request.role:
        raise RequestRefusedError("invalid", "role is missing: as boards give it to initOTAReceive")
    target = Target(roles=(request.role,), nodes=request.nodes, exclude=request.exclude, tags=request.tags)
    name = request.name or request.job or f"firmware {image[:12]} to {request.role}"
    transfer = Transfer(force=request.force)
    if request.waves == "plain":
        spec = push_spec(name[:100], image, target, transfer)
    else:
        spec = RolloutSpec(name=name[:100], images=(image,), target=target, transfer=transfer)
    return msgspec.structs.replace(spec, job=request.job, notes=request.notes, approval=request.approval)


def _whole(request: StartRequest, spec: RolloutSpec, image: str) -> RolloutSpec:
    plain = StartRequest()
    both = [field for field in _OF_IMAGE if getattr(request, field) != getattr(plain, field)]
    if both:
        raise RequestRefusedError("invalid", f"{', '.join(both)}: say it inside `spec`, where that is given")
    if request.job and spec.job not in {"", request.job}:
        raise RequestRefusedError("invalid", "job and spec.job are not the same: give one of them")
    images = spec.images or ((image,) if image else ())
    if image and image not in images:
        raise RequestRefusedError("invalid", "image is none of spec.images: leave one of them out")
    return msgspec.structs.replace(spec, job=job_of(request), images=images)


def job_of(request: StartRequest) -> str:
    """The job, wherever it is said; "" for none."""
    return request.job or (request.spec.job if request.spec is not None else "")


def known_as(beginning: str, known: Sequence[str]) -> str | None:
    """The whole hash, of one that an earlier rollout of the same job has."""
    return next((image for image in known if image.startswith(beginning)), None)
