"""How fast and how light the proxy is, beside nginx, others and none at all: `python -m benchmarks.speed`."""
