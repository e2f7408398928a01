"""Cassettes: recorded exchanges with a server, without keys and chosen personal data, to replay and to verify."""
