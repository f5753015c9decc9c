"""What the tests of the queue share: a wire of their own, clients, and a faulty proxy."""
