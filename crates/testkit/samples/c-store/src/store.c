#include "store.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* A longer line is no entry. */
#define LINE_MAX_BYTES 4096

struct entry {
    struct entry *next;
    char *key;
    char *value;
};

struct store {
    struct entry *first;
};

struct store *store_new(void)
{
    return calloc(1, sizeof(struct store));
}

static void entry_free(struct entry *entry)
{
    free(entry->key);
    free(entry->value);
    free(entry);
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    while (store->first != NULL) {
        struct entry *next = store->first->next;
        entry_free(store->first);
        store->first = next;
    }
    free(store);
}

static struct entry *find(const struct store *store, const char *key)
{
    struct entry *entry = store->first;
    while (entry != NULL && strcmp(entry->key, key) != 0)
        entry = entry->next;
    return entry;
}

int store_set(struct store *store, const char *key, const char *value)
{
    if (*key == '\0' || strpbrk(key, " \t\r\n") != NULL || strpbrk(value, "\r\n") != NULL)
        return -1;
    if (strlen(key) + strlen(value) + 2 >= LINE_MAX_BYTES)
        return -1;
    char *copy = strdup(value);
    if (copy == NULL)
        return -1;
    struct entry *entry = find(store, key);
    if (entry != NULL) {
        free(entry->value);
        entry->value = copy;
        return 0;
    }
    entry = calloc(1, sizeof *entry);
    if (entry == NULL || (entry->key = strdup(key)) == NULL) {
        free(entry);
        free(copy);
        return -1;
    }
    entry->value = copy;
    entry->next = store->first;
    store->first = entry;
    return 0;
}

const char *store_get(const struct store *store, const char *key)
{
    const struct entry *entry = find(store, key);
    return entry == NULL ? NULL : entry->value;
}

size_t store_count(const struct store *store)
{
    size_t count = 0;
    for (const struct entry *entry = store->first; entry != NULL; entry = entry->next)
        count++;
    return count;
}

int store_save(const struct store *store, const char *path)
{
    gzFile file = gzopen(path, "wb");
    if (file == NULL)
        return -1;
    int failed = 0;
    for (const struct entry *entry = store->first; entry != NULL && !failed; entry = entry->next)
        failed = gzprintf(file, "%s %s\n", entry->key, entry->value) <= 0;
    return gzclose(file) == Z_OK && !failed ? 0 : -1;
}

struct store *store_load(const char *path)
{
    gzFile file = gzopen(path, "rb");
    if (file == NULL)
        return NULL;
    struct store *store = store_new();
    char line[LINE_MAX_BYTES];
    int failed = store == NULL;
    while (!failed && gzgets(file, line, sizeof line) != NULL) {
        char *blank = strchr(line, ' ');
        char *end = strchr(line, '\n');
        failed = blank == NULL || end == NULL;
        if (!failed) {
            *blank = *end = '\0';
            failed = store_set(store, line, blank + 1) != 0;
        }
    }
    failed |= !gzeof(file);
    failed |= gzclose(file) != Z_OK;
    if (failed) {
        store_free(store);
        return NULL;
    }
    return store;
}
