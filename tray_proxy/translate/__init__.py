"""Translation between the dialects: pure functions, no network, no clock."""
