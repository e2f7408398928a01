"""Read requests of events: query strings in, pages and documents out."""
