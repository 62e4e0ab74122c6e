"""The local web page: a FastAPI application and the page it serves.

>>> from xctgraph.explorer.app import create_app
>>> app = create_app("xct.store")    # doctest: +SKIP
"""
