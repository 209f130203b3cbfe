"""Grafana dashboards, written as code: `examples/grafana` holds what comes of it."""
