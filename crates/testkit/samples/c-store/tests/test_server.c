#include "server.h"
#include "suite.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Says everything to a server in a process of its own, and gives back all that it answers. */
static void talk(const char *said, char *answers, size_t size)
{
    unsigned short port = 0;
    int listening = server_listen(&port);
    assert_true(listening >= 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store *store = store_new();
        _exit(server_serve_one(listening, store) == 0 ? 0 : 1);
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, said, strlen(said)), strlen(said));
    shutdown(fd, SHUT_WR);
    size_t got = 0;
    ssize_t more;
    while ((more = read(fd, answers + got, size - 1 - got)) > 0)
        got += (size_t)more;
    answers[got] = '\0';
    close(fd);
    close(listening);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_client_is_answered_over_loopback(void **state)
{
    (void)state;
    char answers[256];
    talk("SET a one two\nGET a\r\nGET b\n", answers, sizeof answers);
    assert_string_equal(answers, "OK\none two\nNONE\n");
}

static void a_bad_line_does_not_end_the_connection(void **state)
{
    (void)state;
    char answers[256];
    talk("FROB a\nGET\nSET a 1\n", answers, sizeof answers);
    assert_string_equal(answers, "ERR unknown command\nERR a command and a key\nOK\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_answered_over_loopback),
        cmocka_unit_test(a_bad_line_does_not_end_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
