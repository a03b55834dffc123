#include "store.h"
#include "suite.h"

#include <stdlib.h>
#include <unistd.h>

static void what_is_set_is_found(void **state)
{
    (void)state;
    struct store *store = store_new();
    assert_int_equal(store_set(store, "a", "one two"), 0);
    assert_int_equal(store_set(store, "a", "three"), 0);
    assert_string_equal(store_get(store, "a"), "three");
    assert_null(store_get(store, "b"));
    assert_int_equal(store_count(store), 1);
    store_free(store);
}

static void bad_keys_and_values_are_refused(void **state)
{
    (void)state;
    struct store *store = store_new();
    assert_int_equal(store_set(store, "", "x"), -1);
    assert_int_equal(store_set(store, "a b", "x"), -1);
    assert_int_equal(store_set(store, "a", "x\ny"), -1);
    assert_int_equal(store_count(store), 0);
    store_free(store);
}

static void a_saved_store_is_loaded_whole(void **state)
{
    (void)state;
    char path[] = "/tmp/c-store-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct store *store = store_new();
    store_set(store, "a", "one two");
    store_set(store, "b", "");
    assert_int_equal(store_save(store, path), 0);
    store_free(store);
    struct store *again = store_load(path);
    assert_non_null(again);
    assert_string_equal(store_get(again, "a"), "one two");
    assert_string_equal(store_get(again, "b"), "");
    store_free(again);
    unlink(path);
    assert_null(store_load(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_set_is_found),
        cmocka_unit_test(bad_keys_and_values_are_refused),
        cmocka_unit_test(a_saved_store_is_loaded_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
