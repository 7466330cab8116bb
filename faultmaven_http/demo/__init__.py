"""What `faultmaven demo` brings along: runbooks and one incident."""
