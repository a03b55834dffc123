package app

import io.ktor.client.request.delete
import io.ktor.client.request.get
import io.ktor.client.request.post
import io.ktor.client.request.setBody
import io.ktor.client.statement.bodyAsText
import io.ktor.http.ContentType
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.http.contentType
import io.ktor.server.testing.ApplicationTestBuilder
import io.ktor.server.testing.testApplication
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/** The API without a database: what is answered before one is asked, and what is said when there is none. */
class ApiTest {
    private fun api(burst: Int, test: suspend ApplicationTestBuilder.() -> Unit) = testApplication {
        // Nobody serves there.
        val set = mapOf("DATABASE_URL" to "jdbc:postgresql://127.0.0.1:1/none?user=nobody", "RATE_LIMIT_BURST" to "$burst")
        val config = Config.read(set::get)
        application { api(config, Database(pool(config.databaseUrl))) }
        test()
    }

    @Test
    fun theHealthCheckNeedsNoDatabaseAndNoToken() = api(1) {
        repeat(5) { assertEquals("""{"status":"ok"}""", client.get("/healthz").bodyAsText()) }
    }

    @Test
    fun readinessSaysThatTheDatabaseDoesNotAnswer() = api(9) {
        assertEquals(HttpStatusCode.ServiceUnavailable, client.get("/readyz").status)
    }

    @Test
    fun everyErrorIsAProblemWithTheHeadersOfAllAnswers() = api(99) {
        val answers = mapOf(
            404 to client.get("/nothing"),
            405 to client.delete("/api/v1/notes"),
            422 to client.get("/api/v1/notes?limit=0"),
            400 to client.post("/api/v1/notes") { contentType(ContentType.Application.Json); setBody("{") },
            413 to client.post("/api/v1/notes") {
                contentType(ContentType.Application.Json)
                setBody("""{"title": "${"a".repeat(70_000)}"}""")
            },
        )
        for ((status, answer) in answers) {
            assertEquals(status, answer.status.value)
            assertTrue(answer.headers[HttpHeaders.ContentType].orEmpty().startsWith("application/problem+json"))
            assertEquals("nosniff", answer.headers["X-Content-Type-Options"])
        }
    }

    @Test
    fun whoAsksTooOftenIsToldWhenToComeBack() = api(2) {
        val answers = List(3) { client.get("/nothing") }
        assertEquals(listOf(404, 404, 429), answers.map { it.status.value })
        assertEquals("1", answers[2].headers[HttpHeaders.RetryAfter])
    }
}
