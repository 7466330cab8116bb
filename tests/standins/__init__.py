"""Servers that stand in for vendors at their HTTP wire. Each is driven by the vendor's own SDK in a test of its own."""
