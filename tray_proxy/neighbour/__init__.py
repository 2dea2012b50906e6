"""The real Ollama beside us on this computer: what it holds, and how it is asked."""
