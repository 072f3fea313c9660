"""The contracts between gateways, the hub and clients. Pure; imports nothing of ours."""
