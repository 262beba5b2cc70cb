"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# How fast examples are made says how busy the machine is, and nothing of PeerStor.
settings.register_profile("any-machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")
