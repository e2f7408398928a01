"""From a parsed request to 202: the queue, the batch, the commit.

It knows neither where its submissions come from nor where the stores are; both are
handed in.
"""
