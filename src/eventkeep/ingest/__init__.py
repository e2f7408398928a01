"""From a parsed request to 202: the queue, the batch, the commit.

It knows neither the source of its submissions nor the location of the stores; both are
handed in.
"""
