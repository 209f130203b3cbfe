"""What can be wrong with how a command was called."""

from meshward.errors import MeshwardError


class UsageError(MeshwardError):
    """The arguments do not make sense together; exit status 2."""
