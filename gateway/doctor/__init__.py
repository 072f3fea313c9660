"""What is wrong with this machine, seen by a gateway: facts, and rules over them."""
