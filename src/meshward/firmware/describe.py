"""What is known of a file, for programs and for people."""

from meshward.firmware.image import FirmwareImage, Kind, Problem, Segment, Severity

_MARKS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_LABEL_WIDTH = 12
#: What arduino-esp32's precompiled core calls itself, in every sketch built with it.
_ARDUINO_PROJECT = "arduino-lib-builder"


def describe(image: FirmwareImage) -> dict[str, object]:
    """All of an image as JSON takes it. Keys are always there; null where nothing is known."""
    app = image.app
    flash = image.flash
    return {
        "kind": image.kind.value,
        "what": image.what,
        "size_bytes": image.size_bytes,
        "md5": image.md5,
        "sha256": image.sha256,
        "intact": image.intact,
        "chip": image.chip,
        "chip_id": image.chip_id,
        "hardware": image.hardware,
        "flash": None
        if flash is None
        else {"mode": flash.mode, "size": flash.size, "frequency_mhz": flash.frequency_mhz},
        "entry_point": image.entry_point,
        "segments": [_segment(segment) for segment in image.segments],
        "checksum_ok": image.checksum_ok,
        "hash_ok": image.hash_ok,
        "app": None
        if app is None
        else {
            "project": app.project,
            "version": app.version,
            "idf_version": app.idf_version,
            "build_date": app.build_date,
            "build_time": app.build_time,
            "secure_version": app.secure_version,
            "elf_sha256": app.elf_sha256,
        },
        "compression": image.compression,
        "partitions": [
            {
                "label": part.label,
                "type": part.type,
                "subtype": part.subtype,
                "offset": part.offset,
                "size_bytes": part.size_bytes,
            }
            for part in image.partitions
        ],
        "inner_offset": image.inner_offset,
        "inner": None if image.inner is None else describe(image.inner),
        "problems": [_problem(problem) for problem in image.problems],
    }


def summary_lines(image: FirmwareImage) -> list[str]:
    """An image for people, a line each: what it is first, what is wrong with it last."""
    lines = [_line("file", f"{image.what}, {image.size_bytes} bytes")]
    lines += _content(image)
    lines += [_line("md5", image.md5), _line("sha256", image.sha256)]
    if image.inner is not None:
        lines += ["", _inside(image), *(f"  {line}".rstrip() for line in summary_lines(image.inner))]
    lines += [_complaint(problem) for problem in image.problems]
    return lines


def _segment(segment: Segment) -> dict[str, int]:
    return {"address": segment.address, "size_bytes": segment.size_bytes, "offset": segment.offset}


def _problem(problem: Problem) -> dict[str, str]:
    return {
        "severity": problem.severity.value,
        "code": problem.code,
        "message": problem.message,
        "remedy": problem.remedy,
    }


def _content(image: FirmwareImage) -> list[str]:
    """What the image itself says; nothing for containers, whose content follows."""
    if image.inner is not None or image.kind is Kind.OTHER:
        return []
    lines = []
    if image.hardware is not None:
        lines.append(_line("hardware", f"{image.hardware}, as painlessMesh boards call themselves"))
    lines += _app(image)
    if image.segments:
        lines.append(_line("segments", f"{len(image.segments)}, entry point {image.entry_point or 0:#x}"))
    lines += _flash(image)
    lines += _integrity(image)
    return lines


def _app(image: FirmwareImage) -> list[str]:
    app = image.app
    if app is None:
        return []
    # Every Arduino sketch carries the description of the core it was linked with.
    core = " (the Arduino core's own, not the sketch's)" if app.project == _ARDUINO_PROJECT else ""
    return [
        _line("project", f"{app.project} {app.version}{core}"),
        _line("built", f"{app.build_date} {app.build_time}, ESP-IDF {app.idf_version}"),
    ]


def _flash(image: FirmwareImage) -> list[str]:
    if image.flash is None:
        return []
    mode, size = image.flash.mode or "mode unknown", image.flash.size or "size unknown"
    frequency = f"{image.flash.frequency_mhz} MHz" if image.flash.frequency_mhz else "frequency unknown"
    return [_line("flash", f"{mode}, {size}, {frequency}")]


def _integrity(image: FirmwareImage) -> list[str]:
    hash_name = "CRC-32" if image.chip == "ESP8266" else "SHA-256"
    parts = [
        f"{name} {'valid' if holds else 'WRONG'}"
        for name, holds in (("checksum", image.checksum_ok), (hash_name, image.hash_ok))
        if holds is not None
    ]
    return [_line("integrity", ", ".join(parts))] if parts else []


def _inside(image: FirmwareImage) -> str:
    return "inside:" if image.inner_offset is None else f"inside, at {image.inner_offset:#x}:"


def _complaint(problem: Problem) -> str:
    remedy = f" — {problem.remedy}" if problem.remedy else ""
    return f"{_MARKS[problem.severity]}: {problem.message}{remedy}"


def _line(label: str, text: str) -> str:
    return f"{label:<{_LABEL_WIDTH}}{text}"
