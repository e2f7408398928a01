"""eventkeep: an event store that you run yourself and that speaks the Klaviyo Events API."""
