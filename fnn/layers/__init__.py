"""Layers, a file a family: each one a record, its ``vjp``, and a maker where its shape depends on the data."""
