package app

import java.util.UUID
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull

/** With a real PostgreSQL, that of DATABASE_URL; without one it says so and fails in the CI. Each test has a schema of its own. */
class DatabaseTest {
    private fun world(test: (Database) -> Unit) {
        val url = System.getenv("DATABASE_URL").orEmpty()
        if (url.isEmpty()) {
            check(System.getenv("GITHUB_ACTIONS") == null) { "the CI has to give a PostgreSQL in DATABASE_URL" }
            println("left out: DATABASE_URL names no PostgreSQL that tests may write to")
            return
        }
        val schema = "test_" + UUID.randomUUID().toString().replace("-", "")
        val join = if ('?' in url) '&' else '?'
        pool(url).use { admin ->
            admin.connection.use { it.createStatement().execute("CREATE SCHEMA $schema") }
            pool("$url${join}currentSchema=$schema").use { test(Database(it)) }
            admin.connection.use { it.createStatement().execute("DROP SCHEMA $schema CASCADE") }
        }
    }

    @Test
    fun migrationsRunTwiceWithoutHarm() = world { database ->
        assertEquals(listOf("0001_notes"), database.migrate(migrations()))
        assertEquals(emptyList(), database.migrate(migrations()))
        assertFailsWith<ChangedMigration> { database.migrate(listOf("0001_notes" to "SELECT 1")) }
        assertFailsWith<java.sql.SQLException> { database.add("", "") }
    }

    @Test
    fun aNoteIsMadeFoundAndListed() = world { database ->
        database.migrate(migrations())
        val sly = "'); DROP TABLE note; --"
        for (title in listOf("first", sly)) {
            val made = database.add(title, "")
            assertEquals(title, database.one(made.id)?.title)
        }
        assertEquals(listOf(sly), database.newest(1).map { it.title })
        assertNull(database.one(UUID.randomUUID()))
    }
}
