"""HTTP/1.1 on a socket, over llhttp. It knows nothing of the product that responds."""
