"""FaultMaven's use-cases and the ports they need. Imports nothing but the standard library and attrs."""
