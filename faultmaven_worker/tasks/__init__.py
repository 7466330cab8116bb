"""What a worker does by itself. What it is asked for is in ``faultmaven_adapters.jobs``, shared with the library."""
