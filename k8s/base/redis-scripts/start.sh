#!/bin/sh
# Starts Redis, and remembers when: Redis reads certificates and users only then, so newer ones mean a restart.
set -eu
touch /run/leviathan/started
exec redis-server --dir /data --appendonly yes --save "" \
  --port 0 --tls-port 6379 --tls-auth-clients yes \
  --tls-cert-file /run/leviathan/secret/tls.crt --tls-key-file /run/leviathan/secret/tls.key \
  --tls-ca-cert-file /run/leviathan/secret/ca.crt \
  --aclfile /run/leviathan/secret/users.acl \
  --enable-debug-command no --enable-module-command no --enable-protected-configs no \
  "$@"
