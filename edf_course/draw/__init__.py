"""Still pictures: graphs, and how a training went."""
