"""The server that Ollama clients talk to."""
