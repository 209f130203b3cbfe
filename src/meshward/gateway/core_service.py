"""The gateway's use cases, all together: what `service.Service` promises."""

from meshward.gateway.alert_cases import AlertCases
from meshward.gateway.firmware_cases import FirmwareCases
from meshward.gateway.health_cases import HealthCases
from meshward.gateway.mesh_cases import MeshCases
from meshward.gateway.record_cases import RecordCases
from meshward.gateway.rollout_cases import RolloutCases


class CoreService(MeshCases, HealthCases, AlertCases, FirmwareCases, RolloutCases, RecordCases):
    """One desk, six groups of cases."""
