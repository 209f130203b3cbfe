"""Prometheus: metrics to be scraped, and alerts for Alertmanager."""
