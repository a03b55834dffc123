/* One line in, one line out. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include "store.h"

#define ANSWER_BYTES 4096

/* Does what a line without its end says, and writes the answer, also without an end. */
void protocol_answer(struct store *store, const char *line, char answer[ANSWER_BYTES]);

#endif
