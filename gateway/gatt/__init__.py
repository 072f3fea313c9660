"""GATT characteristics: what a device's bytes mean. Pure; one file per service."""
