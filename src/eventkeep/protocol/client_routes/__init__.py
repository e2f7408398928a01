"""The routes for browsers and apps: they name an account by its public id, write, and never read."""
