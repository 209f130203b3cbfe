"""The commands `backup` and `restore`: the gateway's data in one file."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshward.cli.gateway_options import DATA_DEFAULTS, DataOptions
from meshward.cli.options import Json
from meshward.cli.output import plural, print_json, print_line

_FLAG = Parameter(negative="", show_default=False)


def backup(
    file: Annotated[Path, Parameter(help="Where to write it, as gateway.tar.gz.")],
    /,
    *,
    force: Annotated[bool, _FLAG, Parameter(help="Replace the file where it exists.")] = False,
    json: Json = False,
    at: DataOptions = DATA_DEFAULTS,
) -> int:
    """Copy all the gateway's data into one file, also while it runs.

    Example: meshward backup meshward-monday.tar.gz
    """
    from meshward.gateway import offline  # noqa: PLC0415 a help page needs none of it

    made = offline.backup(at.directory(), file, force=force)
    if json:
        print_json(
            {
                "file": str(made.path),
                "size_bytes": made.size_bytes,
                "firmware_files": made.firmware_files,
                "audit_head": made.audit_head,
                "audit_problem": made.audit_problem,
                "missing": list(made.missing),
            }
        )
        return 0
    print_line(f"{made.path}: {made.size_bytes} bytes, with {plural(made.firmware_files, 'firmware file')}")
    for sha256 in made.missing:
        print_line(f"warning: firmware {sha256[:12]} is missing or damaged, and not in the backup")
    if made.audit_problem:
        print_line(f"warning: the audit log is not whole ({made.audit_problem}): see `meshward audit verify`")
    print_line(f"head of its audit log: {made.audit_head}")
    return 0


def restore(
    file: Annotated[Path, Parameter(help="The file that `meshward backup` wrote.")],
    /,
    *,
    force: Annotated[bool, _FLAG, Parameter(help="Move aside what the data directory holds now.")] = False,
    json: Json = False,
    at: DataOptions = DATA_DEFAULTS,
) -> None:
    """Put the data of a backup in place: wholly or not at all. The gateway must be stopped.

    Example: meshward restore meshward-monday.tar.gz --data /var/lib/meshward
    """
    from meshward.gateway import offline  # noqa: PLC0415 a help page needs none of it

    done = offline.restore(file, at.directory(), force=force)
    if json:
        moved = None if done.moved_aside is None else str(done.moved_aside)
        print_json(
            {
                "data": str(done.data_dir),
                "created_at": done.created_at,
                "audit_problem": done.audit_problem,
                "moved_aside": moved,
            }
        )
        return
    print_line(f"{done.data_dir} is as it was on {done.created_at}")
    if done.audit_problem:
        print_line(f"warning: its audit log was not whole even then ({done.audit_problem})")
    if done.moved_aside is not None:
        print_line(f"what was there before is in {done.moved_aside}")
