/* The protocol on loopback. */
#ifndef SERVER_H
#define SERVER_H

#include "store.h"

/* A socket that listens on 127.0.0.1, or -1. A port of 0 takes a free one and says which. */
int server_listen(unsigned short *port);

/* Serves one client until it has said everything. 0, or -1. */
int server_serve_one(int socket, struct store *store);

#endif
