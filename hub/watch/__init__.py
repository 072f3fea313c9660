"""`derny watch`: a session in the terminal, as a wall or as lines."""
