"""Brings notifications of alerts to people: by webhook, mail, and the messengers that Apprise knows."""

from meshward.gateway.delivery.courier import Courier

__all__ = ["Courier"]
