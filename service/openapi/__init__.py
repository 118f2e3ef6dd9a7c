"""What the service accepts and emits, as an OpenAPI 3.1 document that is made from the code it describes."""

from service.openapi.document import openapi_document

__all__ = ["openapi_document"]
