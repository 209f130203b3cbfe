"""REST and WebSocket over `gateway.service`: `app.make_app` makes it, `server.serve` serves it."""
