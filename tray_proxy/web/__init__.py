"""The settings page, on its own loopback listener."""
