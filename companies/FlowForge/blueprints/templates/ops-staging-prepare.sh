#!/bin/sh
# Makes the secrets of staging, once. What is there stays: a second run changes nothing, because a database keeps the
# password that it was made with.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
for name in database_password session_key; do
  if [ -s "secrets/$name" ]; then
    echo "secrets/$name is there"
    continue
  fi
  # 32 bytes of the kernel's, as 64 hexadecimal digits: no character that a connection string would have to escape.
  od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"secrets/$name.new"
  [ "$(wc -c <"secrets/$name.new")" -eq 64 ]
  mv "secrets/$name.new" "secrets/$name"
  # Compose mounts the file as it is: the container's user, who is not root, must be able to read it. The folder is ours alone.
  chmod 644 "secrets/$name"
  echo "secrets/$name is made"
done
