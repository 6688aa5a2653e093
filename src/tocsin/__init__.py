"""Tocsin: partners share what they see and ring early, together. One node of an alarm-bell network."""

__version__ = "0.1.0"
