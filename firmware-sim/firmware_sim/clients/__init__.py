"""`derny-sim clients`: many devices of `/live` in one process, to size a machine by."""
