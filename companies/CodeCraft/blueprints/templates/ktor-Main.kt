package app

import com.zaxxer.hikari.HikariConfig
import com.zaxxer.hikari.HikariDataSource
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import kotlin.system.exitProcess

/** Of `migrations/`, in the order in which they are applied. A new one is added here. */
private val MIGRATIONS = listOf("0001_notes")

fun migrations(): List<Pair<String, String>> = MIGRATIONS.map { name ->
    val file = checkNotNull(Config::class.java.getResource("/migrations/$name.sql")) { "$name.sql is not in the program" }
    name to file.readText()
}

fun pool(url: String) = HikariDataSource(
    HikariConfig().apply {
        jdbcUrl = url
        // Of one process; PostgreSQL has 100 connections for all of them together unless it is told otherwise.
        maximumPoolSize = 10
        connectionTimeout = 3_000
        // A server without its database says so in /readyz and does not die of it.
        initializationFailTimeout = -1
    },
)

fun main() {
    val config = try {
        Config.read(System::getenv)
    } catch (wrong: WrongSettings) {
        System.err.println("these settings cannot be used: ${wrong.message}")
        exitProcess(2)
    }
    val database = Database(pool(config.databaseUrl))
    database.migrate(migrations())
    embeddedServer(Netty, port = config.port, host = config.host) { api(config, database) }.start(wait = true)
}
