"""Which ASGI server carries aerostore: speed (`run`) and HTTP semantics (`semantics`), side by side."""
