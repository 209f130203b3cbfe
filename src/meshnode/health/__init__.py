"""What a board tells of its health: telemetry, reports, and answers to questions."""
