"""Everything that speaks to OpenRouter."""
