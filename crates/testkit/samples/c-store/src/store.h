/* Keys and values in memory. Keys have no blanks, values no line ends. */
#ifndef STORE_H
#define STORE_H

#include <stddef.h>

struct store;

/* NULL when there is no memory. */
struct store *store_new(void);
void store_free(struct store *store);

/* 0, or -1 for a bad key or value, or without memory. */
int store_set(struct store *store, const char *key, const char *value);

/* NULL when the key is not there. Valid until the store changes. */
const char *store_get(const struct store *store, const char *key);

size_t store_count(const struct store *store);

/* Writes everything, compressed. 0, or -1 when the file cannot be written. */
int store_save(const struct store *store, const char *path);

/* NULL when the file cannot be read or is not whole. */
struct store *store_load(const char *path);

#endif
