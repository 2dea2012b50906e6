"""Tray Proxy: OpenRouter's models behind the Ollama API, started and stopped from the tray."""

__version__ = "0.1.0"
