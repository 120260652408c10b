#!/bin/sh
# A server is alive if it answers, even if only to say that it is loading; but not if newer certificates or users are
# mounted than it started with. It is the text that counts: to an unknown user redis-cli reports NOAUTH and success.
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
