#include "protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(char answer[ANSWER_BYTES], const char *text)
{
    snprintf(answer, ANSWER_BYTES, "%s", text);
}

void protocol_answer(struct store *store, const char *line, char answer[ANSWER_BYTES])
{
    char copy[ANSWER_BYTES];
    if (strlen(line) >= sizeof copy) {
        say(answer, "ERR too long");
        return;
    }
    strcpy(copy, line);
    char *rest = copy;
    const char *verb = strsep(&rest, " ");
    const char *key = rest == NULL ? NULL : strsep(&rest, " ");
    if (key == NULL) {
        say(answer, "ERR a command and a key");
        return;
    }
    if (strcmp(verb, "SET") == 0 && rest != NULL) {
        say(answer, store_set(store, key, rest) == 0 ? "OK" : "ERR not kept");
        return;
    }
    if (strcmp(verb, "GET") == 0) {
        const char *value = store_get(store, key);
        say(answer, value == NULL ? "NONE" : value);
        return;
    }
    say(answer, "ERR unknown command");
}
