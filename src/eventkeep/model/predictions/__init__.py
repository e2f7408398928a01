"""The worth of customers: the historic values of their orders, and predictions by two statistical models.

- ``orders``: orders as columns, less refunds and cancellations, and their sums per customer
- ``purchases``: how often customers buy, and whether they have left (BG/NBD and MBG/NBD)
- ``spend``: how much they spend on an order (Gamma-Gamma)
- ``analytics``: both together, as the attributes of ``predictive_analytics``
- ``tracking``: how well a fit foretells orders that it has not seen
- ``plot``: the tracking plot as SVG

The fits need scipy, the extra ``predictions``; everything else works without it.
"""
