"""The HTTP edge, one noun a file: it decides nothing, it asks the live service and the store."""
