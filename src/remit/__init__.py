"""Remit: an object-capability platform for Python.

Layers, each importing only those to its right (a test keeps it so):
testing, cli, web, app, ensemble, machines, credentials, graph, services, dataspace, durable, net, captp, lib, vat,
values, errors.
"""
