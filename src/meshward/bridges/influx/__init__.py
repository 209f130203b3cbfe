"""InfluxDB's line protocol: values written to any database that takes it."""
