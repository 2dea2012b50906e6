"""A stand-in for OpenRouter on loopback, for `--demo` and the tests."""
