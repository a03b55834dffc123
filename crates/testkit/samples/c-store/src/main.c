#include "server.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: c-store PORT FILE\n");
        return 2;
    }
    unsigned short port = (unsigned short)atoi(argv[1]);
    struct store *store = store_load(argv[2]);
    if (store == NULL)
        store = store_new();
    int fd = server_listen(&port);
    if (store == NULL || fd < 0) {
        fprintf(stderr, "cannot serve on port %s\n", argv[1]);
        return 1;
    }
    printf("c-store serves 127.0.0.1:%d\n", port);
    while (server_serve_one(fd, store) == 0) {
        if (store_save(store, argv[2]) != 0)
            fprintf(stderr, "cannot save %s\n", argv[2]);
    }
    return 1;
}
