#include "server.h"

#include "protocol.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int server_listen(unsigned short *port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    int yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0
        || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 8) != 0
        || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

int server_serve_one(int socket, struct store *store)
{
    int client = accept(socket, NULL, NULL);
    if (client < 0)
        return -1;
    FILE *in = fdopen(client, "r");
    if (in == NULL) {
        close(client);
        return -1;
    }
    char line[ANSWER_BYTES], answer[ANSWER_BYTES];
    int failed = 0;
    while (!failed && fgets(line, sizeof line, in) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        protocol_answer(store, line, answer);
        failed = dprintf(client, "%s\n", answer) < 0;
    }
    fclose(in);
    return failed ? -1 : 0;
}
