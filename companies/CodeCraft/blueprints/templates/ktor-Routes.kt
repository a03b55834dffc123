package app

import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.serialization.kotlinx.json.json
import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationCallPipeline
import io.ktor.server.application.call
import io.ktor.server.application.install
import io.ktor.server.plugins.bodylimit.RequestBodyLimit
import io.ktor.server.plugins.contentnegotiation.ContentNegotiation
import io.ktor.server.plugins.origin
import io.ktor.server.request.path
import io.ktor.server.request.receive
import io.ktor.server.response.header
import io.ktor.server.response.respond
import io.ktor.server.routing.Route
import io.ktor.server.routing.get
import io.ktor.server.routing.post
import io.ktor.server.routing.route
import io.ktor.server.routing.routing
import java.util.UUID
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json

/** Bytes of a request's body. */
const val BODY_BYTES_MAX = 64L * 1024

/** An API gives no page: nothing of it may be shown in one, loaded by one, or guessed to be another type. */
private val FIXED = mapOf(
    "Content-Security-Policy" to "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options" to "nosniff",
    "X-Frame-Options" to "DENY",
    "Referrer-Policy" to "no-referrer",
    "Cross-Origin-Resource-Policy" to "same-origin",
    // It counts over HTTPS alone, which ends at the proxy.
    "Strict-Transport-Security" to "max-age=63072000; includeSubDomains",
    "Cache-Control" to "no-store",
)

@Serializable
private class Status(val status: String)

@Serializable
private class NewNote(val title: String, val body: String = "")

@Serializable
private class NoteWire(val id: String, val title: String, val body: String, val created_at: String)

private fun Note.wire() = NoteWire(id.toString(), title, body, createdAt.toString())

fun Application.api(config: Config, database: Database) {
    val buckets = Buckets(config.rateLimitBurst, config.rateLimitPerS)
    intercept(ApplicationCallPipeline.Plugins) {
        FIXED.forEach { (name, value) -> call.response.header(name, value) }
        if (call.request.path() == "/healthz") return@intercept
        val forwarded = call.request.headers.getAll(HttpHeaders.XForwardedFor)?.joinToString(",")
        val client = client(call.request.origin.remoteAddress, forwarded, config.trustedProxies)
        buckets.take(client, System.nanoTime())?.let { retryAfterS ->
            call.tooMany(retryAfterS)
            finish()
        }
    }
    problems()
    install(ContentNegotiation) { json(Json { ignoreUnknownKeys = false }) }
    install(RequestBodyLimit) { bodyLimit { BODY_BYTES_MAX } }
    routing {
        // This process answers. It asks nothing else, so that it stays cheap; it is not counted.
        get("/healthz") { call.respond(Status("ok")) }
        // Whether requests can be served now: the database answers.
        get("/readyz") {
            blocking { database.ping() }
            call.respond(Status("ready"))
        }
        route("/api/v1/notes") { notes(database) }
    }
}

/** Notes: the example of a resource. Replace it by your own. */
private fun Route.notes(database: Database) {
    get {
        val text = call.request.queryParameters["limit"] ?: "20"
        val limit = text.toIntOrNull()?.takeIf { it in 1..100 }
            ?: throw Invalid(listOf(Wrong("/limit", "a whole number from 1 to 100")))
        call.respond(blocking { database.newest(limit) }.map { it.wire() })
    }
    post {
        val note = call.receive<NewNote>()
        val wrong = listOfNotNull(
            wrong("/title", note.title, 1..200),
            wrong("/body", note.body, 0..10_000),
        )
        if (wrong.isNotEmpty()) throw Invalid(wrong)
        val made = blocking { database.add(note.title, note.body) }
        call.response.header(HttpHeaders.Location, "/api/v1/notes/${made.id}")
        call.respond(HttpStatusCode.Created, made.wire())
    }
    get("/{id}") {
        val id = runCatching { UUID.fromString(call.parameters["id"]) }.getOrNull()
            ?: throw Invalid(listOf(Wrong("/id", "a UUID")))
        val note = blocking { database.one(id) }
        if (note == null) {
            call.respond(HttpStatusCode.NotFound)
        } else {
            call.respond(note.wire())
        }
    }
}

/** PostgreSQL's text takes every character but U+0000, and counts code points. */
private fun wrong(pointer: String, text: String, range: IntRange): Wrong? {
    val fits = text.codePointCount(0, text.length) in range && '\u0000' !in text
    return if (fits) null else Wrong(pointer, "${range.first} to ${range.last} characters, without U+0000")
}

private suspend fun <T> blocking(work: () -> T): T = withContext(Dispatchers.IO) { work() }
