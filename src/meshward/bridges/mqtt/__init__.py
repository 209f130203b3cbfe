"""MQTT: the status of the mesh on topics, and commands from there."""
