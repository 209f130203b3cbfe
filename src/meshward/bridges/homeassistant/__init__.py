"""Home Assistant: every node a device, by way of an MQTT broker."""
