"""What training means: workouts, the interval engine, fusion, zones, metrics. Pure."""
