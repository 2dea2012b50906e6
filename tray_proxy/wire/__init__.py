"""Shapes of the two APIs, field by field as their owners publish them. No logic."""
