"""From a record and the weights beside it back to the network, and to its predictions."""
