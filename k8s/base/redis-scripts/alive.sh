#!/bin/sh
# Alive is a server that answers, also that it is loading; and not one whose certificates are older than those mounted.
# An answer to nobody in particular would be NOAUTH, with success as exit code: so the text counts.
set -eu
secret=/run/leviathan/secret
if [ "$secret/..data" -nt /run/leviathan/started ]; then
  echo "certificates or users are newer than this server" >&2
  exit 1
fi
answer=$(REDISCLI_AUTH=$(cat $secret/probe-password) timeout 4 redis-cli --no-auth-warning --user probe \
  --tls --cacert $secret/ca.crt --cert $secret/tls.crt --key $secret/tls.key ping 2>&1) || true
case $answer in
  PONG | LOADING* | BUSY* | MISCONF*) exit 0 ;;
  *) echo "$answer" >&2; exit 1 ;;
esac
