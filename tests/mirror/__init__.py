"""The client side – client, reflector, feed, store – on the sandbox and on a real cluster."""
