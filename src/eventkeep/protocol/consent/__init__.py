"""Consent: jobs that subscribe, unsubscribe, suppress and unsuppress profiles."""
