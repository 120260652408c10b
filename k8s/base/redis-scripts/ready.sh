#!/bin/sh
# Ready is a server that has loaded its data and can write.
set -eu
secret=/run/leviathan/secret
told=$(REDISCLI_AUTH=$(cat $secret/probe-password) timeout 4 redis-cli --no-auth-warning --user probe \
  --tls --cacert $secret/ca.crt --cert $secret/tls.crt --key $secret/tls.key info persistence 2>&1) || true
for wanted in loading:0 aof_enabled:1 aof_last_write_status:ok; do
  printf '%s' "$told" | tr -d '\r' | grep -q "^$wanted\$" || { echo "not $wanted" >&2; exit 1; }
done
