"""Updates commanded over MQTT."""
