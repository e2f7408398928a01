"""OpenAPI documents, one for every revision, made from the registry and from the types that bodies are decoded into."""

from eventkeep.protocol.openapi.document import openapi_document

__all__ = ["openapi_document"]
