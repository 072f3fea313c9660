"""What a gateway's radios did, in a file, and the same again from that file."""
