"""The gateway's use cases, all together: what `service.Service` promises."""

from meshward.gateway.alert_cases import AlertCases
from meshward.gateway.dashboard_cases import DashboardCases
from meshward.gateway.firmware_cases import FirmwareCases
from meshward.gateway.health_cases import HealthCases
from meshward.gateway.mesh_cases import MeshCases
from meshward.gateway.offer_cases import OfferCases
from meshward.gateway.past_cases import PastCases
from meshward.gateway.record_cases import RecordCases
from meshward.gateway.self_cases import SelfCases
from meshward.gateway.talk_cases import TalkCases


class CoreService(
    MeshCases,
    HealthCases,
    PastCases,
    AlertCases,
    FirmwareCases,
    OfferCases,
    TalkCases,
    RecordCases,
    DashboardCases,
    SelfCases,
):
    """One desk, many groups of cases."""
