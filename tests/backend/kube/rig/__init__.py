"""Fake servers, proxies, plugins and certificates, at which the client and kubectl are aimed alike."""
