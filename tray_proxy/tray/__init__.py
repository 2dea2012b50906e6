"""The tray icon: what is shown is worked out in `state` and `menu`; `shell` alone draws it."""
