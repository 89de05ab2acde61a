"""Measures the product from outside: a raw client, editing traces and the report. Never imported by the server."""
