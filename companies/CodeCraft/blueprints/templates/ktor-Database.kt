package app

import java.security.MessageDigest
import java.sql.Connection
import java.sql.ResultSet
import java.time.Instant
import java.time.OffsetDateTime
import java.util.UUID
import javax.sql.DataSource

/** A migration was changed after it had been applied: what the tables are is not what the files say. */
class ChangedMigration(name: String) :
    IllegalStateException("$name was changed after it was applied; write the next migration")

class Note(val id: UUID, val title: String, val body: String, val createdAt: Instant)

/** Any number that nothing else in this database locks. */
private const val LOCK = 6_205_871_443L

/** All SQL of this program. Its calls block: from a coroutine they are made on `Dispatchers.IO`. */
class Database(private val source: DataSource) {
    fun ping() = source.connection.use { it.createStatement().use { statement -> statement.execute("SELECT 1") } }

    /** Applies what is missing, in this order, all or nothing; returns the names of what it applied. */
    fun migrate(migrations: List<Pair<String, String>>): List<String> = transaction { connection ->
        connection.createStatement().use {
            // Of several processes that start at once, one goes first.
            it.execute("SELECT pg_advisory_xact_lock($LOCK)")
            it.execute(
                "CREATE TABLE IF NOT EXISTS schema_migration (" +
                    "name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
            )
        }
        val known = connection.query("SELECT name, sha256 FROM schema_migration") { it.getString(1) to it.getString(2) }.toMap()
        migrations.filter { (name, text) -> apply(connection, known[name], name, text) }.map { it.first }
    }

    private fun apply(connection: Connection, known: String?, name: String, text: String): Boolean {
        val digest = MessageDigest.getInstance("SHA-256").digest(text.toByteArray()).toHexString()
        if (known != null) {
            if (known != digest) throw ChangedMigration(name)
            return false
        }
        connection.createStatement().use { it.execute(text) }
        connection.query("INSERT INTO schema_migration (name, sha256) VALUES (?, ?) RETURNING name", name, digest) {}
        return true
    }

    fun newest(limit: Int): List<Note> = source.connection.use {
        it.query("SELECT id, title, body, created_at FROM note ORDER BY created_at DESC, id DESC LIMIT ?", limit, read = ::note)
    }

    fun one(id: UUID): Note? = source.connection.use {
        it.query("SELECT id, title, body, created_at FROM note WHERE id = ?", id, read = ::note).firstOrNull()
    }

    fun add(title: String, body: String): Note = source.connection.use {
        it.query("INSERT INTO note (title, body) VALUES (?, ?) RETURNING id, title, body, created_at", title, body, read = ::note)
            .first()
    }

    private fun <T> transaction(work: (Connection) -> T): T = source.connection.use { connection ->
        connection.autoCommit = false
        try {
            work(connection).also { connection.commit() }
        } catch (error: Throwable) {
            connection.rollback()
            throw error
        } finally {
            connection.autoCommit = true
        }
    }
}

private fun note(row: ResultSet) = Note(
    id = row.getObject(1, UUID::class.java),
    title = row.getString(2),
    body = row.getString(3),
    createdAt = row.getObject(4, OffsetDateTime::class.java).toInstant(),
)

private fun <T> Connection.query(sql: String, vararg values: Any, read: (ResultSet) -> T): List<T> =
    prepareStatement(sql).use { statement ->
        values.forEachIndexed { at, value -> statement.setObject(at + 1, value) }
        statement.executeQuery().use { rows ->
            buildList { while (rows.next()) add(read(rows)) }
        }
    }
